#include "checkpoint/checkpoint.hpp"

#include "base/cache.hpp"
#include "checkpoint/formats.hpp"

namespace sparsecim {
namespace {

namespace fs = std::filesystem;

fs::path cached_models() { return cache_directory() / "models"; }

using Open = Result<std::unique_ptr<Checkpoint>> (*)(const fs::path&);

/// The reader of a file of weights, by its ending; null for any other file. llama2.c's tokenizers end in .bin too.
Open reader_of(const fs::path& path) {
  const bool tokenizer = path.filename().string().starts_with("tok");
  if (path.extension() == ".bin" && !tokenizer) return open_llama2c;
  if (path.extension() == ".gguf") return open_gguf;
  return nullptr;
}

/// A file that belongs to a directory in Hugging Face layout.
bool is_part_of_directory(const fs::path& path) {
  const std::string name = path.filename().string();
  return name.ends_with(".safetensors") || name.ends_with(".index.json") || name == "config.json" ||
         name.starts_with("pytorch_model");
}

constexpr std::string_view kAccepted = "a directory in Hugging Face layout, a .gguf file or a llama2.c .bin file";

/// The folder of a model in the cache: of hf:OWNER/MODEL it is OWNER--MODEL. Empty for what can only be a path.
std::string cached_name(const fs::path& model) {
  if (!model.string().starts_with("hf:")) return model.has_parent_path() ? "" : model.string();
  std::string name = model.string().substr(3);
  if (const auto slash = name.find('/'); slash != std::string::npos) name.replace(slash, 1, "--");
  return name.find('/') == std::string::npos ? name : "";
}

/// The path itself, or what the cache has under this name.
Result<fs::path> locate(const fs::path& model) {
  std::error_code error;
  if (fs::exists(model, error)) return model;
  const std::string name = cached_name(model);
  if (name.empty()) return fail(Remedy{fmt::format("name {}", kAccepted)}, "'{}' does not exist", model.string());
  const fs::path cached = cached_models() / name;
  if (fs::is_directory(cached, error)) return cached;
  return fail(Remedy{fmt::format("run tools/fetch-model {}, or name {}", model.string(), kAccepted)},
              "'{}' is no file and no model in {}", model.string(), cached_models().string());
}

/// Opens the one file of weights in a directory that has no config.json.
Result<std::unique_ptr<Checkpoint>> open_only_file(const fs::path& directory) {
  std::error_code error;
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(directory, error))
    if (reader_of(entry.path())) found.push_back(entry.path());
  if (found.size() == 1) return reader_of(found.front())(found.front());
  if (found.empty())
    return fail(Remedy{fmt::format("name {}", kAccepted)}, "{}: no config.json and no file of weights in it",
                directory.string());
  return fail(Remedy{"name one of them"}, "{}: {} files of weights in it", directory.string(), found.size());
}

}  // namespace

Result<std::unique_ptr<Checkpoint>> open_checkpoint(const fs::path& model) {
  SC_TRY_ASSIGN(const fs::path path, locate(model));
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    if (is_part_of_directory(path))
      return fail(Remedy{"name the directory"}, "{}: a part of a model, not the whole", path.string());
    const Open open = reader_of(path);
    if (!open)
      return fail(Remedy{fmt::format("name {}", kAccepted)}, "{}: not a checkpoint by its name", path.string());
    return open(path);
  }
  return fs::exists(path / "config.json", error) ? open_hugging_face(path) : open_only_file(path);
}

std::int64_t TensorInfo::elements() const {
  std::int64_t elements = 1;
  for (const std::int64_t size : shape) elements *= size;
  return elements;
}

const TensorInfo* Checkpoint::find(std::string_view name) const {
  for (const TensorInfo& tensor : tensors())
    if (tensor.name == name) return &tensor;
  return nullptr;
}

Result<std::unique_ptr<Tokenizer>> open_tokenizer(const Checkpoint& checkpoint) {
  SC_TRY_ASSIGN(Vocabulary vocabulary, checkpoint.vocabulary());
  return make_tokenizer(std::move(vocabulary));
}

std::string display_name(const std::filesystem::path& model) {
  std::filesystem::path path = model.lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  return path.extension() == ".gguf" || path.extension() == ".bin" ? path.stem() : path.filename();
}

}  // namespace sparsecim
