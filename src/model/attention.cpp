#include "model/attention.hpp"

#include <algorithm>

#include "model/flash_attention.hpp"

namespace sparsecim {
namespace {

/// Queries whose scores are computed together where the kernel itself does not know the mask.
constexpr std::int64_t kQueryChunk = 256;
/// From how many queries on ours, which reorders all keys first, is the faster.
constexpr std::int64_t kManyQueries = 16;

/// LibTorch's kernel; on a CPU, with and without a mask, in float32 and bfloat16, for grouped queries too, that is its
/// flash attention, which holds blocks of scores only.
at::Tensor fused(const at::Tensor& queries, const at::Tensor& keys, const at::Tensor& values,
                 const std::optional<at::Tensor>& mask, bool causal) {
  const bool grouped = keys.size(1) != queries.size(1);
  return at::scaled_dot_product_attention(queries, keys, values, mask, 0, causal, {}, grouped);
}

/// Which of the `n_keys` keys from position `first_key` on the queries from `first_query` on see: [n_queries, n_keys].
at::Tensor band(std::int64_t first_query, std::int64_t n_queries, std::int64_t first_key, std::int64_t n_keys,
                std::int64_t window, at::Device device) {
  const auto options = at::TensorOptions(device).dtype(at::kLong);
  const at::Tensor query = at::arange(first_query, first_query + n_queries, options).unsqueeze(1);
  const at::Tensor key = at::arange(first_key, first_key + n_keys, options);
  return (key <= query).logical_and(key > query - window);
}

/// Chunks of queries, each against the keys that it reaches.
at::Tensor in_chunks(const at::Tensor& queries, const at::Tensor& keys, const at::Tensor& values, std::int64_t window) {
  const std::int64_t tokens = queries.size(2), start = keys.size(2) - tokens;
  std::vector<at::Tensor> parts;
  for (std::int64_t begin = 0; begin < tokens; begin += kQueryChunk) {
    const std::int64_t n = std::min(kQueryChunk, tokens - begin), first_query = start + begin;
    const std::int64_t first_key = std::max<std::int64_t>(0, first_query - window + 1);
    const std::int64_t n_keys = first_query + n - first_key;
    const auto reach = [&](const at::Tensor& x) { return x.narrow(2, first_key, n_keys); };
    std::optional<at::Tensor> mask;
    if (n > 1) mask = band(first_query, n, first_key, n_keys, window, queries.device());
    parts.push_back(fused(queries.narrow(2, begin, n), reach(keys), reach(values), mask, false));
  }
  return parts.size() == 1 ? parts[0] : at::cat(parts, 2);
}

}  // namespace

at::Tensor attend_by_libtorch(const at::Tensor& queries, const at::Tensor& keys, const at::Tensor& values,
                              std::optional<std::int64_t> window) {
  const std::int64_t positions = keys.size(2), tokens = queries.size(2);
  const std::int64_t reach = std::min(window.value_or(positions), positions);
  const at::Tensor mixed = tokens == positions && reach == positions ? fused(queries, keys, values, {}, true)
                                                                     : in_chunks(queries, keys, values, reach);
  return mixed.transpose(1, 2).reshape({queries.size(0), tokens, queries.size(1) * queries.size(3)});
}

at::Tensor attend(const at::Tensor& queries, const at::Tensor& keys, const at::Tensor& values,
                  std::optional<std::int64_t> window) {
  const std::int64_t tokens = queries.size(2);
  if (tokens < kManyQueries || !has_flash_attention(queries)) return attend_by_libtorch(queries, keys, values, window);
  const std::int64_t reach = std::min(window.value_or(keys.size(2)), keys.size(2));
  const std::int64_t seen = std::min(keys.size(2), tokens + reach - 1);  // the last ones
  const auto last = [&](const at::Tensor& x) { return x.narrow(2, x.size(2) - seen, seen); };
  return flash_attend(queries, last(keys), last(values), reach);
}

}  // namespace sparsecim
