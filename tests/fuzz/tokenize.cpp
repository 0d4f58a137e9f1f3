#include "tokenize.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "text/byte_alphabet.hpp"
#include "text/merges.hpp"
#include "text/utf8.hpp"

namespace sparsecim::fuzz {
namespace {

using Kind = Vocabulary::Kind;
using TokenKind = Vocabulary::TokenKind;

bool is_recognised(const Vocabulary::Token& token) {
  return token.kind != TokenKind::kNormal && token.kind != TokenKind::kByte;
}

/// Whether every byte has a token that reads as that byte, and of scores U+2581 one of its own: spelt by its bytes it
/// stays what it is.
bool spells_all_bytes(const Vocabulary& vocabulary) {
  if (vocabulary.kind == Kind::kScoreBpe)  // make_tokenizer has seen to the bytes
    return std::ranges::find(vocabulary.tokens, "\u2581", &Vocabulary::Token::text) != vocabulary.tokens.end();
  int spelled = 0;
  for (int byte = 0; byte < 256; ++byte)
    spelled += std::ranges::any_of(vocabulary.tokens, [&](const Vocabulary::Token& token) {
      return !is_recognised(token) && token.text == printable_byte(static_cast<unsigned char>(byte));
    });
  return spelled == 256;
}

/// Whether docs/formats/tokenizers.md, "Decoding", promises the text, which became `ids`, back.
bool promises(const Vocabulary& vocabulary, const std::vector<TokenId>& ids) {
  const bool recognised = std::ranges::any_of(
      ids, [&](TokenId id) { return is_recognised(vocabulary.tokens[static_cast<std::size_t>(id)]); });
  return !recognised && !vocabulary.prefix_if_missing && spells_all_bytes(vocabulary);
}

/// What comes back: a space for U+2581 (scores, byte fallback).
std::string folded(const Vocabulary& vocabulary, std::string_view text) {
  return vocabulary.kind == Kind::kScoreBpe ? replace_all(text, "\u2581", " ") : std::string(text);
}

/// Whether a text can overlap itself: some beginning of it is also its end.
bool overlaps_itself(std::string_view text) {
  for (std::size_t shift = 1; shift < text.size(); ++shift)
    if (text.substr(shift) == text.substr(0, text.size() - shift)) return true;
  return false;
}

/// Whether merges of one rank can compete for the same symbols: tokenizer.json has no equal ranks
/// (docs/formats/tokenizers.md, "Export").
bool ranks_tie(const Vocabulary& vocabulary) {
  const TokenIndex index = index_tokens(vocabulary).value();
  const std::vector<Merge> merges = ranked_merges(vocabulary, index).value();
  return std::ranges::adjacent_find(merges, [&](const Merge& a, const Merge& b) {
           return a.rank == b.rank &&
                  (a.result != b.result || overlaps_itself(vocabulary.tokens[static_cast<std::size_t>(a.result)].text));
         }) != merges.end();
}

void check_export(const Vocabulary& vocabulary, std::string_view text, const std::vector<TokenId>& ids) {
  const TokenizerFiles files = to_tokenizer_files(vocabulary);
  const auto read = vocabulary_from_tokenizer_json(parse_json(files.tokenizer.dump()).value(), files.config);
  if (!read) std::fprintf(stderr, "the export is refused: %s\n", read.error().what.c_str());
  SC_CHECK(read);
  const auto tokenizer = make_tokenizer(*read);
  SC_CHECK(tokenizer);
  const auto again = (*tokenizer)->encode(text);
  if (again && !ranks_tie(vocabulary)) SC_CHECK(*again == ids);  // no value: it took too long this time
}

}  // namespace

void tokenize(const Vocabulary& vocabulary, std::string_view text) {
  const auto tokenizer = make_tokenizer(vocabulary);
  if (!tokenizer) return;
  const auto ids = (*tokenizer)->encode(text);
  if (!ids) return;
  const auto n_tokens = static_cast<TokenId>(vocabulary.tokens.size());
  SC_CHECK(std::ranges::all_of(*ids, [&](TokenId id) { return id >= 0 && id < n_tokens; }));
  if (const auto again = (*tokenizer)->encode(text)) SC_CHECK(*again == *ids);  // or it took too long this time
  const std::string decoded = (*tokenizer)->decode(*ids);
  if (promises(vocabulary, *ids)) SC_CHECK(decoded == folded(vocabulary, text));
  check_export(vocabulary, text, *ids);
}

}  // namespace sparsecim::fuzz
