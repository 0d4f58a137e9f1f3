#include "model/generate.hpp"

#include <algorithm>
#include <cmath>
#include <random>

#include "base/interrupt.hpp"

namespace sparsecim {
namespace {

/// Draws from softmax(logits / temperature) by inverting the cumulative sum. logits: [vocabulary], float32.
TokenId draw(const at::Tensor& logits, double temperature, std::mt19937_64& random) {
  if (temperature == 0) return static_cast<TokenId>(logits.argmax().item<std::int64_t>());
  const at::Tensor cumulative = (logits.to(at::kCPU, at::kDouble) / temperature).softmax(-1).cumsum(-1);
  const double total = cumulative[-1].item<double>();
  const double point = total * std::ldexp(static_cast<double>(random() >> 11), -53);  // uniform in [0, total)
  const auto* begin = cumulative.const_data_ptr<double>();
  const auto index = std::upper_bound(begin, begin + cumulative.numel(), point) - begin;
  return static_cast<TokenId>(std::min<std::int64_t>(index, cumulative.numel() - 1));
}

at::Tensor as_batch(const std::vector<TokenId>& ids) {  // [1, tokens]
  return at::tensor(std::vector<std::int64_t>(ids.begin(), ids.end()), at::kLong).unsqueeze(0);
}

}  // namespace

Result<std::vector<TokenId>> generate(const Llama& model, std::vector<TokenId> prompt, const GenerationOptions& options,
                                      const std::function<void(TokenId)>& on_token) {
  const auto length = static_cast<std::int64_t>(prompt.size());
  if (length == 0) return fail(Remedy{"give at least one word"}, "the prompt is empty");
  const std::int64_t room = model.config().max_positions - length;
  if (room < 1)
    return fail(Remedy{"shorten it"}, "the prompt has {} tokens, which fill the model's context of {}", length,
                model.config().max_positions);
  return guarded([&]() -> Result<std::vector<TokenId>> {
    std::mt19937_64 random(options.seed);
    const std::int64_t limit = std::min(options.tokens, room);
    auto caches = model.make_caches(1, length + limit);
    std::vector<TokenId> produced, input = std::move(prompt);
    while (static_cast<std::int64_t>(produced.size()) < limit) {
      SC_TRY(check_interrupt());
      SC_TRY_ASSIGN(const at::Tensor hidden, model.forward(as_batch(input), &caches));
      const TokenId next = draw(model.logits(hidden.select(1, -1)).squeeze(0), options.temperature, random);
      if (std::ranges::count(model.config().eos_token_ids, next) > 0) break;
      produced.push_back(next);
      if (on_token) on_token(next);
      input = {next};
    }
    return produced;
  });
}

}  // namespace sparsecim
