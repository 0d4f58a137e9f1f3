#pragma once

#include <map>

#include "base/json.hpp"
#include "checkpoint/mapped_checkpoint.hpp"

namespace sparsecim {

/// model.safetensors.index.json: which of the files beside it holds which tensor.
struct ShardIndex {
  std::map<std::string, std::string> file_of;  // of a tensor, by its name

  /// Each once, in the order of their names.
  std::vector<std::string> files() const;
};

/// Errors: no `weight_map` or an empty one; a value that is not the bare name of a .safetensors file: an index must not
/// reach outside its directory.
Result<ShardIndex> parse_shard_index(const Json& json);

/// Whether the tensors that lie in `file`, which is of index.files(), are those that the index says. Errors name the
/// first that differs.
Result<void> check_shard(const ShardIndex& index, const std::string& file, std::span<const StoredTensor> tensors);

}  // namespace sparsecim
