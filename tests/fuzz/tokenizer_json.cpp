// tokenizer.json, an empty line, and a text to encode with it.

#include "input.hpp"
#include "targets.hpp"
#include "tokenize.hpp"

namespace sparsecim::fuzz {

void tokenizer_json(std::string_view input) {
  const auto json = parse_json(take_until(input, "\n\n"));
  if (!json) return;
  const auto vocabulary = vocabulary_from_tokenizer_json(*json, nullptr);
  if (vocabulary) tokenize(*vocabulary, input);
}

}  // namespace sparsecim::fuzz
