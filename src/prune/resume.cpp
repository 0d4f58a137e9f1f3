#include "prune/resume.hpp"

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

fs::path resume_directory(const fs::path& directory) { return directory / "resume"; }
fs::path progress_file(const fs::path& directory) { return resume_directory(directory) / "progress.json"; }
std::string states_name(std::int64_t block) { return fmt::format("states-{}.safetensors", block); }

std::span<const std::byte> bytes_of(const at::Tensor& tensor) {
  return {static_cast<const std::byte*>(tensor.const_data_ptr()), tensor.nbytes()};
}

Result<void> write_states(const fs::path& path, const std::vector<at::Tensor>& states) {
  std::vector<TensorInfo> infos;
  for (const at::Tensor& state : states) {
    const char* storage = state.scalar_type() == at::kBFloat16 ? "BF16" : "F32";
    infos.push_back({fmt::format("batch.{}", infos.size()), state.sizes().vec(), storage, state.nbytes()});
  }
  SC_TRY_ASSIGN(OutputFile file, OutputFile::create(path));
  SC_TRY(file.write(safetensors_header(infos, {})));
  for (const at::Tensor& state : states) {
    const at::Tensor own = state.to(at::kCPU).contiguous();
    SC_TRY(file.write(bytes_of(own)));
  }
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

/// Leaves only the directory itself, which is locked.
Result<void> empty_directory(const fs::path& directory) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, error)) {
    fs::remove_all(entry.path(), error);
    if (error) return fail("{}: cannot remove: {}", entry.path().string(), error.message());
  }
  return {};
}

Result<PruneProgress> progress_from_json(const Json& json) {
  PruneProgress progress;
  SC_TRY_ASSIGN(progress.finished_blocks, get_integer(json, "finished_blocks", 0, INT64_MAX));
  SC_TRY_ASSIGN(progress.zeros, get_integer(json, "zeros", 0, INT64_MAX));
  if (!has(json, "notes") || !json["notes"].is_array()) return fail("no 'notes'");
  for (const Json& note : json["notes"]) progress.notes.push_back(note.is_string() ? note.get<std::string>() : "");
  if (!has(json, "metadata") || !json["metadata"].is_object()) return fail("no 'metadata'");
  for (const auto& [key, value] : json["metadata"].items())
    progress.metadata[key] = value.is_string() ? value.get<std::string>() : "";
  return progress;
}

/// Errors: a run of another job; damaged files.
Result<PruneProgress> read_progress(const fs::path& directory, const std::string& job) {
  SC_TRY_ASSIGN(const Json json, read_json_file(progress_file(directory)));
  SC_TRY_ASSIGN(const std::string format, get_string(json, "format"));
  SC_TRY_ASSIGN(const std::string found, get_string(json, "job"));
  SC_TRY_ASSIGN(PruneProgress progress, progress_from_json(json));
  if (progress.finished_blocks == 0) return progress;  // nothing would be lost
  if (format != kFormat || found != sha256(job))
    return fail("it holds an unfinished run with another model, plan, text or other options");
  SC_TRY_ASSIGN(const std::int64_t batches, get_integer(json, "batches", 0, INT64_MAX));
  if (batches == 0) return progress;
  SC_TRY_ASSIGN(progress.states, read_states(resume_directory(directory) / states_name(progress.finished_blocks)));
  if (std::ssize(progress.states) != batches) return fail("{} of {} batches are left", progress.states.size(), batches);
  return progress;
}

}  // namespace

Result<PruneProgress> resume_progress(const fs::path& directory, const std::string& job, PruneProgress beginning,
                                      bool replace) {
  std::error_code error;
  if (fs::exists(progress_file(directory), error)) {
    auto progress = within(directory.string(), read_progress(directory, job));
    if (!progress && !replace) {
      progress.error().remedy = "repeat the command that it belongs to, remove it, or start again by --force";
      return progress;
    }
    if (progress && progress->finished_blocks > 0) return progress;
    SC_TRY(empty_directory(directory));
  }
  if (!fs::is_empty(directory, error))
    return fail(Remedy{"remove it or choose another name"}, "{}: exists, and is no run of prune that was stopped",
                directory.string());
  SC_TRY(save_progress(directory, job, beginning));
  return beginning;
}

Result<void> save_progress(const fs::path& directory, const std::string& job, const PruneProgress& progress) {
  const fs::path folder = resume_directory(directory);
  std::error_code error;
  fs::create_directory(folder, error);
  if (error) return fail("{}: cannot create: {}", folder.string(), error.message());
  const std::string states = states_name(progress.finished_blocks);
  if (!progress.states.empty()) SC_TRY(write_states(folder / states, progress.states));
  SC_TRY(write_json_file(progress_file(directory), {{"format", kFormat},
                                                    {"job", sha256(job)},
                                                    {"finished_blocks", progress.finished_blocks},
                                                    {"zeros", progress.zeros},
                                                    {"batches", progress.states.size()},
                                                    {"notes", progress.notes},
                                                    {"metadata", progress.metadata}}));
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {  // earlier states
    const std::string name = entry.path().filename().string();
    if (name.starts_with("states-") && name != states) fs::remove(entry.path(), error);
  }
  return {};
}

Result<void> forget_progress(const fs::path& directory) {
  std::error_code error;
  fs::remove_all(resume_directory(directory), error);
  if (error) return fail("{}: cannot remove: {}", resume_directory(directory).string(), error.message());
  return {};
}

}  // namespace sparsecim
