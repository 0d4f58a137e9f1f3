#include "prune/output.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/interrupt.hpp"
#include "model/device.hpp"

namespace sparsecim {
namespace {

namespace fs = std::filesystem;

void set_zeros(const at::Tensor& pruned, std::span<float> values) {
  const at::Tensor kept = (pruned.flatten() != 0).to(at::kCPU);
  const auto* keep = kept.const_data_ptr<bool>();
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!keep[i]) values[i] = 0;
}

/// `storage` is the source's: only its 16-bit types are kept in the output.
Result<void> set_values(const at::Tensor& pruned, const std::string& storage, std::span<float> values) {
  const auto rounded = storage == "F16" ? at::kHalf : storage == "BF16" ? at::kBFloat16 : at::kFloat;
  const at::Tensor own = pruned.flatten().to(at::kCPU).to(rounded).to(at::kFloat);
  if (!own.isfinite().all().item<bool>())
    return fail(Remedy{"convert the model to F32 or BF16 first"}, "a new value is larger than its type {} holds",
                storage);
  std::copy_n(own.const_data_ptr<float>(), values.size(), values.begin());
  return {};
}

}  // namespace

std::map<std::string, std::string> plan_metadata(const Plan& plan) {
  return {{"sparsecim_plan", to_json(plan).dump(-1, ' ', false, Json::error_handler_t::replace)}};
}

Result<PruneOutput> PruneOutput::create(const Checkpoint& source, const fs::path& directory,
                                        const std::map<std::string, std::string>& metadata,
                                        const CheckpointWriter::Factored& factored) {
  SC_TRY_ASSIGN(auto writer, CheckpointWriter::create(source, directory, metadata, factored));
  return PruneOutput(source, directory, std::move(writer));
}

Result<PruneOutput> PruneOutput::resume(const Checkpoint& source, const fs::path& directory,
                                        const std::map<std::string, std::string>& metadata, const std::string& job,
                                        bool replace, double save_share) {
  SC_TRY_ASSIGN(PruneProgress progress, resume_progress(directory, job, {.metadata = metadata}, replace));
  std::optional<CheckpointWriter> writer;
  const bool whole = progress.finished_blocks == source.config().n_layers;
  if (!whole || !fs::exists(directory / "model.safetensors")) {
    SC_TRY_ASSIGN(auto started,
                  CheckpointWriter::resume(source, directory, progress.metadata, progress.finished_blocks));
    writer.emplace(std::move(started));
  }
  PruneOutput output(source, directory, std::move(writer));
  output.job_ = job;
  output.saved_blocks_ = progress.finished_blocks;
  output.progress_ = std::move(progress);
  output.save_share_ = save_share;
  return output;
}

Result<void> PruneOutput::write(const std::map<std::string, at::Tensor>& pruned, Change change) {
  std::set<std::string> weights;
  for (const LinearShape& linear : block_linears(source_->config()))
    weights.insert(matrix_name(progress_.finished_blocks, linear.name) + ".weight");
  const TensorEdit edit = [&](const TensorInfo& info, std::span<float> values) -> Result<void> {
    if (const auto found = pruned.find(info.name); found != pruned.end())
      SC_TRY(made(guarded([&]() -> Result<void> {
        if (change == Change::kValues) return within(info.name, set_values(found->second, info.storage, values));
        set_zeros(found->second, values);
        return {};
      })));
    if (weights.contains(info.name)) progress_.zeros += std::ranges::count(values, 0.0F);
    return {};
  };
  if (writer_) SC_TRY(writer_->write_blocks(progress_.finished_blocks + 1, edit));
  ++progress_.finished_blocks;
  return {};
}

void PruneOutput::judge(const Error& error) {
  const bool of_the_machine =
      error.what.ends_with(kOutOfMemory) || error.what.find(kLibTorchFailed) != std::string::npos;
  if (check_interrupt() && !of_the_machine) hopeless_ = true;
}

Result<void> PruneOutput::keep(const std::vector<at::Tensor>& states) {
  SC_TRY(writer_->flush());
  progress_.states = states;
  const auto saved = save_progress(directory_, *job_, progress_);
  progress_.states.clear();
  if (saved) saved_blocks_ = progress_.finished_blocks;
  return saved;
}

void PruneOutput::save(const std::vector<at::Tensor>& states) {
  using Seconds = std::chrono::duration<double>;
  const auto start = std::chrono::steady_clock::now();
  if (!job_ || save_seconds_ > save_share_ * Seconds(start - last_save_).count()) return;
  if (const auto kept = keep(states); !kept)
    fmt::print(stderr, "warning: a later run could not go on behind block {}: {}\n", progress_.finished_blocks,
               kept.error().what);
  last_save_ = std::chrono::steady_clock::now();
  save_seconds_ = Seconds(last_save_ - start).count();
}

Result<void> PruneOutput::commit() {
  if (!writer_) return {};
  if (job_) SC_TRY(keep({}));  // so that what is committed is known to be whole
  return writer_->commit();
}

}  // namespace sparsecim
