#pragma once

#include <ATen/ATen.h>

#include <span>

#include "base/result.hpp"
#include "sparsity/mask_sharing.hpp"
#include "sparsity/pattern.hpp"
#include "sparsity/statistics.hpp"

namespace sparsecim {

/// `weight` [n_out, n_in] pruned as apply_nm does, whatever its type and device: the mask is made on float32 on the
/// CPU. Errors: apply_nm's.
Result<at::Tensor> masked(const at::Tensor& weight, std::span<const float> column_norms, Pattern pattern,
                          const MaskSharing& sharing = {});

/// Matrix `index` of `statistics` pruned by the column norms that they have of its input. Errors: apply_nm's.
Result<at::Tensor> masked(const at::Tensor& weight, const Statistics& statistics, std::size_t index, Pattern pattern);

}  // namespace sparsecim
