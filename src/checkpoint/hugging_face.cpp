#include <algorithm>
#include <iterator>

#include "base/file.hpp"
#include "base/json.hpp"
#include "checkpoint/formats.hpp"
#include "checkpoint/mapped_checkpoint.hpp"
#include "checkpoint/safetensors.hpp"
#include "checkpoint/shards.hpp"

namespace sparsecim {
namespace {

namespace fs = std::filesystem;

/// The files of weights, mapped, and the tensors in them: those of the first file first.
struct Weights {
  std::vector<MappedFile> maps;
  std::vector<StoredTensor> tensors;
  std::vector<fs::path> files;  // the index too
};

Result<std::vector<StoredTensor>> add_file(const fs::path& file, Weights& weights) {
  SC_TRY_ASSIGN(MappedFile map, MappedFile::open(file));
  SC_TRY_ASSIGN(auto tensors, within(file.string(), parse_safetensors(map.bytes())));
  weights.maps.push_back(std::move(map));
  weights.files.push_back(file);
  return tensors;
}

Result<Weights> open_shards(const fs::path& index_file) {
  SC_TRY_ASSIGN(const Json json, read_json_file(index_file));
  SC_TRY_ASSIGN(const ShardIndex index, within(index_file.string(), parse_shard_index(json)));
  Weights weights;
  weights.files.push_back(index_file);
  for (const std::string& name : index.files()) {
    const fs::path file = index_file.parent_path() / name;
    if (!fs::exists(file))
      return fail(Remedy{"get all files of the model"}, "{}: {} is not there", index_file.string(), name);
    SC_TRY_ASSIGN(auto tensors, add_file(file, weights));
    SC_TRY(within(file.string(), check_shard(index, name, tensors)));
    std::ranges::move(tensors, std::back_inserter(weights.tensors));
  }
  return weights;
}

Result<Weights> open_weights(const fs::path& directory) {
  const fs::path single = directory / "model.safetensors", index = directory / "model.safetensors.index.json";
  if (fs::exists(single)) {
    Weights weights;
    SC_TRY_ASSIGN(weights.tensors, add_file(single, weights));
    return weights;
  }
  if (fs::exists(index)) return open_shards(index);
  for (const char* pickled : {"pytorch_model.bin", "pytorch_model.bin.index.json"})
    if (fs::exists(directory / pickled))
      return fail(Remedy{"load the model with transformers and save_pretrained it, which writes safetensors"},
                  "{}: pickled weights ({}) are not read", directory.string(), pickled);
  return fail(Remedy{"download it, or save the model with safe_serialization"},
              "{}: there is no model.safetensors and no model.safetensors.index.json", directory.string());
}

/// Null where there is no such file.
Result<Json> read_json_if_there(const fs::path& file) { return fs::exists(file) ? read_json_file(file) : Json(); }

Result<Vocabulary> read_sentencepiece(const fs::path& file, Json tokenizer_config) {
  SC_TRY_ASSIGN(const std::string bytes, read_text_file(file));
  TokenizerCompanions companions{.config = std::move(tokenizer_config)};
  SC_TRY_ASSIGN(companions.special_tokens_map, read_json_if_there(file.parent_path() / "special_tokens_map.json"));
  SC_TRY_ASSIGN(companions.added_tokens, read_json_if_there(file.parent_path() / "added_tokens.json"));
  return within(file.string(), vocabulary_from_sentencepiece(bytes, companions));
}

/// From tokenizer.json, or in older directories from tokenizer.model.
Result<Vocabulary> read_vocabulary(const fs::path& directory) {
  SC_TRY_ASSIGN(Json config, read_json_if_there(directory / "tokenizer_config.json"));
  const fs::path file = directory / "tokenizer.json", model = directory / "tokenizer.model";
  if (fs::exists(file)) {
    SC_TRY_ASSIGN(const Json tokenizer, read_json_file(file));
    return within(file.string(), vocabulary_from_tokenizer_json(tokenizer, config));
  }
  if (fs::exists(model)) return read_sentencepiece(model, std::move(config));
  return fail("{}: there is neither tokenizer.json nor tokenizer.model", directory.string());
}

/// All files that make the model, config.json first.
std::vector<fs::path> files_of(const fs::path& directory, const std::vector<fs::path>& weights) {
  std::vector<fs::path> files = {directory / "config.json"};
  files.insert(files.end(), weights.begin(), weights.end());
  for (const std::string_view name : kCompanions)
    if (fs::exists(directory / name)) files.push_back(directory / name);
  return files;
}

}  // namespace

Result<std::unique_ptr<Checkpoint>> open_hugging_face(const fs::path& directory) {
  const fs::path config_path = directory / "config.json";
  SC_TRY_ASSIGN(const Json json, read_json_file(config_path));
  Contents contents;
  SC_TRY_ASSIGN(contents.config, within(config_path.string(), config_from_json(json)));
  SC_TRY_ASSIGN(Weights weights, open_weights(directory));
  contents.tensors = std::move(weights.tensors);
  const fs::path& place = weights.maps.size() == 1 ? weights.maps.front().path() : directory;
  SC_TRY_ASSIGN(contents, within(place.string(), complete(std::move(contents))));
  return std::make_unique<MappedCheckpoint>(std::move(contents), std::move(weights.maps),
                                            files_of(directory, weights.files),
                                            [directory] { return read_vocabulary(directory); });
}

}  // namespace sparsecim
