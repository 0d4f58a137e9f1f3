#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "codesign/pipeline.hpp"

namespace sparsecim {

/// The dense model in fewer bits, ready to be evaluated.
struct BaselineModel {
  Baseline baseline;  // without its quality
  Llama model;        // reads the dense checkpoint's blocks
};

/// 8-bit integers where the dense model computes in float32 on the CPU, and weights in 4 bits; with `equal_bytes` also
/// the one or two widths whose stored bytes are next to these. Errors: the checkpoint's.
Result<std::vector<BaselineModel>> open_baselines(const OpenModel& dense, std::optional<std::int64_t> equal_bytes);

}  // namespace sparsecim
