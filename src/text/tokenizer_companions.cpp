// What a Hugging Face directory says beside a tokenizer.model, read as `transformers` (5.23) does:
// tokenizer_config.json has either all added tokens ("added_tokens_decoder") or, in older directories,
// special_tokens_map.json and added_tokens.json have them.

#include "text/tokenizer_json.hpp"

namespace sparsecim {
namespace {

using Token = Vocabulary::Token;
using TokenKind = Vocabulary::TokenKind;

constexpr const char* kNamed[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                  "pad_token", "cls_token", "mask_token"};
constexpr const char* kLists[] = {"additional_special_tokens", "extra_special_tokens"};

/// The id that a key of added_tokens_decoder spells, or the key itself, which token_at refuses.
Json id_of_key(const std::string& key) {
  const bool is_number = !key.empty() && key.size() <= 9 && key.find_first_not_of("0123456789") == std::string::npos;
  return is_number ? Json(std::stoll(key)) : Json(key);
}

Result<void> read_decoder(Vocabulary& vocabulary, const Json& decoder, std::size_t entries) {
  if (!decoder.is_object()) return fail("is no object");
  for (const auto& [key, added] : decoder.items()) SC_TRY(read_added_token(vocabulary, added, id_of_key(key), entries));
  return {};
}

/// {"<pad>": 32000, ...}: found behind the space rules, as `transformers` adds them.
Result<void> read_added_ids(Vocabulary& vocabulary, const Json& added_tokens, std::size_t entries) {
  if (added_tokens.is_null()) return {};
  if (!added_tokens.is_object()) return fail("is no object");
  for (const auto& [text, id] : added_tokens.items())
    SC_TRY(read_added_token(vocabulary, {{"content", text}, {"normalized", true}}, id, entries));
  return {};
}

/// Makes the token that `named` tells a special one. A token that has no id is left out: the model has no row for it.
void mark_special(Vocabulary& vocabulary, const Json& named) {
  const auto text = named_text(named);
  const auto id = text ? find_token(vocabulary, *text) : std::nullopt;
  if (!id) return;
  Token& token = vocabulary.tokens[static_cast<std::size_t>(*id)];
  if (token.kind != TokenKind::kUnknown) token.kind = TokenKind::kControl;
  token.strips_left = flag_or(named, "lstrip", false);
  token.strips_right = flag_or(named, "rstrip", false);
  token.normalized = flag_or(named, "normalized", false);
  token.single_word = flag_or(named, "single_word", false);
}

void mark_special_tokens(Vocabulary& vocabulary, const Json& names) {
  for (const char* key : kNamed) mark_special(vocabulary, member_or_null(names, key));
  for (const char* key : kLists)
    if (const Json& list = member_or_null(names, key); list.is_array())
      for (const Json& named : list) mark_special(vocabulary, named);
}

void set_id(const Vocabulary& vocabulary, const Json& named, std::optional<TokenId>& id) {
  const auto text = named_text(named);
  if (const auto found = text ? find_token(vocabulary, *text) : std::nullopt) id = found;
}

}  // namespace

Result<void> read_companions(Vocabulary& vocabulary, const TokenizerCompanions& companions) {
  const Json& decoder = member_or_null(companions.config, "added_tokens_decoder");
  const std::size_t entries = vocabulary.tokens.size() + decoder.size() + companions.added_tokens.size();
  if (!decoder.is_null()) {
    SC_TRY(within("tokenizer_config.json: added_tokens_decoder", read_decoder(vocabulary, decoder, entries)));
  } else {
    SC_TRY(within("added_tokens.json", read_added_ids(vocabulary, companions.added_tokens, entries)));
    mark_special_tokens(vocabulary, companions.config);
    mark_special_tokens(vocabulary, companions.special_tokens_map);
  }
  for (const Json* names : {&companions.config, decoder.is_null() ? &companions.special_tokens_map : nullptr}) {
    if (!names) continue;
    set_id(vocabulary, member_or_null(*names, "bos_token"), vocabulary.bos);
    set_id(vocabulary, member_or_null(*names, "eos_token"), vocabulary.eos);
  }
  vocabulary.add_bos = vocabulary.bos && flag_or(companions.config, "add_bos_token", true);
  vocabulary.add_eos = vocabulary.eos && flag_or(companions.config, "add_eos_token", false);
  if (vocabulary.unknown) vocabulary.tokens[static_cast<std::size_t>(*vocabulary.unknown)].kind = TokenKind::kUnknown;
  vocabulary.scores.resize(vocabulary.tokens.size());
  read_tokenizer_config(vocabulary, companions.config);
  return {};
}

}  // namespace sparsecim
