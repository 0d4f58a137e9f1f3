#include "text/tokenizer.hpp"

#include "text/bpe_tokenizer.hpp"
#include "text/utf8.hpp"

namespace sparsecim {
namespace {

Result<void> check_ids(const Vocabulary& vocabulary) {
  for (const auto& id : {vocabulary.bos, vocabulary.eos, vocabulary.unknown}) {
    if (!id) continue;
    if (*id < 0 || static_cast<std::size_t>(*id) >= vocabulary.tokens.size())
      return fail("token id {} is named, but there are {} tokens", *id, vocabulary.tokens.size());
    if (vocabulary.tokens[static_cast<std::size_t>(*id)].text.empty())
      return fail("token id {} is named as BOS, EOS or unknown, but no token has it", *id);
  }
  if (vocabulary.add_bos && !vocabulary.bos) return fail("BOS is to be added, but no token is named as BOS");
  if (vocabulary.add_eos && !vocabulary.eos) return fail("EOS is to be added, but no token is named as EOS");
  return {};
}

Result<void> check_texts(const Vocabulary& vocabulary) {
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    const std::string& text = vocabulary.tokens[id].text;
    if (valid_utf8_prefix(text) != text.size()) return fail("the text of token {} is not UTF-8", id);
  }
  return {};
}

/// A text is looked through for added tokens in a time that their greatest length bounds.
Result<void> check_added(const Vocabulary& vocabulary) {
  constexpr std::size_t kLongest = 1024;  // bytes; real ones have less than 100
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    const Vocabulary::Token& token = vocabulary.tokens[id];
    if (BpeTokenizer::is_recognised(token) && token.text.size() > kLongest)
      return fail("the added token {} has {} bytes, more than {}", id, token.text.size(), kLongest);
  }
  return {};
}

}  // namespace

Result<std::vector<TokenId>> Tokenizer::encode_as_model(std::string_view text) const {
  SC_TRY_ASSIGN(std::vector<TokenId> ids, encode(text));
  if (vocabulary().add_bos) ids.insert(ids.begin(), vocabulary().bos.value());
  if (vocabulary().add_eos) ids.push_back(vocabulary().eos.value());
  return ids;
}

std::string Tokenizer::decode_for_reading(std::span<const TokenId> ids) const {
  const auto& tokens = vocabulary().tokens;
  std::vector<TokenId> shown(ids.begin(), ids.end());
  std::erase_if(shown, [&](TokenId id) {
    return id >= 0 && static_cast<std::size_t>(id) < tokens.size() &&
           tokens[static_cast<std::size_t>(id)].kind == Vocabulary::TokenKind::kControl;
  });
  return decode(shown);
}

Result<std::unique_ptr<Tokenizer>> make_tokenizer(Vocabulary vocabulary) {
  SC_TRY(check_ids(vocabulary));
  SC_TRY(check_texts(vocabulary));
  SC_TRY(check_added(vocabulary));
  SC_TRY_ASSIGN(TokenIndex index, index_tokens(vocabulary));
  SC_TRY_ASSIGN(const std::vector<Merge> merges, ranked_merges(vocabulary, index));
  return vocabulary.kind == Vocabulary::Kind::kByteLevelBpe
             ? make_byte_level_tokenizer(std::move(vocabulary), std::move(index), merges)
             : make_score_tokenizer(std::move(vocabulary), std::move(index), merges);
}

}  // namespace sparsecim
