#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "hardware/flexcim/flexcim.hpp"

namespace sparsecim {

/// A matrix product on one macro, for a simulator of its RTL.
struct RtlBenchWork {
  Pattern pattern;                           // that the macro runs it as
  std::span<const std::int8_t> weights;      // [n_outputs, n_inputs] row-major
  std::span<const std::int8_t> activations;  // [n_tokens, n_inputs] row-major
  std::int64_t n_inputs = 0;
  std::int64_t strips = 1;  // of outputs, a macro's columns wide, evenly spread with the last one among them
};

/// Files for rtl/tb/flexcim_tb.sv, which docs/rtl.md describes: parameters.svh, images of the tiles as the macro stores
/// them, the words of the activation buffer's port, and the sums that the functional model gives.
struct RtlBench {
  struct File {
    std::string name, text;
  };
  std::vector<File> files;
  std::int64_t tiles = 0, passes = 0, sums = 0;
};

/// REQUIRES: validate(parameters); n_inputs >= 1 divides both sizes, which are not 0; strips >= 1. Errors: settings
/// that the RTL does not have; a block with more than N weights, or pairs that columns cannot share.
Result<RtlBench> make_rtl_bench(const FlexcimParameters& parameters, const RtlBenchWork& work);

/// The RTL and the bench themselves, as compiled in: "flexcim_macro.sv" and so on.
std::vector<RtlBench::File> rtl_sources();

}  // namespace sparsecim
