#include "checkpoint/shards.hpp"

#include <algorithm>
#include <filesystem>
#include <set>

// The format: https://huggingface.co/docs/safetensors, as transformers' save_pretrained writes it.

namespace sparsecim {
namespace {

/// A name that can only mean a file in the index's own directory. A link is fine: the hub's cache is made of them.
bool is_bare_name(const std::string& name) {
  const bool plain = name.find('\0') == std::string::npos && name.find('\\') == std::string::npos;
  return plain && name.ends_with(".safetensors") && std::filesystem::path(name).filename() == name;
}

}  // namespace

std::vector<std::string> ShardIndex::files() const {
  std::set<std::string> names;
  for (const auto& [tensor, file] : file_of) names.insert(file);
  return {names.begin(), names.end()};
}

Result<ShardIndex> parse_shard_index(const Json& json) {
  if (!has(json, "weight_map") || !json["weight_map"].is_object()) return fail("no 'weight_map'");
  ShardIndex index;
  for (const auto& [tensor, file] : json["weight_map"].items()) {
    if (!file.is_string()) return fail("weight_map: tensor '{}': the file is no text", tensor);
    const auto& name = file.get_ref<const std::string&>();
    if (!is_bare_name(name))
      return fail("weight_map: tensor '{}': '{}' is not the name of a .safetensors file beside the index", tensor,
                  name);
    index.file_of.emplace(tensor, name);
  }
  if (index.file_of.empty()) return fail("'weight_map' names no tensor");
  return index;
}

Result<void> check_shard(const ShardIndex& index, const std::string& file, std::span<const StoredTensor> tensors) {
  std::set<std::string_view> there;
  for (const StoredTensor& tensor : tensors) {
    const auto found = index.file_of.find(tensor.info.name);
    if (found == index.file_of.end()) return fail("tensor '{}' is not in the index", tensor.info.name);
    if (found->second != file)
      return fail("tensor '{}' is here, and by the index in {}", tensor.info.name, found->second);
    there.insert(tensor.info.name);
  }
  for (const auto& [tensor, its_file] : index.file_of)
    if (its_file == file && !there.contains(tensor))
      return fail(Remedy{"get the file again"}, "tensor '{}' is not here, where the index has it", tensor);
  return {};
}

}  // namespace sparsecim
