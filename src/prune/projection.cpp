#include "prune/projection.hpp"

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include "base/interrupt.hpp"
#include "prune/monarch_order.hpp"

namespace sparsecim {
namespace {

/// The leading singular triples of some slices, and what all others amount to.
struct Triples {
  at::Tensor left;     // [slices, rows, rank], columns u_q sqrt(s_q)
  at::Tensor right;    // [slices, rank, columns], rows v_q sqrt(s_q)
  at::Tensor squares;  // [slices, min(rows, columns)], all s_q^2, largest first
};

/// Of slices [slices, rows, columns] in float64, by the eigenvectors of the smaller of S S^T and S^T S: for long slices
/// several times faster than LAPACK's gesdd. What this loses, half the digits of the smallest singular values, is below
/// the float32 of the factors as long as sums are in float64.
Triples leading_triples(const at::Tensor& slices, std::int64_t rank) {
  const bool tall = slices.size(1) > slices.size(2);
  const at::Tensor s = tall ? slices.transpose(1, 2) : slices;
  const auto [values, vectors] = at::linalg_eigh(s.matmul(s.transpose(1, 2)));  // ascending
  const at::Tensor u = vectors.flip(2).narrow(2, 0, rank);                      // [slices, short side, rank]
  const at::Tensor scaled = u.transpose(1, 2).matmul(s);                        // rows s_q v_q
  const at::Tensor root = scaled.norm(2, {2}, /*keepdim=*/true).sqrt();         // [slices, rank, 1]
  const at::Tensor v = scaled * root.reciprocal().masked_fill(root == 0, 0);
  const at::Tensor rooted = u * root.transpose(1, 2);
  const at::Tensor squares = values.flip(1).clamp_min(0);
  return tall ? Triples{v.transpose(1, 2), rooted.transpose(1, 2), squares} : Triples{rooted, v, squares};
}

/// All slices' triples as they come: block b of the left factor and k of the right share slice (b, k).
struct SliceFactors {
  at::Tensor left;                     // [blocks (b), blocks (k), rank, outputs] float32
  at::Tensor right;                    // [blocks (b), blocks (k), rank, inputs]
  std::vector<double> squared_errors;  // by b
};

/// Sum of the squares of what the slices (b, 0 ..) lose at their own ranks.
double discarded(const at::Tensor& squares, const MonarchShape& shape, std::int64_t b) {
  double sum = 0;
  for (std::int64_t k = 0; k < shape.blocks; ++k) {
    const std::int64_t rank = shape.slice_rank(b, k);
    sum += squares[k].narrow(0, rank, squares.size(1) - rank).sum().item<double>();
  }
  return sum;
}

/// Block after block of the left factor, several at a time.
Result<SliceFactors> factor_slices(const at::Tensor& weight, const MonarchShape& shape) {
  const at::Tensor slices = in_slices(weight, shape);  // [blocks (b), outputs, blocks (k), inputs]
  const std::int64_t blocks = shape.blocks, rank = (shape.middle + blocks - 1) / blocks;
  SliceFactors factors{at::empty({blocks, blocks, rank, shape.outputs}, at::kFloat),
                       at::empty({blocks, blocks, rank, shape.inputs}, at::kFloat),
                       std::vector<double>(static_cast<std::size_t>(blocks))};
  at::parallel_for(0, blocks, 1, [&](std::int64_t begin, std::int64_t end) {
    const c10::InferenceMode no_gradients;
    for (std::int64_t b = begin; b < end && check_interrupt(); ++b) {
      const Triples triples = leading_triples(slices[b].transpose(0, 1).to(at::kDouble), rank);
      factors.left[b].copy_(triples.left.transpose(1, 2));
      factors.right[b].copy_(triples.right);
      factors.squared_errors[static_cast<std::size_t>(b)] = discarded(triples.squares, shape, b);
    }
  });
  SC_TRY(check_interrupt());
  return factors;
}

}  // namespace

Result<Projection> project(const at::Tensor& weight, const MonarchShape& shape) {
  const at::Tensor own = weight.to(at::kCPU, at::kFloat);
  if (!own.isfinite().all().item<bool>()) return fail("a weight is not finite");
  SC_TRY_ASSIGN(const SliceFactors slices, factor_slices(own, shape));
  const MiddleChannels channels = middle_channels(shape);
  const auto of_channels = [&](const at::Tensor& factor) {  // [channels, outputs or inputs]
    return factor.index({channels.reader, channels.writer, channels.index_in_slice});
  };
  Projection projection{.factors = {shape, {}, {}}, .squared_norm = own.to(at::kDouble).square().sum().item<double>()};
  projection.factors.left =
      of_channels(slices.left).view({shape.middle, shape.blocks, shape.outputs}).permute({1, 2, 0}).contiguous();
  projection.factors.right = of_channels(slices.right).view({shape.blocks, shape.middle, shape.inputs}).contiguous();
  for (const double error : slices.squared_errors) projection.squared_error += error;
  return projection;
}

}  // namespace sparsecim
