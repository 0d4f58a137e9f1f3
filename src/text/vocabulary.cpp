#include "text/vocabulary.hpp"

namespace sparsecim {
namespace {

/// Takes the token that is named as `name` away if it has no row. Errors: every text is to have it.
Result<void> drop_named(const Vocabulary& vocabulary, std::size_t n_rows, std::string_view name, bool in_every_text,
                        std::optional<TokenId>& id) {
  if (!id || static_cast<std::size_t>(*id) < n_rows) return {};
  if (in_every_text)
    return fail("the tokenizer puts {}, '{}', around every text, and the model's embedding has no row for it", name,
                vocabulary.tokens[static_cast<std::size_t>(*id)].text);
  id.reset();
  return {};
}

}  // namespace

Result<void> drop_tokens_without_row(Vocabulary& vocabulary, std::int64_t embedding_rows) {
  const auto n_rows = static_cast<std::size_t>(embedding_rows);
  if (vocabulary.tokens.size() <= n_rows) return {};
  for (std::size_t id = n_rows; id < vocabulary.tokens.size(); ++id) {
    const Vocabulary::Token& token = vocabulary.tokens[id];
    if (!token.added && !token.text.empty())
      return fail(Remedy{"give the tokenizer that belongs to this model"},
                  "the tokenizer has {} tokens, the model's embedding only {}: token {}, '{}', has no row",
                  vocabulary.tokens.size(), n_rows, id, token.text);
    if (token.added) ++vocabulary.n_without_row;
  }
  SC_TRY(drop_named(vocabulary, n_rows, "BOS", vocabulary.add_bos, vocabulary.bos));
  SC_TRY(drop_named(vocabulary, n_rows, "EOS", vocabulary.add_eos, vocabulary.eos));
  SC_TRY(drop_named(vocabulary, n_rows, "the unknown token", false, vocabulary.unknown));
  vocabulary.tokens.resize(n_rows);
  if (!vocabulary.scores.empty()) vocabulary.scores.resize(n_rows);
  return {};
}

}  // namespace sparsecim
