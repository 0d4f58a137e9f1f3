// SentencePiece's tokenizer.model, without companions.

#include "targets.hpp"
#include "tokenize.hpp"

namespace sparsecim::fuzz {

void sentencepiece(std::string_view input) {
  const auto vocabulary = vocabulary_from_sentencepiece(input, {});
  if (vocabulary) tokenize(*vocabulary, "the thing \u2581 is <0x0A>\xff <s>\n");
}

}  // namespace sparsecim::fuzz
