#include "prune/sparsegpt.hpp"

#include <algorithm>
#include <optional>
#include <tuple>

#include "base/interrupt.hpp"

namespace sparsecim {
namespace {

constexpr std::int64_t kBlockColumns = 128;  // whose errors wait before they move on: arXiv 2301.00774, section 3.3
constexpr int kMostRaises = 3;               // of the damping, tenfold each

/// The upper triangular U with U^T U = (H + damping * mean(diag H) * I)^-1, or nothing where H is singular.
std::optional<at::Tensor> inverse_factor(const at::Tensor& hessian, double damping) {
  at::Tensor work = hessian.clone();
  work.diagonal().add_(damping * hessian.diagonal().mean());
  at::Tensor info;
  std::tie(work, info) = at::linalg_cholesky_ex(work);
  if (info.item<std::int32_t>() != 0) return std::nullopt;
  work = at::cholesky_inverse(work);
  std::tie(work, info) = at::linalg_cholesky_ex(work, /*upper=*/true);
  if (info.item<std::int32_t>() != 0 || !work.isfinite().all().item<bool>()) return std::nullopt;
  return work.to(at::kFloat);
}

/// The same choice for rows that share it, made on the CPU: scores [n_out, width], of which `kept` columns stay.
at::Tensor shared_mask(const at::Tensor& scores, int kept, const MaskSharing& sharing) {
  constexpr float kMost = std::numeric_limits<float>::max();
  const at::Tensor values = at::nan_to_num(scores.to(at::kCPU, at::kFloat), 0, kMost, 0).contiguous();
  const at::Tensor keep = at::empty(values.sizes(), at::kByte);
  const auto width = static_cast<std::size_t>(values.size(1)), rows = static_cast<std::size_t>(values.size(0));
  const std::span<const float> all(values.const_data_ptr<float>(), rows * width);
  const std::span<std::uint8_t> kept_all(keep.data_ptr<std::uint8_t>(), rows * width);
  const auto group = static_cast<std::size_t>(sharing.rows) * width;
  for (std::size_t begin = 0; begin < all.size(); begin += group) {
    const std::size_t size = std::min(group, all.size() - begin);
    choose_kept(all.subspan(begin, size), static_cast<int>(width), kept, sharing.kind, kept_all.subspan(begin, size));
  }
  return keep.to(scores.device(), at::kBool);
}

/// Which weights of a group of columns stay: [n_out, width]. weights [n_out, width], already updated; diagonal [width]
/// of U, whose squares are those of the inverse Hessian without the columns that are done.
at::Tensor group_mask(const at::Tensor& weights, const at::Tensor& diagonal, Pattern pattern,
                      const MaskSharing& sharing) {
  const int kept = kept_of_group(pattern, static_cast<int>(weights.size(1)));
  if (sharing.kind != MaskSharing::Kind::kNone) return shared_mask((weights / diagonal).abs(), kept, sharing);
  const at::Tensor order = at::argsort(weights.square() / diagonal.square(), /*stable=*/true, 1, /*descending=*/true);
  return at::zeros_like(weights, at::kBool).scatter_(1, order.narrow(1, 0, kept), true);
}

/// Prunes columns [begin, end) of `weight` in place and moves their errors to all columns on their right.
void prune_columns(at::Tensor& weight, const at::Tensor& factor, Pattern pattern, const MaskSharing& sharing,
                   std::int64_t begin, std::int64_t end) {
  at::Tensor columns = weight.narrow(1, begin, end - begin);
  const at::Tensor own = factor.narrow(0, begin, end - begin).narrow(1, begin, end - begin);
  at::Tensor errors = at::zeros_like(columns);
  at::Tensor keep;
  for (std::int64_t j = 0; j < end - begin; ++j) {
    if (j % pattern.m == 0) {
      const std::int64_t width = std::min<std::int64_t>(pattern.m, end - begin - j);
      keep = group_mask(columns.narrow(1, j, width), own.diagonal().narrow(0, j, width), pattern, sharing);
    }
    const at::Tensor dropped = columns.select(1, j).masked_fill(keep.select(1, j % pattern.m), 0);
    const at::Tensor error = dropped / own[j][j];
    columns.narrow(1, j, end - begin - j).sub_(at::outer(error, own[j].narrow(0, j, end - begin - j)));
    columns.select(1, j).masked_fill_(keep.select(1, j % pattern.m).logical_not(), 0);  // exactly
    errors.select(1, j).copy_(error);
  }
  const std::int64_t rest = weight.size(1) - end;
  if (rest > 0) weight.narrow(1, end, rest).sub_(errors.mm(factor.narrow(0, begin, end - begin).narrow(1, end, rest)));
}

}  // namespace

Result<InverseHessian> invert_hessian(at::Tensor moments) {
  if (!moments.isfinite().all().item<bool>())
    return fail("an activation of the model is not finite on this text: its weights are broken");
  InverseHessian inverse{.factor = {}, .dead = moments.diagonal() == 0, .damping = kSparseGptDamping};
  inverse.dead_columns = inverse.dead.sum().item<std::int64_t>();
  moments.diagonal().masked_fill_(inverse.dead, 1);
  std::optional<at::Tensor> factor = inverse_factor(moments, inverse.damping);
  for (int raises = 0; !factor && raises < kMostRaises; ++raises) {
    SC_TRY(check_interrupt());
    inverse.damping *= 10;
    factor = inverse_factor(moments, inverse.damping);
  }
  if (!factor)
    return fail(Remedy{"give more calibration tokens, or use wanda"},
                "the inputs' second moments stay singular with a damping of {}", inverse.damping);
  inverse.factor = std::move(*factor);
  return inverse;
}

Result<at::Tensor> prune_by_sparsegpt(const at::Tensor& weight, const InverseHessian& inverse, Pattern pattern,
                                      const MaskSharing& sharing) {
  SC_TRY(check_sharing(sharing, pattern));
  if (!weight.isfinite().all().item<bool>()) return fail("a weight is not finite");
  at::Tensor pruned = weight.to(at::kFloat, false, /*copy=*/true).contiguous();
  pruned.masked_fill_(inverse.dead.unsqueeze(0), 0);
  const std::int64_t step = kBlockColumns / pattern.m * pattern.m, n_in = pruned.size(1);
  for (std::int64_t begin = 0; begin < n_in; begin += step) {
    SC_TRY(check_interrupt());
    prune_columns(pruned, inverse.factor, pattern, sharing, begin, std::min(begin + step, n_in));
  }
  return pruned;
}

}  // namespace sparsecim
