#include "prune/output.hpp"

#include <algorithm>

#include "base/file.hpp"
#include "base/hash.hpp"
#include "base/json.hpp"
#include "checkpoint/safetensors.hpp"
#include "model/device.hpp"

namespace sparsecim {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFormat = "sparsecim-prune-progress-1";

/// Where a run that was stopped goes on.
struct SavedProgress {
  std::int64_t finished_blocks = 0;
  std::vector<std::string> notes;
  std::vector<at::Tensor> states;
};

fs::path resume_directory(const fs::path& directory) { return directory / "resume"; }
fs::path progress_file(const fs::path& directory) { return resume_directory(directory) / "progress.json"; }
fs::path states_file(const fs::path& directory, std::int64_t block) {
  return resume_directory(directory) / fmt::format("states-{}.safetensors", block);
}

/// The linear matrices of block `index`, by their tensors' names.
std::map<std::string, at::Tensor> weights_of(const DecoderBlock& block, std::int64_t index, const ModelConfig& config) {
  std::map<std::string, at::Tensor> weights;
  const auto linears = block_linears(config);
  for (std::size_t i = 0; i < linears.size(); ++i)
    weights.emplace(matrix_name(index, linears[i].name) + ".weight", block.linears[i]);
  return weights;
}

void set_zeros(const at::Tensor& pruned, std::span<float> values) {
  const at::Tensor kept = (pruned.flatten() != 0).to(at::kCPU);
  const auto* keep = kept.const_data_ptr<bool>();
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!keep[i]) values[i] = 0;
}

/// `storage` is the source's: only its 16-bit types are kept in the output.
void set_values(const at::Tensor& pruned, const std::string& storage, std::span<float> values) {
  const auto rounded = storage == "F16" ? at::kHalf : storage == "BF16" ? at::kBFloat16 : at::kFloat;
  const at::Tensor own = pruned.flatten().to(at::kCPU).to(rounded).to(at::kFloat);
  std::copy_n(own.const_data_ptr<float>(), values.size(), values.begin());
}

/// Writes `pruned`, block `index`, over the source's tensors.
TensorEdit edit_of(const DecoderBlock& pruned, std::int64_t index, const ModelConfig& config, Change change) {
  return [change, weights = weights_of(pruned, index, config)](const TensorInfo& info,
                                                               std::span<float> values) -> Result<void> {
    const auto found = weights.find(info.name);
    if (found == weights.end()) return {};
    return guarded([&]() -> Result<void> {
      if (change == Change::kZeros) set_zeros(found->second, values);
      if (change == Change::kValues) set_values(found->second, info.storage, values);
      return {};
    });
  };
}

std::span<const std::byte> bytes_of(const at::Tensor& tensor) {
  return {static_cast<const std::byte*>(tensor.const_data_ptr()), tensor.nbytes()};
}

Result<void> write_states(const fs::path& path, const std::vector<at::Tensor>& states) {
  std::vector<at::Tensor> own;
  std::vector<TensorInfo> infos;
  for (const at::Tensor& state : states) {
    own.push_back(state.to(at::kCPU).contiguous());
    const auto shape = own.back().sizes();
    const char* storage = state.scalar_type() == at::kBFloat16 ? "BF16" : "F32";
    infos.push_back(
        {fmt::format("batch.{}", infos.size()), {shape.begin(), shape.end()}, storage, own.back().nbytes()});
  }
  SC_TRY_ASSIGN(OutputFile file, OutputFile::create(path));
  SC_TRY(file.write(safetensors_header(infos, {})));
  for (const at::Tensor& state : own) SC_TRY(file.write(bytes_of(state)));
  return file.commit();
}

Result<std::vector<at::Tensor>> read_states(const fs::path& path) {
  SC_TRY_ASSIGN(const MappedFile file, MappedFile::open(path));
  SC_TRY_ASSIGN(const auto stored, within(path.string(), parse_safetensors(file.bytes())));
  return guarded([&]() -> Result<std::vector<at::Tensor>> {
    std::vector<at::Tensor> states;
    for (const StoredTensor& tensor : stored) {
      states.push_back(at::empty(tensor.info.shape, tensor.storage == Storage::kBF16 ? at::kBFloat16 : at::kFloat));
      std::ranges::copy(tensor.bytes, static_cast<std::byte*>(states.back().mutable_data_ptr()));
    }
    return states;
  });
}

/// Errors: a run of another job; damaged files.
Result<SavedProgress> read_progress(const fs::path& directory, const std::string& job, const ModelConfig& config) {
  SC_TRY_ASSIGN(const Json json, read_json_file(progress_file(directory)));
  SC_TRY_ASSIGN(const std::string format, get_string(json, "format"));
  SC_TRY_ASSIGN(const std::string found, get_string(json, "job"));
  if (format != kFormat || found != job)
    return fail("it holds an unfinished run with another model, plan, text or other options");
  SavedProgress progress;
  SC_TRY_ASSIGN(progress.finished_blocks, get_integer(json, "finished_blocks", 0, config.n_layers));
  if (!has(json, "notes") || !json["notes"].is_array()) return fail("no 'notes'");
  for (const Json& note : json["notes"]) progress.notes.push_back(note.is_string() ? note.get<std::string>() : "");
  SC_TRY_ASSIGN(const std::int64_t batches, get_integer(json, "batches", 0, INT64_MAX));
  if (batches == 0) return progress;
  SC_TRY_ASSIGN(progress.states, read_states(states_file(directory, progress.finished_blocks)));
  if (std::ssize(progress.states) != batches) return fail("{} of {} batches are left", progress.states.size(), batches);
  return progress;
}

Result<void> make_directory(const fs::path& directory) {
  std::error_code error;
  fs::create_directory(directory, error);
  if (error) return fail("{}: cannot create: {}", directory.string(), error.message());
  return {};
}

}  // namespace

std::map<std::string, std::string> plan_metadata(const Plan& plan) {
  return {{"sparsecim_plan", to_json(plan).dump(-1, ' ', false, Json::error_handler_t::replace)}};
}

PruneOutput::PruneOutput(const Checkpoint& source, fs::path directory, CheckpointWriter writer, std::string job)
    : source_(&source), directory_(std::move(directory)), writer_(std::move(writer)), job_(std::move(job)) {}

Result<PruneOutput> PruneOutput::create(const Checkpoint& source, const fs::path& directory,
                                        const std::map<std::string, std::string>& metadata) {
  SC_TRY_ASSIGN(auto writer, CheckpointWriter::create(source, directory, metadata));
  return PruneOutput(source, directory, std::move(writer), "");
}

Result<PruneOutput> PruneOutput::resume(const Checkpoint& source, const fs::path& directory,
                                        const std::map<std::string, std::string>& metadata, const std::string& job,
                                        bool restart, double save_share) {
  SavedProgress progress;
  std::error_code error;
  if (restart) fs::remove_all(resume_directory(directory), error);
  if (fs::exists(progress_file(directory), error)) {
    auto read = within(directory.string(), read_progress(directory, sha256(job), source.config()));
    if (!read) {
      read.error().remedy = "repeat the command that it belongs to, remove it, or start again by --force";
      return tl::unexpected(std::move(read).error());
    }
    progress = std::move(*read);
  }
  SC_TRY(make_directory(resume_directory(directory)));
  SC_TRY_ASSIGN(auto writer, CheckpointWriter::resume(source, directory, metadata, progress.finished_blocks));
  PruneOutput output(source, directory, std::move(writer), sha256(job));
  output.finished_blocks_ = output.saved_blocks_ = progress.finished_blocks;
  output.states_ = std::move(progress.states);
  output.notes_ = std::move(progress.notes);
  output.save_share_ = save_share;
  return output;
}

Result<void> PruneOutput::write(const DecoderBlock& pruned, Change change) {
  SC_TRY(writer_.write_blocks(finished_blocks_ + 1, edit_of(pruned, finished_blocks_, source_->config(), change)));
  ++finished_blocks_;
  return {};
}

Result<void> PruneOutput::save(const std::vector<at::Tensor>& states) {
  using Seconds = std::chrono::duration<double>;
  const auto start = std::chrono::steady_clock::now();
  if (job_.empty() || save_seconds_ > save_share_ * Seconds(start - last_save_).count()) return {};
  SC_TRY(writer_.flush());
  if (!states.empty()) SC_TRY(write_states(states_file(directory_, finished_blocks_), states));
  SC_TRY(write_json_file(progress_file(directory_), {{"format", kFormat},
                                                     {"job", job_},
                                                     {"finished_blocks", finished_blocks_},
                                                     {"notes", notes_},
                                                     {"batches", states.size()}}));
  std::error_code ignored;  // an old file left over only takes space
  fs::remove(states_file(directory_, saved_blocks_), ignored);
  saved_blocks_ = finished_blocks_;
  last_save_ = std::chrono::steady_clock::now();
  save_seconds_ = Seconds(last_save_ - start).count();
  return {};
}

Result<void> PruneOutput::commit() {
  SC_TRY(writer_.commit());
  std::error_code error;
  fs::remove_all(resume_directory(directory_), error);
  if (error) return fail("{}: cannot remove: {}", resume_directory(directory_).string(), error.message());
  return {};
}

}  // namespace sparsecim
