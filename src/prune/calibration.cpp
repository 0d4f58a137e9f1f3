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
    begin = end;
  }
  if (calibration.tokens == 0) return fail(Remedy{"give a longer text"}, "there is nothing to calibrate on");
  return calibration;
}

void InputMoments::add(LinearInput input, const at::Tensor& activations) {
  const auto i = static_cast<std::size_t>(input);
  // Squares are summed over a batch in float32 (a few thousand terms), batches in float64.
  const at::Tensor sum = activations.to(at::kFloat).square().sum(0).to(at::kDouble);
  sums_[i] = sums_[i].defined() ? sums_[i] + sum : sum;
  tokens_[i] += activations.size(0);
}

void InputGrams::add(LinearInput input, const at::Tensor& activations) {
  const auto i = static_cast<std::size_t>(input);
  // Products are summed over a batch in float32 (a few thousand terms), batches in float64.
  const at::Tensor x = activations.to(at::kFloat);
  const at::Tensor sum = at::mm(x.t(), x).to(at::kDouble);
  sums_[i] = sums_[i].defined() ? sums_[i].add_(sum) : sum;
  tokens_[i] += activations.size(0);
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
