#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <optional>

namespace sparsecim {

/// Causal attention with grouped queries (arXiv 2305.13245) and, with `window`, a sliding window (arXiv 2310.06825,
/// section 2): each query sees the last `window` keys, its own included. queries [batch, n_heads, tokens, head_dim] are
/// those of the last `tokens` of the positions that keys and values [batch, n_kv_heads, positions, head_dim] hold.
/// Gives [batch, tokens, n_heads * head_dim]. On a CPU the whole matrix of scores is never held.
at::Tensor attend(const at::Tensor& queries, const at::Tensor& keys, const at::Tensor& values,
                  std::optional<std::int64_t> window);

/// The same by LibTorch's kernels: where ours (flash_attention.hpp) does not serve.
at::Tensor attend_by_libtorch(const at::Tensor& queries, const at::Tensor& keys, const at::Tensor& values,
                              std::optional<std::int64_t> window);

}  // namespace sparsecim
