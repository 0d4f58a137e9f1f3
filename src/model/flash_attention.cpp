#include "model/flash_attention.hpp"

#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/native/CPUBlas.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <type_traits>
#include <vector>

#include "model/row_kernels.hpp"

namespace sparsecim {
namespace {

namespace blas = at::native::cpublas;

// A block's scores, 128 x 512 float32, its weights and the keys and values that they came from stay in the 1 MiB of a
// core's second-level cache. Keys are padded to whole steps, so that there are few shapes to compile kernels for.
constexpr std::int64_t kBlockQueries = 128, kBlockKeys = 512, kStep = 64;

/// Our name of the bits for LibTorch's.
template <class T>
using Bits = std::conditional_t<std::is_same_v<T, float>, float, Bfloat>;

/// oneDNN's kernels read the right factor in units of 32 bits: for bfloat16, rows 2r and 2r + 1 side by side.
template <class T>
constexpr std::int64_t kPaired = sizeof(float) / sizeof(T);

template <class T>
struct Shape {
  Shape(const at::Tensor& queries, const at::Tensor& keys, std::int64_t reach_)
      : n_heads(queries.size(1)),
        n_kv_heads(keys.size(1)),
        tokens(queries.size(2)),
        positions(keys.size(2)),
        head_dim(queries.size(3)),
        reach(reach_) {}
  std::int64_t n_heads, n_kv_heads, tokens, positions, head_dim, reach;

  std::int64_t padded() const { return (positions + kBlockKeys - 1) / kBlockKeys * kBlockKeys; }
  std::int64_t query_blocks() const { return (tokens + kBlockQueries - 1) / kBlockQueries; }
};

/// Keys of one head, transposed, one panel [head_dim, kBlockKeys] after another; zeros behind the last position.
template <class T>
void pack_keys(const Shape<T>& shape, const at::Tensor& keys, T* out) {
  const T* in = keys.const_data_ptr<T>();
  const std::int64_t stride = keys.stride(0), panel = shape.head_dim * kBlockKeys;
  for (std::int64_t key = 0; key < shape.positions; ++key) {
    T* column = out + key / kBlockKeys * panel + key % kBlockKeys * kPaired<T>;
    for (std::int64_t i = 0; i < shape.head_dim; i += kPaired<T>, column += kBlockKeys * kPaired<T>)
      for (std::int64_t j = 0; j < kPaired<T>; ++j) column[j] = in[key * stride + i + j];
  }
}

/// Values of one head, [positions, head_dim], zeros behind.
template <class T>
void pack_values(const Shape<T>& shape, const at::Tensor& values, T* out) {
  const T* in = values.const_data_ptr<T>();
  const std::int64_t stride = values.stride(0);
  for (std::int64_t key = 0; key < shape.positions; ++key) {
    T* row = out + key / kPaired<T> * kPaired<T> * shape.head_dim + key % kPaired<T>;
    for (std::int64_t i = 0; i < shape.head_dim; ++i) row[i * kPaired<T>] = in[key * stride + i];
  }
}

/// Keys and values of all heads in the order that the kernels read: each [batch, n_kv_heads, padded, head_dim].
struct Packed {
  at::Tensor keys, values;
};
template <class T>
Packed pack(const Shape<T>& shape, const at::Tensor& keys, const at::Tensor& values) {
  const std::int64_t batch = keys.size(0);
  Packed packed{at::zeros({batch, shape.n_kv_heads, shape.padded(), shape.head_dim}, keys.options()), {}};
  packed.values = at::zeros_like(packed.keys);
  T *k = packed.keys.data_ptr<T>(), *v = packed.values.data_ptr<T>();
  const std::int64_t size = shape.padded() * shape.head_dim;
  at::parallel_for(0, batch * shape.n_kv_heads, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t b = i / shape.n_kv_heads, head = i % shape.n_kv_heads;
      pack_keys<T>(shape, keys[b][head], k + i * size);
      pack_values<T>(shape, values[b][head], v + i * size);
    }
  });
  return packed;
}

/// What one thread computes with: the state of kBlockQueries queries of one head.
template <class T>
class Worker {
 public:
  explicit Worker(const Shape<T>& shape)
      : shape_(shape),
        queries_(kBlockQueries * shape.head_dim),
        mixed_(kBlockQueries * shape.head_dim),
        scores_(kBlockQueries * kBlockKeys),
        weights_(kBlockQueries * kBlockKeys),
        largest_(kBlockQueries),
        total_(kBlockQueries) {}
  ~Worker() { blas::brgemm_release(sizeof(T) < sizeof(float)); }
  Worker(const Worker&) = delete;

  /// queries, out: the first of the block's rows, with their strides; `first` is its position, `n` how many rows.
  void run(const T* queries, std::int64_t stride, std::int64_t first, std::int64_t n, const T* keys, const T* values,
           T* out, std::int64_t out_stride) {
    start(queries, stride, n);
    const std::int64_t oldest = std::max<std::int64_t>(0, first - shape_.reach + 1);
    for (std::int64_t key = oldest / kBlockKeys * kBlockKeys; key < first + n; key += kBlockKeys) {
      const std::int64_t n_keys = std::min(kBlockKeys, (first + n - key + kStep - 1) / kStep * kStep);
      const std::int64_t d = shape_.head_dim;
      blas::brgemm(kBlockQueries, n_keys, d, d, kBlockKeys, kBlockKeys, false, queries_.data(), keys + key * d,
                   scores_.data(), sizeof(T) < sizeof(float));
      for (std::int64_t row = 0; row < n; ++row) weigh(row, first + row, key, n_keys);
      blas::brgemm(kBlockQueries, d, n_keys, kBlockKeys, d, d, true, weights_.data(), values + key * d, mixed_.data(),
                   sizeof(T) < sizeof(float));
    }
    for (std::int64_t row = 0; row < n; ++row)
      scaled_into(mixed_.data() + row * shape_.head_dim, 1 / total_[row],
                  reinterpret_cast<Bits<T>*>(out + row * out_stride), shape_.head_dim);
  }

 private:
  void start(const T* queries, std::int64_t stride, std::int64_t n) {
    for (std::int64_t row = 0; row < n; ++row)
      std::copy_n(queries + row * stride, shape_.head_dim, queries_.data() + row * shape_.head_dim);
    std::ranges::fill(mixed_, 0.0f);
    std::ranges::fill(largest_, -INFINITY);
    std::ranges::fill(total_, 0.0f);
  }

  /// Turns one query's scores of the keys key .. key + n_keys into weights, and scales what it has mixed so far by what
  /// a larger score than before takes off it.
  void weigh(std::int64_t row, std::int64_t position, std::int64_t key, std::int64_t n_keys) {
    float* scores = scores_.data() + row * kBlockKeys;
    T* weights = weights_.data() + row * kBlockKeys;
    const std::int64_t begin = std::clamp<std::int64_t>(position - shape_.reach + 1 - key, 0, n_keys);
    const std::int64_t end = std::clamp<std::int64_t>(position + 1 - key, begin, n_keys);
    std::fill(weights, weights + begin, T(0));
    std::fill(weights + end, weights + n_keys, T(0));
    if (begin == end) return;
    // e^(s / sqrt(d)) as a power of two.
    const float scale = static_cast<float>(std::numbers::log2e / std::sqrt(static_cast<double>(shape_.head_dim)));
    const float before = largest_[row];
    largest_[row] = std::max(before, largest(scores + begin, end - begin) * scale);
    if (largest_[row] > before) {
      const float kept = std::exp2(before - largest_[row]);
      total_[row] *= kept;
      scale_by(mixed_.data() + row * shape_.head_dim, kept, shape_.head_dim);
    }
    total_[row] +=
        exp2_scaled(scores + begin, scale, largest_[row], reinterpret_cast<Bits<T>*>(weights + begin), end - begin);
  }

  const Shape<T>& shape_;
  std::vector<T> queries_;              // [kBlockQueries, head_dim]
  std::vector<float> mixed_;            // [kBlockQueries, head_dim]
  std::vector<float> scores_;           // [kBlockQueries, kBlockKeys]
  std::vector<T> weights_;              // the same
  std::vector<float> largest_, total_;  // [kBlockQueries], of the scaled scores; of the weights
};

template <class T>
at::Tensor flash(const at::Tensor& queries, const at::Tensor& keys, const at::Tensor& values, std::int64_t reach) {
  const Shape<T> shape(queries, keys, reach);
  const Packed packed = pack<T>(shape, keys, values);
  const std::int64_t batch = queries.size(0), width = shape.n_heads * shape.head_dim;
  at::Tensor out = at::empty({batch, shape.tokens, width}, queries.options());
  const T *q = queries.const_data_ptr<T>(), *k = packed.keys.const_data_ptr<T>(),
          *v = packed.values.const_data_ptr<T>();
  T* mixed = out.data_ptr<T>();
  const std::int64_t blocks = shape.query_blocks(), size = shape.padded() * shape.head_dim;
  const std::int64_t group = shape.n_heads / shape.n_kv_heads;
  at::parallel_for(0, batch * shape.n_heads * blocks, 1, [&](std::int64_t begin, std::int64_t end) {
    Worker<T> worker(shape);
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t b = i / (shape.n_heads * blocks), head = i / blocks % shape.n_heads;
      const std::int64_t token = i % blocks * kBlockQueries, n = std::min(kBlockQueries, shape.tokens - token);
      const std::int64_t kv = (b * shape.n_kv_heads + head / group) * size;
      worker.run(q + b * queries.stride(0) + head * queries.stride(1) + token * queries.stride(2), queries.stride(2),
                 shape.positions - shape.tokens + token, n, k + kv, v + kv,
                 mixed + (b * shape.tokens + token) * width + head * shape.head_dim, width);
    }
  });
  return out;
}

}  // namespace

bool has_flash_attention(const at::Tensor& queries) {
  return queries.is_cpu() && at::get_cpu_capability() == "AVX512" && queries.stride(3) == 1 &&
         (queries.scalar_type() == at::kFloat || queries.scalar_type() == at::kBFloat16);
}

at::Tensor flash_attend(const at::Tensor& queries, const at::Tensor& keys, const at::Tensor& values,
                        std::int64_t reach) {
  return queries.scalar_type() == at::kFloat ? flash<float>(queries, keys, values, reach)
                                             : flash<at::BFloat16>(queries, keys, values, reach);
}

}  // namespace sparsecim
