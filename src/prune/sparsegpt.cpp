#include "prune/sparsegpt.hpp"

#include <algorithm>
#include <optional>

namespace sparsecim {
namespace {

constexpr std::int64_t kBlockColumns = 128;  // whose errors wait before they move on: arXiv 2301.00774, section 3.3
constexpr int kMostRaises = 3;               // of the damping, tenfold each

/// The upper triangular U with U^T U = (H + damping * mean(diag H) * I)^-1, or nothing where H is singular.
std::optional<at::Tensor> inverse_factor(const at::Tensor& hessian, double damping) {
  at::Tensor damped = hessian.clone();
  damped.diagonal().add_(damping * hessian.diagonal().mean());
  const auto [lower, info] = at::linalg_cholesky_ex(damped);
  if (info.item<std::int32_t>() != 0) return std::nullopt;
  const auto [upper, inverse_info] = at::linalg_cholesky_ex(at::cholesky_inverse(lower), /*upper=*/true);
  if (inverse_info.item<std::int32_t>() != 0 || !upper.isfinite().all().item<bool>()) return std::nullopt;
  return upper;
}

/// Which weights of a group of columns stay: [n_out, width]. weights [n_out, width], already updated; diagonal [width]
/// of U, whose squares are those of the inverse Hessian without the columns that are done.
at::Tensor group_mask(const at::Tensor& weights, const at::Tensor& diagonal, Pattern pattern) {
  const int kept = kept_of_group(pattern, static_cast<int>(weights.size(1)));
  const at::Tensor order = at::argsort(weights.square() / diagonal.square(), /*stable=*/true, 1, /*descending=*/true);
  return at::zeros_like(weights, at::kBool).scatter_(1, order.narrow(1, 0, kept), true);
}

/// Prunes columns [begin, end) of `weight` in place and moves their errors to all columns on their right.
void prune_columns(at::Tensor& weight, const at::Tensor& factor, Pattern pattern, std::int64_t begin,
                   std::int64_t end) {
  at::Tensor columns = weight.narrow(1, begin, end - begin);
  const at::Tensor own = factor.narrow(0, begin, end - begin).narrow(1, begin, end - begin);
  at::Tensor errors = at::zeros_like(columns);
  at::Tensor keep;
  for (std::int64_t j = 0; j < end - begin; ++j) {
    if (j % pattern.m == 0) {
      const std::int64_t width = std::min<std::int64_t>(pattern.m, end - begin - j);
      keep = group_mask(columns.narrow(1, j, width), own.diagonal().narrow(0, j, width), pattern);
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

Result<SparseGptResult> prune_by_sparsegpt(const at::Tensor& weight, const at::Tensor& hessian, Pattern pattern) {
  if (!weight.isfinite().all().item<bool>() || !hessian.isfinite().all().item<bool>())
    return fail("a weight or an activation is not finite");
  SparseGptResult result{.weight = weight.to(at::kFloat, false, /*copy=*/true).contiguous()};
  at::Tensor own = hessian.clone();
  const at::Tensor dead = own.diagonal() == 0;
  result.dead_columns = dead.sum().item<std::int64_t>();
  own.diagonal().masked_fill_(dead, 1);
  result.weight.masked_fill_(dead.unsqueeze(0), 0);

  result.damping = kSparseGptDamping;
  std::optional<at::Tensor> factor = inverse_factor(own, result.damping);
  for (int raises = 0; !factor && raises < kMostRaises; ++raises) {
    result.damping *= 10;
    factor = inverse_factor(own, result.damping);
  }
  if (!factor)
    return fail(Remedy{"give more calibration tokens, or use wanda"},
                "the inputs' second moments stay singular with a damping of {}", result.damping);
  const at::Tensor narrow = factor->to(at::kFloat);
  const std::int64_t step = kBlockColumns / pattern.m * pattern.m, n_in = result.weight.size(1);
  for (std::int64_t begin = 0; begin < n_in; begin += step)
    prune_columns(result.weight, narrow, pattern, begin, std::min(begin + step, n_in));
  return result;
}

}  // namespace sparsecim
