#include "checkpoint/export.hpp"

#include <algorithm>
#include <array>

#include "base/check.hpp"
#include "base/file.hpp"
#include "base/interrupt.hpp"
#include "base/json.hpp"
#include "base/progress.hpp"
#include "checkpoint/formats.hpp"
#include "checkpoint/safetensors.hpp"
#include "checkpoint/storage.hpp"

namespace sparsecim {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kChunk = 1 << 20;  // elements narrowed at a time: small beside the tensor

/// The source's tensor of this name or, of a Monarch factor, the matrix that it is a factor of.
const TensorInfo& origin_of(const Checkpoint& source, const std::string& name) {
  const TensorInfo* own = source.find(name);
  if (own == nullptr) own = source.find(name.substr(0, name.find(".monarch.")) + ".weight");
  SC_CHECK(own);
  return *own;
}

/// What is written, in this order.
std::vector<TensorInfo> outputs_of(const Checkpoint& source, const ModelConfig& written) {
  std::vector<TensorInfo> outputs;
  for (const RequiredTensor& required : required_tensors(written)) {
    TensorInfo& output = outputs.emplace_back(origin_of(source, required.name));
    output.name = required.name;
    output.shape = required.shape;
    if (output.storage != "F16" && output.storage != "BF16") output.storage = "F32";
    output.bytes = stored_bytes(*storage_by_name(output.storage), output.shape).value();
  }
  return outputs;
}

Result<void> check_space(const fs::path& directory, std::uint64_t needed_bytes) {
  std::error_code error;
  const fs::space_info space = fs::space(directory, error);
  if (error || space.available >= needed_bytes) return {};  // where it cannot be told, writing will tell
  return fail(Remedy{"free some space or choose another output directory"},
              "the checkpoint takes {}, and {} are free in {}", format_bytes(needed_bytes),
              format_bytes(space.available), directory.string());
}

/// REQUIRES: `values` are such as the 16-bit type `storage` holds exactly.
Result<void> write_narrow(OutputFile& file, Storage storage, std::span<const float> values) {
  std::vector<std::byte> narrowed;
  std::vector<float> widened;
  for (; !values.empty(); values = values.subspan(widened.size())) {
    const auto chunk = values.first(std::min(kChunk, values.size()));
    narrowed.resize(2 * chunk.size());
    widened.resize(chunk.size());
    narrow(storage, chunk, narrowed);
    dequantise(storage, narrowed, widened);
    SC_CHECK(std::ranges::equal(chunk, widened));
    SC_TRY(file.write(narrowed));
  }
  return {};
}

/// Of `outputs`, the first that belongs to block `block` or lies behind it: all but the final norm and head for the
/// number of blocks.
std::size_t first_of_block(std::span<const TensorInfo> outputs, const ModelConfig& config, std::int64_t block) {
  const std::string first =
      block < config.n_layers ? matrix_name(block, "input_layernorm.weight") : "model.norm.weight";
  const auto found = std::ranges::find(outputs, first, &TensorInfo::name);
  SC_CHECK(found != outputs.end());
  return static_cast<std::size_t>(found - outputs.begin());
}

std::uint64_t total_bytes(std::span<const TensorInfo> outputs) {
  std::uint64_t bytes = 0;
  for (const TensorInfo& output : outputs) bytes += output.bytes;
  return bytes;
}

/// What transformers loads the weights as: the widest type among them.
std::string torch_dtype(std::span<const TensorInfo> outputs) {
  const auto all = [&](std::string_view storage) {
    return std::ranges::all_of(outputs, [&](const TensorInfo& output) { return output.storage == storage; });
  };
  return all("BF16") ? "bfloat16" : all("F16") ? "float16" : "float32";
}

Result<void> write_configuration(const ModelConfig& config, const std::string& dtype, const fs::path& directory) {
  Json json = to_json(config);
  json["torch_dtype"] = dtype;
  SC_TRY(write_json_file(directory / "config.json", json));
  Json generation = Json::object();
  for (const char* key : {"bos_token_id", "eos_token_id"})
    if (has(json, key)) generation[key] = json[key];
  return write_json_file(directory / "generation_config.json", generation);
}

/// A Hugging Face directory's files of tokenizer and generation are taken over byte for byte.
Result<void> copy_companions(const Checkpoint& source, const fs::path& directory) {
  for (const fs::path& file : source.files()) {
    if (std::ranges::find(kCompanions, file.filename().string()) == kCompanions.end()) continue;
    SC_TRY_ASSIGN(const std::string bytes, read_text_file(file));
    SC_TRY(write_text_file(directory / file.filename(), bytes));
  }
  return {};
}

Result<void> write_tokenizer(const Checkpoint& source, const fs::path& directory) {
  SC_TRY_ASSIGN(const auto tokenizer, open_tokenizer(source));
  const TokenizerFiles files = to_tokenizer_files(tokenizer->vocabulary());
  SC_TRY(write_json_file(directory / "tokenizer.json", files.tokenizer));
  return write_json_file(directory / "tokenizer_config.json", files.config);
}

bool is_hugging_face(const Checkpoint& source) {
  return std::ranges::any_of(source.files(), [](const fs::path& file) { return file.filename() == "config.json"; });
}

}  // namespace

CheckpointWriter::CheckpointWriter(const Checkpoint& source, std::vector<TensorInfo> outputs, OutputFile file,
                                   std::size_t next)
    : source_(&source), outputs_(std::move(outputs)), file_(std::move(file)), next_(next) {}

Result<CheckpointWriter> CheckpointWriter::create(const Checkpoint& source, const fs::path& directory,
                                                  const std::map<std::string, std::string>& metadata,
                                                  const Factored& factored) {
  ModelConfig written = source.config();
  for (const auto& [name, shape] : factored) written.monarch[name] = shape;
  return start(source, written, directory, metadata, std::nullopt);
}

Result<CheckpointWriter> CheckpointWriter::resume(const Checkpoint& source, const fs::path& directory,
                                                  const std::map<std::string, std::string>& metadata,
                                                  std::int64_t n_blocks) {
  return start(source, source.config(), directory, metadata, n_blocks);
}

Result<CheckpointWriter> CheckpointWriter::start(const Checkpoint& source, const ModelConfig& written,
                                                 const fs::path& directory, std::map<std::string, std::string> metadata,
                                                 std::optional<std::int64_t> resumed_blocks) {
  std::vector<TensorInfo> outputs = outputs_of(source, written);
  metadata.emplace("format", "pt");  // without it transformers refuses the file
  const std::string header = safetensors_header(outputs, metadata);
  const bool goes_on = resumed_blocks.value_or(0) > 0;
  const std::size_t next = goes_on ? first_of_block(outputs, source.config(), *resumed_blocks) : 0;
  const std::uint64_t written_bytes = goes_on ? header.size() + total_bytes(std::span(outputs).first(next)) : 0;
  SC_TRY(check_space(directory, header.size() + total_bytes(outputs) - written_bytes));
  SC_TRY(write_configuration(written, torch_dtype(outputs), directory));
  SC_TRY(is_hugging_face(source) ? copy_companions(source, directory) : write_tokenizer(source, directory));
  const fs::path path = directory / "model.safetensors";
  SC_TRY_ASSIGN(OutputFile file, resumed_blocks ? OutputFile::resume(path, written_bytes) : OutputFile::create(path));
  if (!goes_on) SC_TRY(file.write(header));
  return CheckpointWriter(source, std::move(outputs), std::move(file), next);
}

Result<void> CheckpointWriter::write_until(std::size_t end, const TensorEdit& edit) {
  std::vector<float> values;
  for (; next_ < end; ++next_) {
    SC_TRY(check_interrupt());
    const TensorInfo& output = outputs_[next_];
    const TensorInfo* own = source_->find(output.name);
    values.assign(static_cast<std::size_t>(output.elements()), 0);
    if (own) SC_TRY(source_->read(*own, values));
    if (edit) SC_TRY(edit(own ? *own : output, values));
    SC_TRY(output.storage == "F32" ? file_.write(std::as_bytes(std::span(values)))
                                   : write_narrow(file_, *storage_by_name(output.storage), values));
  }
  return {};
}

Result<void> CheckpointWriter::write_blocks(std::int64_t end, const TensorEdit& edit) {
  return write_until(first_of_block(outputs_, source_->config(), end), edit);
}

Result<void> CheckpointWriter::commit(const TensorEdit& edit) {
  SC_TRY(write_until(outputs_.size(), edit));
  return file_.commit();
}

}  // namespace sparsecim
