#include "prune/calibrated_projection.hpp"

#include <cmath>

#include "base/interrupt.hpp"
#include "prune/monarch_order.hpp"

namespace sparsecim {
namespace {

/// Eigenvalues below this share of the largest are taken for zero; in their directions nothing is moved.
constexpr double kRankTolerance = 1e-10;

/// Of symmetric matrices [..., n, n].
at::Tensor pseudo_inverse(const at::Tensor& matrices) { return at::linalg_pinv(matrices, kRankTolerance, true); }

/// [n_in, n_in] -> [padded inputs, padded inputs], in the order of the right factor's blocks.
at::Tensor ordered_moments(const at::Tensor& moments, const MonarchShape& shape) {
  const at::Tensor half = in_blocks_of_inputs(moments, shape).flatten(1);
  return in_blocks_of_inputs(half.t(), shape).flatten(1).contiguous();
}

/// The fit of one layer. N: padded inputs, ordered by the blocks that read them; all in float64.
class OutputFit {
 public:
  OutputFit(const at::Tensor& weight, at::Tensor moments, const MonarchLinear& start)
      : shape_(start.shape),
        moments_(std::move(moments)),
        left_(start.left.to(at::kDouble)),
        right_(start.right.to(at::kDouble)) {
    const at::Tensor slices = in_slices(weight.to(at::kCPU, at::kDouble), shape_).flatten(2);  // [blocks, outputs, N]
    weighted_ = slices.matmul(moments_);
    squared_norm_ = (slices * weighted_).sum().item<double>();
    const at::Tensor blocks = moments_.view({shape_.blocks, shape_.inputs, shape_.blocks, shape_.inputs});
    own_inverses_ = pseudo_inverse(blocks.diagonal(0, 0, 2).permute({2, 0, 1}).contiguous());
    const MiddleChannels channels = middle_channels(shape_);
    reader_ = channels.reader.view({shape_.blocks, shape_.middle});
  }

  double squared_norm() const { return squared_norm_; }
  MonarchLinear factors() const { return {shape_, left_.to(at::kFloat), right_.to(at::kFloat)}; }

  /// The squared output error of the factors as they are; what fit_left needs is remembered.
  double squared_error() {
    const at::Tensor z = by_reader(spread_right());
    products_ = moments_.view({shape_.blocks, shape_.inputs, -1});  // rows that block k of R reads
    products_ = at::bmm(right_, products_).flatten(0, 1);           // Z C, [channels, N]
    hessian_ = at::bmm(by_reader(products_), z.transpose(1, 2));    // Z C Z^T by block of L, [blocks, middle, middle]
    target_ = at::bmm(weighted_, z.transpose(1, 2));                // W C Z^T, [blocks, outputs, middle]
    return squared_error_of_left();
  }

  /// The best left factor for this right one. REQUIRES: squared_error() was called for it.
  double fit_left() {
    left_ += at::bmm(target_ - at::bmm(left_, hessian_), pseudo_inverse(hessian_));
    return squared_error_of_left();
  }

  /// The best block of the right factor for all else as it is, block after block. REQUIRES: as fit_left.
  void fit_right() {
    const at::Tensor inverses = pseudo_inverse(left_grams());  // [blocks, middle, middle]
    for (std::int64_t k = 0; k < shape_.blocks; ++k) {
      const at::Tensor step = inverses[k].mm(descent(k)).mm(own_inverses_[k]);  // [middle, inputs]
      right_[k] += step;
      products_.narrow(0, k * shape_.middle, shape_.middle) +=
          step.mm(moments_.narrow(0, k * shape_.inputs, shape_.inputs));
    }
  }

 private:
  /// [channels, n] -> [blocks, middle, n]: the channels that each block of the left factor reads.
  at::Tensor by_reader(const at::Tensor& channels) const {
    return channels.view({shape_.middle, shape_.blocks, -1}).transpose(0, 1);
  }

  /// The right factor written out, zeros included: [channels, N].
  at::Tensor spread_right() const {
    at::Tensor spread = at::zeros({shape_.blocks, shape_.middle, shape_.blocks, shape_.inputs}, at::kDouble);
    spread.diagonal(0, 0, 2).copy_(right_.permute({1, 2, 0}));
    return spread.view({shape_.middle_channels(), -1});
  }

  double squared_error_of_left() const {
    const at::Tensor quadratic = at::bmm(left_, hessian_) - 2 * target_;
    return squared_norm_ + (left_ * quadratic).sum().item<double>();
  }

  /// L_k^T L_k for the channels of each block k of the right factor: two of different readers share no output.
  at::Tensor left_grams() const {
    const at::Tensor grams = at::bmm(left_.transpose(1, 2), left_);  // [blocks, middle, middle], by reader
    const at::Tensor place = at::arange(shape_.middle_channels(), at::kLong).div(shape_.blocks, "floor");
    const at::Tensor r = place.view({shape_.blocks, shape_.middle});
    const at::Tensor of_k = grams.index({reader_.unsqueeze(2), r.unsqueeze(2), r.unsqueeze(1)});
    return of_k * (reader_.unsqueeze(2) == reader_.unsqueeze(1));
  }

  /// Half the negative gradient with respect to R_k: L_k^T (W - M) C_k, [middle, inputs].
  at::Tensor descent(std::int64_t k) const {
    const std::int64_t begin = k * shape_.inputs;
    const at::Tensor made = at::bmm(left_, by_reader(products_).narrow(2, begin, shape_.inputs));
    const at::Tensor missing = weighted_.narrow(2, begin, shape_.inputs) - made;  // [blocks, outputs, inputs]
    const at::Tensor all = at::bmm(left_.transpose(1, 2), missing);               // [blocks, middle, inputs], by reader
    return all.transpose(0, 1).reshape({-1, shape_.inputs}).narrow(0, k * shape_.middle, shape_.middle);
  }

  MonarchShape shape_;
  at::Tensor moments_;  // C [N, N]
  at::Tensor left_, right_;
  at::Tensor weighted_;      // W C [blocks, outputs, N]
  double squared_norm_;      // tr W C W^T
  at::Tensor own_inverses_;  // of C_kk [blocks, inputs, inputs]
  at::Tensor reader_;        // [blocks, middle]: of each block's channels
  at::Tensor products_, hessian_, target_;
};

}  // namespace

Result<CalibratedProjection> calibrate_projection(const at::Tensor& weight, const at::Tensor& moments,
                                                  const MonarchLinear& start, const CalibrationSweeps& sweeps) {
  if (!weight.isfinite().all().item<bool>()) return fail("a weight is not finite");
  if (!moments.isfinite().all().item<bool>())
    return fail("an activation of the model is not finite on this text: its weights are broken");
  at::Tensor damped = moments.to(at::kCPU, at::kDouble, false, /*copy=*/true);
  damped.diagonal().add_(sweeps.damping * damped.diagonal().mean());
  OutputFit fit(weight, ordered_moments(damped, start.shape), start);
  const auto relative = [&](double squared) {
    return fit.squared_norm() > 0 ? std::sqrt(std::max(squared, 0.0) / fit.squared_norm()) : 0;
  };
  double error = fit.squared_error();
  CalibratedProjection projection{.factors = {}, .output_errors = {relative(error)}};
  for (int sweep = 0; sweep < sweeps.most && error > 0; ++sweep) {
    SC_TRY(check_interrupt());
    const double before = error;
    if (sweep > 0) fit.fit_right(), fit.squared_error();
    error = fit.fit_left();
    projection.output_errors.push_back(relative(error));
    if (sweep > 0 && before - error < sweeps.least_gain * before) break;
  }
  projection.factors = fit.factors();
  return projection;
}

}  // namespace sparsecim
