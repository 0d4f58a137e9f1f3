#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/result.hpp"
#include "model/llama.hpp"
#include "text/tokenizer.hpp"

namespace sparsecim {

struct GenerationOptions {
  std::int64_t tokens = 128;  // at most this many new ones
  double temperature = 0;     // 0: always the likeliest token
  std::uint64_t seed = 0;
};

/// Continues `prompt` (ids, at least one) until the model's end-of-sequence token or a limit; `on_token` sees each new
/// token as it comes. Errors: a prompt that leaves no room in the model's context; interrupted.
Result<std::vector<TokenId>> generate(const Llama& model, std::vector<TokenId> prompt, const GenerationOptions& options,
                                      const std::function<void(TokenId)>& on_token = {});

}  // namespace sparsecim
