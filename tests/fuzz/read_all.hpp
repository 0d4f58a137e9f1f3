#pragma once

#include "checkpoint/mapped_checkpoint.hpp"

namespace sparsecim {

/// Reads every tensor: what a parser has accepted must be readable, finite or not.
inline void read_all(Contents contents) {
  const MappedCheckpoint checkpoint(std::move(contents), {}, {}, [] { return Result<Vocabulary>(fail("none")); });
  std::vector<float> values;
  for (const TensorInfo& info : checkpoint.tensors()) {
    values.resize(static_cast<std::size_t>(info.elements()));
    const auto ignored = checkpoint.read(info, values);
    (void)ignored;
  }
}

}  // namespace sparsecim
