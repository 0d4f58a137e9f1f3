#pragma once

#include <optional>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.hpp"
#include "sparsity/mask.hpp"

namespace sparsecim {

/// A tensor with what its values were found to be.
struct InspectedTensor {
  TensorInfo info;
  bool is_block_linear = false;  // what N:M patterns apply to
  bool is_factor = false;        // one of the two Monarch factors of such a matrix
  ZeroStatistics zeros;          // patterns only of dense matrices: among patterns_looked_for()
};

/// Every N of M = 2, 4, 8 and 16, as far as rows of `n_in` weights hold a group, but for dense.
std::vector<Pattern> patterns_looked_for(std::int64_t n_in);

/// The smallest N of this M that every group of the matrix satisfies; nothing where only N = M does.
std::optional<int> tightest(const ZeroStatistics& zeros, int m);

/// "mlp.up_proj.weight" of "model.layers.3.mlp.up_proj.weight"; empty for a tensor outside the decoder blocks.
std::string name_within_block(const std::string& name);

struct InspectionTotals {
  std::int64_t tensors = 0, weights = 0, zeros = 0;
  std::uint64_t bytes = 0;

  void add(const InspectedTensor& tensor);
  double zero_share() const { return weights == 0 ? 0 : static_cast<double>(zeros) / static_cast<double>(weights); }
};
/// With `block_linears_only` of the blocks' matrices, their factors included.
InspectionTotals totals_of(const std::vector<InspectedTensor>& tensors, bool block_linears_only);

struct Inspection {
  std::string model;  // as the user named it
  ModelConfig config;
  std::vector<std::filesystem::path> files;
  Result<Vocabulary> vocabulary;
  std::vector<InspectedTensor> tensors;  // in the order of computing
};

/// What `inspect` prints, to fit 80 columns: the model, its tensors (those of the same name in all blocks in one line,
/// or, with `all_tensors`, each with the tightest N of 4, 8 and 16), and the patterns of its matrices.
std::string inspection_text(const Inspection& inspection, bool all_tensors);

}  // namespace sparsecim
