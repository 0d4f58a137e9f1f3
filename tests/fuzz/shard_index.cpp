// model.safetensors.index.json: every tensor's file is one of the files, and lies beside the index.

#include <filesystem>

#include "base/check.hpp"
#include "checkpoint/shards.hpp"
#include "targets.hpp"

namespace sparsecim::fuzz {

void shard_index(std::string_view input) {
  const auto json = parse_json(input);
  if (!json) return;
  const auto index = parse_shard_index(*json);
  if (!index) return;
  const auto files = index->files();
  SC_CHECK(!files.empty() && files.size() <= index->file_of.size());
  for (const std::string& file : files) {
    SC_CHECK((std::filesystem::path("models") / file).lexically_normal().parent_path() == "models");
    std::vector<StoredTensor> tensors;
    for (const auto& [tensor, its_file] : index->file_of)
      if (its_file == file) tensors.push_back({.info = {.name = tensor, .shape = {}, .storage = "F32", .bytes = 0}});
    SC_CHECK(check_shard(*index, file, tensors));
    tensors.pop_back();
    SC_CHECK(!check_shard(*index, file, tensors));
  }
}

}  // namespace sparsecim::fuzz
