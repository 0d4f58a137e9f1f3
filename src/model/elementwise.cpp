#include "model/elementwise.hpp"

#include <ATen/Parallel.h>

#include "model/row_kernels.hpp"

namespace sparsecim {
namespace {

constexpr std::int64_t kWorthThreads = 1 << 15;  // elements: some microseconds, as waking threads takes

/// Whether the kernels serve: they know CPUs, rows behind each other, float32 and bfloat16, and no gradients.
bool suits(const at::Tensor& x) {
  return x.is_cpu() && x.is_contiguous() && !x.requires_grad() &&
         (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16);
}

/// body(begin, end) over rows of `width` elements.
template <class Body>
void over_rows(std::int64_t n_rows, std::int64_t width, Body body) {
  at::parallel_for(0, n_rows, std::max<std::int64_t>(1, kWorthThreads / width), body);
}

/// Calls body with a float or a Bfloat, whichever x holds.
template <class Body>
void with_type(const at::Tensor& x, Body body) {
  x.scalar_type() == at::kFloat ? body(float{}) : body(Bfloat{});
}
template <class T>
T* data(const at::Tensor& x) {
  return static_cast<T*>(x.data_ptr());
}

/// `y` undefined: the norm of x.
void add_and_norm_into(const at::Tensor& x, const at::Tensor& y, const at::Tensor& weight, double epsilon,
                       const at::Tensor& sum, const at::Tensor& out) {
  const std::int64_t width = x.size(-1);
  with_type(x, [&](auto type) {
    using T = decltype(type);
    const T *a = data<T>(x), *b = y.defined() ? data<T>(y) : nullptr, *w = data<T>(weight);
    T *s = sum.defined() ? data<T>(sum) : nullptr, *o = data<T>(out);
    over_rows(x.numel() / width, width, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin * width; i < end * width; i += width)
        add_and_norm(a + i, b ? b + i : nullptr, w, static_cast<float>(epsilon), s ? s + i : nullptr, o + i, width);
    });
  });
}

}  // namespace

namespace plain {

at::Tensor rms_norm(const at::Tensor& hidden, const at::Tensor& weight, double epsilon) {
  const at::Tensor x = hidden.to(at::kFloat);
  const at::Tensor scale = (x.square().mean(-1, true) + epsilon).rsqrt();
  return weight * (x * scale).to(weight.scalar_type());
}

at::Tensor silu_times(at::Tensor gate, const at::Tensor& up) { return at::silu(gate) * up; }

at::Tensor rotate(at::Tensor heads, const Rotation& rotation) {
  const auto halves = heads.chunk(2, -1);
  const at::Tensor turned = at::cat({-halves[1], halves[0]}, -1);
  const at::Tensor cosine = rotation.cosine.unsqueeze(1), sine = rotation.sine.unsqueeze(1);  // [tokens, 1, head_dim]
  return (heads * cosine + turned * sine).to(heads.scalar_type());
}

}  // namespace plain

at::Tensor rms_norm(const at::Tensor& hidden, const at::Tensor& weight, double epsilon) {
  if (!suits(hidden)) return plain::rms_norm(hidden, weight, epsilon);
  at::Tensor out = at::empty_like(hidden);
  add_and_norm_into(hidden, {}, weight, epsilon, {}, out);
  return out;
}

std::pair<at::Tensor, at::Tensor> add_and_norm(const at::Tensor& x, const at::Tensor& y, const at::Tensor& weight,
                                               double epsilon) {
  if (!suits(x) || !suits(y)) {
    const at::Tensor sum = x + y;
    return {sum, plain::rms_norm(sum, weight, epsilon)};
  }
  std::pair result{at::empty_like(x), at::empty_like(x)};
  add_and_norm_into(x, y, weight, epsilon, result.first, result.second);
  return result;
}

at::Tensor silu_times(at::Tensor gate, const at::Tensor& up) {
  if (!suits(gate) || !suits(up)) return plain::silu_times(gate, up);
  const std::int64_t width = gate.size(-1);
  with_type(gate, [&](auto type) {
    using T = decltype(type);
    T* g = data<T>(gate);
    const T* u = data<T>(up);
    over_rows(gate.numel() / width, width, [=](std::int64_t begin, std::int64_t end) {
      silu_times(g + begin * width, u + begin * width, g + begin * width, (end - begin) * width);
    });
  });
  return gate;
}

at::Tensor rotate(at::Tensor heads, const Rotation& rotation) {
  if (!suits(heads)) return plain::rotate(heads, rotation);
  const std::int64_t tokens = heads.size(1), n_heads = heads.size(2), head_dim = heads.size(3);
  const std::int64_t width = n_heads * head_dim;
  const float *cosine = data<float>(rotation.cosine), *sine = data<float>(rotation.sine);
  with_type(heads, [&](auto type) {
    using T = decltype(type);
    T* rows = data<T>(heads);
    over_rows(heads.size(0) * tokens, width, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const std::int64_t angles = row % tokens * head_dim;
        turn(rows + row * width, n_heads, head_dim, cosine + angles, sine + angles);
      }
    });
  });
  return heads;
}

}  // namespace sparsecim
