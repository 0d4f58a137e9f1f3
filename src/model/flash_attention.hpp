#pragma once

#include <ATen/ATen.h>

#include <cstdint>

namespace sparsecim {

/// attend() of attention.hpp on a CPU, in float32 and bfloat16: softmax over blocks of keys as they come (arXiv
/// 2205.14135, algorithm 1), each block's products by oneDNN's small-matrix kernels. `reach`: how many keys a query
/// sees at most. Skips blocks that no query of its own sees, so that a causal mask halves the work.
at::Tensor flash_attend(const at::Tensor& queries, const at::Tensor& keys, const at::Tensor& values,
                        std::int64_t reach);

/// Whether flash_attend has kernels for this processor, device and type.
bool has_flash_attention(const at::Tensor& queries);

}  // namespace sparsecim
