#pragma once

#include <cstdint>
#include <vector>

#include "base/result.hpp"
#include "text/corpus.hpp"
#include "text/tokenizer.hpp"

namespace sparsecim {

/// How a corpus becomes the sequences that a model is scored on.
struct Protocol {
  std::int64_t context = 2048;             // tokens per window; of documents: predicted tokens of each
  std::int64_t max_tokens = INT64_MAX;     // ids used at most; of documents: predicted tokens
  std::int64_t max_documents = INT64_MAX;  // of a corpus that is split
  const char* max_tokens_option = "--max-tokens";
};

/// Ids of which all but the first are predicted.
using Sequence = std::vector<TokenId>;

/// Of a text that is not split: tokenised once as the model's tokenizer does by itself, cut into whole windows of
/// `context` ids, each scored without what came before it (the protocol of GPTQ, SparseGPT and Wanda). Of documents:
/// one at a time, the BOS token in front whatever the tokenizer adds by itself, cut after `context` predicted tokens.
/// Errors: a text shorter than one window; no documents.
Result<std::vector<Sequence>> make_sequences(const Tokenizer& tokenizer, const Corpus& corpus,
                                             const Protocol& protocol);

/// Predicted tokens over all sequences.
std::int64_t predicted_tokens(const std::vector<Sequence>& sequences);

}  // namespace sparsecim
