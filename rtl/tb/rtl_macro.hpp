#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "hardware/flexcim/flexcim.hpp"

namespace sparsecim::rtl {

/// The bits of a port, 32 to a word, the lowest first.
class Bits {
 public:
  explicit Bits(std::int64_t n_bits = 0) : words_(static_cast<std::size_t>(divide_up(n_bits, 32))) {}

  /// REQUIRES: the bits from `first` on are zero and inside; n_bits at most 32.
  void put(std::int64_t first, std::int64_t n_bits, std::uint32_t value) {
    const std::uint64_t placed = (value & ((std::uint64_t{1} << n_bits) - 1)) << (first % 32);
    const auto word = static_cast<std::size_t>(first / 32);
    words_[word] |= static_cast<std::uint32_t>(placed);
    if (placed >> 32 != 0) words_[word + 1] |= static_cast<std::uint32_t>(placed >> 32);
  }
  /// Two's complement. REQUIRES: n_bits at most 32.
  std::int64_t get(std::int64_t first, std::int64_t n_bits) const {
    const auto word = static_cast<std::size_t>(first / 32);
    std::uint64_t value = words_[word];
    if (word + 1 < words_.size()) value |= std::uint64_t{words_[word + 1]} << 32;
    value = (value >> (first % 32)) << (64 - n_bits);
    return static_cast<std::int64_t>(value) >> (64 - n_bits);
  }
  std::vector<std::uint32_t>& words() { return words_; }
  const std::vector<std::uint32_t>& words() const { return words_; }

 private:
  std::vector<std::uint32_t> words_;
};

/// A beat of the load port: a row of a tile.
struct LoadRow {
  Bits weights, isel, pairs;
};

/// A beat of the input port.
struct IactWord {
  Bits bits;
  std::uint32_t words = 1;         // of its unit: a plane, or the whole pass
  bool switches = false;           // its pass is the first through the tile loaded last
  std::uint32_t n = 1, log_m = 0;  // the mode
};

/// What the ports are driven with in a cycle: nothing is a valid that is low.
struct PortInputs {
  bool reset = false;
  const LoadRow* row = nullptr;
  const IactWord* word = nullptr;
  bool sum_ready = false;
};

struct PortOutputs {
  bool load_ready, iact_ready, pass_start, sum_valid;
};

/// flexcim_macro as simulated by Verilator, for one set of parameters.
class RtlMacro {
 public:
  virtual ~RtlMacro() = default;
  /// Drives the inputs of this cycle, and gives the outputs that they lead to.
  virtual PortOutputs settle(const PortInputs& inputs) = 0;
  virtual const Bits& sums() = 0;
  /// The rising edge that ends this cycle.
  virtual void tick() = 0;
  /// Puts a fault of rtl/tb/plant_faults to work, from 1 on, with the assertions off; 0: none. Only in faulty_models.
  virtual void plant_fault(std::uint32_t) {}
};

/// A set of parameters that the bench was built with.
struct RtlModel {
  std::string name;
  FlexcimParameters parameters;
  int max_m = 8;
  std::unique_ptr<RtlMacro> (*make)();
};

/// CMake writes them: rtl/tb/CMakeLists.txt lists the parameters.
const std::vector<RtlModel>& rtl_models();
const std::vector<RtlModel>& faulty_models();
const std::vector<RtlModel>& full_models();

}  // namespace sparsecim::rtl
