// llama2.c's tokenizer.bin: a byte that says how many tokens beyond 259 there are, then the file.

#include "targets.hpp"
#include "tokenize.hpp"

namespace sparsecim::fuzz {

void tokenizer_bin(std::string_view input) {
  if (input.empty()) return;
  const int n_tokens = 259 + static_cast<unsigned char>(input[0]);
  const auto vocabulary = vocabulary_from_llama2c(input.substr(1), n_tokens);
  if (vocabulary) tokenize(*vocabulary, "the thing \u2581 is <0x0A>\xff\n");
}

}  // namespace sparsecim::fuzz
