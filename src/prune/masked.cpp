#include "prune/masked.hpp"

#include "sparsity/mask.hpp"

namespace sparsecim {

Result<at::Tensor> masked(const at::Tensor& weight, std::span<const float> column_norms, Pattern pattern,
                          const MaskSharing& sharing) {
  at::Tensor values = weight.to(at::kCPU, at::kFloat, false, /*copy=*/true).contiguous();
  const std::span<float> all(values.data_ptr<float>(), static_cast<std::size_t>(values.numel()));
  SC_TRY(apply_nm(all, weight.size(1), column_norms, pattern, sharing));
  return values.to(weight.device(), weight.scalar_type());
}

Result<at::Tensor> masked(const at::Tensor& weight, const Statistics& statistics, std::size_t index, Pattern pattern) {
  const auto input = static_cast<std::size_t>(statistics.matrices[index].input);
  return masked(weight, statistics.inputs[input].column_norms(), pattern);
}

}  // namespace sparsecim
