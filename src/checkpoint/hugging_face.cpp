#include "base/file.hpp"
#include "base/json.hpp"
#include "checkpoint/formats.hpp"
#include "checkpoint/mapped_checkpoint.hpp"
#include "checkpoint/safetensors.hpp"

namespace sparsecim {
namespace {

namespace fs = std::filesystem;

/// model.safetensors, or why there is none.
Result<fs::path> weights_file(const fs::path& directory) {
  const fs::path single = directory / "model.safetensors";
  if (fs::exists(single)) return single;
  if (fs::exists(directory / "model.safetensors.index.json"))
    return fail(Remedy{"save the model again as one file (max_shard_size)"},
                "{}: weights in several files (model.safetensors.index.json) are not read", directory.string());
  return fail(Remedy{"download it, or save the model with safe_serialization"}, "{}: there is no model.safetensors",
              directory.string());
}

Result<Vocabulary> read_vocabulary(const fs::path& directory) {
  const fs::path file = directory / "tokenizer.json", config = directory / "tokenizer_config.json";
  if (!fs::exists(file)) return fail("{}: there is no tokenizer.json", directory.string());
  SC_TRY_ASSIGN(const Json tokenizer, read_json_file(file));
  Json tokenizer_config;
  if (fs::exists(config)) {
    SC_TRY_ASSIGN(tokenizer_config, read_json_file(config));
  }
  return within(file.string(), vocabulary_from_tokenizer_json(tokenizer, tokenizer_config));
}

std::vector<fs::path> files_of(const fs::path& directory, const fs::path& weights) {
  std::vector<fs::path> files = {directory / "config.json", weights};
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
  SC_TRY_ASSIGN(const fs::path weights, weights_file(directory));
  std::vector<MappedFile> maps;
  SC_TRY_ASSIGN(MappedFile map, MappedFile::open(weights));
  SC_TRY_ASSIGN(contents.tensors, within(weights.string(), parse_safetensors(map.bytes())));
  SC_TRY_ASSIGN(contents, within(weights.string(), complete(std::move(contents))));
  maps.push_back(std::move(map));
  return std::make_unique<MappedCheckpoint>(std::move(contents), std::move(maps), weights, files_of(directory, weights),
                                            [directory] { return read_vocabulary(directory); });
}

}  // namespace sparsecim
