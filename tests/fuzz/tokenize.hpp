#pragma once

#include "text/tokenizer.hpp"

namespace sparsecim::fuzz {

/// Makes a tokenizer of `vocabulary` and gives it `text`. Aborts unless ids are in range, encoding again gives the
/// same, decoding gives the text back wherever docs/formats/tokenizers.md says so, and the tokenizer read back from its
/// export gives the same ids.
void tokenize(const Vocabulary& vocabulary, std::string_view text);

}  // namespace sparsecim::fuzz
