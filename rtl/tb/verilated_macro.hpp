#pragma once

#include <algorithm>
#include <type_traits>

#include "rtl_macro.hpp"
#include "verilated.h"

namespace sparsecim::rtl {

/// `Model` is the class that Verilator made of flexcim_macro.
template <class Model>
class VerilatedMacro : public RtlMacro {
 public:
  VerilatedMacro() : sums_(8 * static_cast<std::int64_t>(sizeof(model_.sums_o))) {}
  ~VerilatedMacro() override { model_.final(); }

  PortOutputs settle(const PortInputs& inputs) override {
    model_.clk_i = 0;
    model_.rst_ni = !inputs.reset;
    model_.load_valid_i = inputs.row != nullptr;
    if (inputs.row != nullptr) {
      put(model_.load_weights_i, inputs.row->weights);
      put(model_.load_isel_i, inputs.row->isel);
      put(model_.load_pairs_i, inputs.row->pairs);
    }
    model_.iact_valid_i = inputs.word != nullptr;
    if (inputs.word != nullptr) put_word(*inputs.word);
    model_.sum_ready_i = inputs.sum_ready;
    model_.eval();
    return {model_.load_ready_o != 0, model_.iact_ready_o != 0, model_.pass_start_o != 0, model_.sum_valid_o != 0};
  }

  const Bits& sums() override {
    get(model_.sums_o);
    return sums_;
  }

  void tick() override {
    model_.clk_i = 1;
    model_.eval();
  }

 private:
  /// Verilator makes integers of ports of up to 64 bits, and arrays of 32-bit words of wider ones.
  template <class Port>
  static void put(Port& port, const Bits& bits) {
    if constexpr (std::is_integral_v<Port>) {
      std::uint64_t value = bits.words()[0];
      if (bits.words().size() > 1) value |= std::uint64_t{bits.words()[1]} << 32;
      port = static_cast<Port>(value);
    } else {
      std::copy_n(bits.words().data(), std::min(bits.words().size(), sizeof(port) / 4), port.data());
    }
  }

  template <class Port>
  void get(const Port& port) {
    if constexpr (std::is_integral_v<Port>) {
      sums_.words()[0] = static_cast<std::uint32_t>(port);
      if constexpr (sizeof(Port) > 4) sums_.words()[1] = static_cast<std::uint32_t>(port >> 32);
    } else {
      std::copy_n(port.data(), sums_.words().size(), sums_.words().data());
    }
  }

  void put_word(const IactWord& word) {
    put(model_.iact_word_i, word.bits);
    model_.iact_words_i = word.words;
    model_.iact_switch_i = word.switches;
    model_.iact_mode_n_i = word.n;
    model_.iact_mode_log_m_i = word.log_m;
  }

  Bits sums_;

 protected:
  Model model_;
};

}  // namespace sparsecim::rtl
