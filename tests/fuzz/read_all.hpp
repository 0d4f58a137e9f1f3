#pragma once

#include <cmath>

#include "base/check.hpp"
#include "checkpoint/mapped_checkpoint.hpp"

namespace sparsecim::fuzz {

/// Reads every tensor: what a parser has accepted must be readable, finite or not.
inline void read_all(Contents contents) {
  const MappedCheckpoint checkpoint(std::move(contents), {}, {}, [] { return Result<Vocabulary>(fail("none")); });
  std::vector<float> values;
  for (const TensorInfo& info : checkpoint.tensors()) {
    values.resize(static_cast<std::size_t>(info.elements()));
    if (checkpoint.read(info, values))
      for (const float value : values) SC_CHECK(std::isfinite(value));
  }
}

}  // namespace sparsecim::fuzz
