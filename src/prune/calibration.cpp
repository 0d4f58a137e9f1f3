#include "prune/calibration.hpp"

#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "base/interrupt.hpp"
#include "base/progress.hpp"

namespace sparsecim {
namespace {

using Samples = std::vector<std::vector<TokenId>>;

/// The first tokens of documents drawn from the corpus, BOS in front.
Result<Samples> draw_document_samples(const Tokenizer& tokenizer, const Corpus& corpus,
                                      const CalibrationOptions& options) {
  Samples samples;
  for (const std::size_t index : draw_documents(corpus.documents.size(), options.samples, options.seed)) {
    SC_TRY(check_interrupt());
    SC_TRY_ASSIGN(std::vector<TokenId> ids, tokenizer.encode(corpus.documents[index]));
    if (const auto bos = tokenizer.vocabulary().bos) ids.insert(ids.begin(), *bos);
    if (std::ssize(ids) > options.length) ids.resize(static_cast<std::size_t>(options.length));
    samples.push_back(std::move(ids));
  }
  return samples;
}

Result<Samples> draw_samples(const Tokenizer& tokenizer, const Corpus& corpus, const CalibrationOptions& options) {
  if (corpus.split) return draw_document_samples(tokenizer, corpus, options);
  SC_TRY_ASSIGN(const auto ids, tokenizer.encode_as_model(corpus.documents.at(0)));
  return sample_windows(ids, options.length, options.samples, options.seed);
}

/// The hidden states of all samples are in memory at once, in 32 bits at most.
Result<void> check_memory(const ModelConfig& config, const Corpus& corpus, const CalibrationOptions& options) {
  const std::int64_t documents = corpus.split ? std::ssize(corpus.documents) : options.samples;
  const double tokens = static_cast<double>(std::min(options.samples, documents)) * static_cast<double>(options.length);
  const double needed = tokens * (4.0 * static_cast<double>(config.hidden_size) + sizeof(std::int64_t));
  const double memory = static_cast<double>(::sysconf(_SC_PHYS_PAGES)) * static_cast<double>(::sysconf(_SC_PAGESIZE));
  if (needed <= memory) return {};
  return fail(Remedy{"use fewer --samples or a smaller --length"},
              "{} samples of {} tokens take {} of hidden states, this machine has {}", options.samples, options.length,
              format_bytes(static_cast<std::uint64_t>(needed)), format_bytes(static_cast<std::uint64_t>(memory)));
}

/// [samples, tokens] of samples that are equally long.
at::Tensor stack(Samples::const_iterator begin, Samples::const_iterator end) {
  std::vector<std::int64_t> ids;
  for (auto sample = begin; sample != end; ++sample) ids.insert(ids.end(), sample->begin(), sample->end());
  return at::tensor(ids, at::kLong).view({end - begin, static_cast<std::int64_t>(begin->size())});
}

}  // namespace

Result<Calibration> make_calibration(const Tokenizer& tokenizer, const ModelConfig& config, const Corpus& corpus,
                                     const CalibrationOptions& options) {
  if (options.length > config.max_positions)
    return fail(Remedy{fmt::format("use --length {} or less", config.max_positions)},
                "samples of {} tokens are longer than the model's {} positions", options.length, config.max_positions);
  SC_TRY(check_memory(config, corpus, options));
  SC_TRY_ASSIGN(Samples samples, draw_samples(tokenizer, corpus, options));
  std::ranges::stable_sort(samples, std::ranges::greater{}, &std::vector<TokenId>::size);
  Calibration calibration;
  for (auto begin = samples.cbegin(); begin != samples.cend() && !begin->empty();) {
    const auto width = std::ssize(*begin);
    auto end = begin;
    while (end != samples.cend() && std::ssize(*end) == width && (end - begin) * width < kBatchTokens) ++end;
    calibration.batches.push_back(stack(begin, end));
    calibration.tokens += (end - begin) * width;
    calibration.samples += end - begin;
    begin = end;
  }
  if (calibration.tokens == 0) return fail(Remedy{"give a longer text"}, "there is nothing to calibrate on");
  return calibration;
}

Result<void> share(Calibration& calibration, Processes& processes) {
  const auto batches = calibration.batches.size();
  if (batches < static_cast<std::size_t>(processes.count()))
    return fail(Remedy{"start fewer processes, or give more --samples"},
                "{} calibration tokens are {} batches, fewer than the {} processes", calibration.tokens, batches,
                processes.count());
  calibration.processes = processes.count() > 1 ? &processes : nullptr;
  return {};
}

std::vector<std::size_t> own_batches(const Calibration& calibration) {
  return own_pieces(calibration.batches.size(), calibration.processes);
}

void InputSums::fold(std::size_t input, const at::Tensor& sum, std::int64_t tokens) {
  const at::Tensor wide = sum.to(at::kDouble);
  sums_[input] = sums_[input].defined() ? sums_[input].add_(wide) : wide;
  tokens_[input] += tokens;
}

void InputSums::add_sum(LinearInput input, const at::Tensor& sum, std::int64_t tokens) {
  const auto i = static_cast<std::size_t>(input);
  if (!processes_) return fold(i, sum, tokens);
  running_.resize(kLinearInputs + 1);
  running_[i] = sum;
  if (!running_[kLinearInputs].defined()) running_[kLinearInputs] = at::zeros({kLinearInputs}, at::kFloat);
  running_[kLinearInputs][static_cast<std::int64_t>(i)] =
      static_cast<float>(tokens);  // exact: a batch has fewer than 2^24
}

Result<void> InputSums::end_batch(std::size_t index) {
  if (!processes_) return {};
  SC_TRY(processes_->give(what_, static_cast<int>(index), running_));
  like_ = std::exchange(running_, {});
  return {};
}

Result<void> InputSums::end(std::size_t batches) {
  if (!processes_) return {};
  for (std::size_t batch = 0; batch < batches; ++batch) {
    SC_TRY_ASSIGN(const auto values, processes_->take(what_, static_cast<int>(batch), processes_->owner(batch), like_));
    for (std::size_t i = 0; i < kLinearInputs; ++i)
      fold(i, values[i], static_cast<std::int64_t>(values[kLinearInputs][static_cast<std::int64_t>(i)].item<float>()));
  }
  like_.clear();
  return processes_->end_round(what_);
}

void InputMoments::add(LinearInput input, const at::Tensor& activations) {
  add_sum(input, activations.to(at::kFloat).square().sum(0), activations.size(0));
}

void InputGrams::add(LinearInput input, const at::Tensor& activations) {
  const at::Tensor x = activations.to(at::kFloat);
  add_sum(input, at::mm(x.t(), x), activations.size(0));
}

at::Tensor InputGrams::take(LinearInput input) {
  const auto i = static_cast<std::size_t>(input);
  return std::exchange(sums_[i], {}).div_(static_cast<double>(tokens_[i]));
}

Result<std::vector<float>> InputMoments::mean_squares(LinearInput input) const {
  const auto i = static_cast<std::size_t>(input);
  const at::Tensor means = (sums_[i] / static_cast<double>(tokens_[i])).to(at::kCPU, at::kFloat).contiguous();
  if (!means.isfinite().all().item<bool>())
    return fail("an activation of the model is not finite on this text: its weights are broken");
  const auto* data = means.const_data_ptr<float>();
  return std::vector<float>(data, data + means.numel());
}

}  // namespace sparsecim
