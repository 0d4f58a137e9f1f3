#include "evaluate/sequences.hpp"

#include <algorithm>
#include <string_view>

namespace sparsecim {
namespace {

Result<std::vector<Sequence>> windows(const Tokenizer& tokenizer, std::string_view text, const Protocol& protocol) {
  SC_TRY_ASSIGN(const std::vector<TokenId> ids, tokenizer.encode_as_model(text));
  const std::int64_t usable = std::min<std::int64_t>(std::ssize(ids), protocol.max_tokens);
  if (usable < protocol.context) {
    const std::string more =
        usable < std::ssize(ids) ? fmt::format("more {}", protocol.max_tokens_option) : "a longer text";
    return fail(Remedy{fmt::format("give {} or a smaller --context", more)}, "{} tokens are less than one window of {}",
                usable, protocol.context);
  }
  std::vector<Sequence> sequences;
  for (std::int64_t begin = 0; begin + protocol.context <= usable; begin += protocol.context)
    sequences.emplace_back(ids.begin() + begin, ids.begin() + begin + protocol.context);
  return sequences;
}

/// Document ids behind the BOS, at most `predicted` + 1 in all; fewer than two ids predict nothing.
Result<Sequence> document_sequence(const Tokenizer& tokenizer, std::string_view document, std::int64_t predicted) {
  Sequence sequence;
  if (tokenizer.vocabulary().bos) sequence.push_back(*tokenizer.vocabulary().bos);
  SC_TRY_ASSIGN(const std::vector<TokenId> ids, tokenizer.encode(document));
  sequence.insert(sequence.end(), ids.begin(), ids.end());
  if (std::ssize(sequence) > predicted + 1) sequence.resize(static_cast<std::size_t>(predicted + 1));
  return sequence;
}

Result<std::vector<Sequence>> one_by_one(const Tokenizer& tokenizer, const std::vector<std::string>& documents,
                                         const Protocol& protocol) {
  std::vector<Sequence> sequences;
  std::int64_t left = protocol.max_tokens;
  for (const std::string& document : documents) {
    if (std::ssize(sequences) >= protocol.max_documents || left <= 0) break;
    SC_TRY_ASSIGN(Sequence sequence, document_sequence(tokenizer, document, std::min(protocol.context, left)));
    if (sequence.size() < 2) continue;
    left -= std::ssize(sequence) - 1;
    sequences.push_back(std::move(sequence));
  }
  if (sequences.empty()) return fail(Remedy{"give a longer text"}, "no document has a token to predict");
  return sequences;
}

}  // namespace

Result<std::vector<Sequence>> make_sequences(const Tokenizer& tokenizer, const Corpus& corpus,
                                             const Protocol& protocol) {
  if (protocol.context < 2) return fail("--context {} leaves nothing to predict; use 2 or more", protocol.context);
  if (corpus.split) return one_by_one(tokenizer, corpus.documents, protocol);
  return windows(tokenizer, corpus.documents.at(0), protocol);
}

std::int64_t predicted_tokens(const std::vector<Sequence>& sequences) {
  std::int64_t tokens = 0;
  for (const auto& sequence : sequences) tokens += std::ssize(sequence) - 1;
  return tokens;
}

}  // namespace sparsecim
