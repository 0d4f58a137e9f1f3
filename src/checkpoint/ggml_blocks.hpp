#pragma once

#include "checkpoint/storage.hpp"

namespace sparsecim {

/// ggml's quantised blocks to float32, with the roundings of ggml's own reference: bit for bit what PyPI's gguf gives.
/// REQUIRES: `storage` is one of them; `in` holds exactly the blocks that make out.size() values.
void dequantise_blocks(Storage storage, std::span<const std::byte> in, std::span<float> out);

}  // namespace sparsecim
