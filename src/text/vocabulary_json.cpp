// A vocabulary from Hugging Face's tokenizer.json (the Rust crate `tokenizers` is the format's only description) and
// tokenizer_config.json (PreTrainedTokenizerFast of `transformers`).

#include "text/tokenizer_json.hpp"
#include "text/vocabulary.hpp"

namespace sparsecim {
namespace {

using Token = Vocabulary::Token;
using TokenKind = Vocabulary::TokenKind;

bool flag(const Json& object, const char* key) { return flag_or(object, key, false); }

/// Refuses a member of the model that would change its merging, were it more than empty.
Result<void> check_absent(const Json& model, const char* key) {
  const Json& value = member_or_null(model, key);
  if (value.is_null() || value == "" || value == 0.0) return {};
  return fail("model: '{}' is not implemented", key);
}

Result<void> check_model(const Json& model) {
  if (!model.is_object()) return fail("'model' is missing");
  if (has(model, "type") && model["type"] != "BPE")
    return fail(Remedy{"BPE is"}, "model: type {} is not implemented", model["type"].dump());
  for (const char* key : {"dropout", "continuing_subword_prefix", "end_of_word_suffix"})
    SC_TRY(check_absent(model, key));
  if (!model.contains("vocab") || !model["vocab"].is_object()) return fail("model: 'vocab' is missing or no object");
  if (!model.contains("merges") || !model["merges"].is_array()) return fail("model: 'merges' is missing or no array");
  return {};
}

Result<void> read_tokens(Vocabulary& vocabulary, const Json& vocab, std::size_t entries) {
  for (const auto& [text, id] : vocab.items()) {
    if (text.empty()) return fail("model: 'vocab' has a token without text");
    SC_TRY_ASSIGN(Token * token, token_at(vocabulary, id, text, entries));
    if (!token->text.empty()) return fail("tokens '{}' and '{}' have the same id {}", token->text, text, id.dump());
    token->text = text;
    if (vocabulary.kind == Vocabulary::Kind::kScoreBpe && is_byte_name(text)) token->kind = TokenKind::kByte;
  }
  return {};
}

Result<void> read_merges(Vocabulary& vocabulary, const Json& merges) {
  vocabulary.merges.reserve(merges.size());
  for (const Json& merge : merges) {
    const std::size_t rank = vocabulary.merges.size();
    if (merge.is_string()) {
      const auto& text = merge.get_ref<const std::string&>();
      const auto space = text.find(' ', 1);
      if (space == std::string::npos) return fail("merge {}, '{}', is no pair", rank, text);
      vocabulary.merges.emplace_back(text.substr(0, space), text.substr(space + 1));
    } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      vocabulary.merges.emplace_back(merge[0], merge[1]);
    } else {
      return fail("merge {} is no pair", rank);
    }
  }
  return {};
}

Result<void> read_added_tokens(Vocabulary& vocabulary, const Json& file, std::size_t entries) {
  if (!has(file, "added_tokens")) return {};
  if (!file["added_tokens"].is_array()) return fail("is no array");
  for (const Json& added : file["added_tokens"])
    SC_TRY(read_added_token(vocabulary, added, member_or_null(added, "id"), entries));
  return {};
}

/// SentencePiece's kind has byte fallback and a rule for spaces; the other a pre-tokenizer that makes bytes printable.
Result<Vocabulary::Kind> kind_of_model(const Json& file) {
  const Json& normalizer = member_or_null(file, "normalizer");
  const Json& pre_tokenizer = member_or_null(file, "pre_tokenizer");
  if (!flag(file["model"], "byte_fallback")) {
    if (is_byte_level(pre_tokenizer)) return Vocabulary::Kind::kByteLevelBpe;
    return fail("BPE with neither a ByteLevel pre-tokenizer nor byte_fallback is not implemented");
  }
  if (normalizer.is_null() == pre_tokenizer.is_null())
    return fail("byte_fallback needs either a normalizer or a pre_tokenizer that marks spaces, and not both");
  return Vocabulary::Kind::kScoreBpe;
}

Result<void> read_unknown(Vocabulary& vocabulary, const Json& model) {
  if (!has(model, "unk_token")) return {};
  SC_TRY_ASSIGN(const std::string text, get_string(model, "unk_token"));
  vocabulary.unknown = find_token(vocabulary, text);
  if (!vocabulary.unknown) return fail("'unk_token', '{}', is no token", text);
  auto& token = vocabulary.tokens[static_cast<std::size_t>(*vocabulary.unknown)];
  if (token.kind == TokenKind::kControl) token.kind = TokenKind::kUnknown;
  return {};
}

}  // namespace

Result<Vocabulary> vocabulary_from_tokenizer_json(const Json& tokenizer, const Json& config) {
  const Json& model = member_or_null(tokenizer, "model");
  SC_TRY(check_model(model));
  Vocabulary vocabulary;
  SC_TRY_ASSIGN(vocabulary.kind, kind_of_model(tokenizer));
  const std::size_t entries = model["vocab"].size() + member_or_null(tokenizer, "added_tokens").size();
  SC_TRY(read_tokens(vocabulary, model["vocab"], entries));
  SC_TRY(read_merges(vocabulary, model["merges"]));
  SC_TRY(within("added_tokens", read_added_tokens(vocabulary, tokenizer, entries)));
  SC_TRY(within("model", read_unknown(vocabulary, model)));
  vocabulary.whole_pieces_first = flag(model, "ignore_merges");
  SC_TRY(within("normalizer", read_normalizer(vocabulary, member_or_null(tokenizer, "normalizer"))));
  SC_TRY(within("pre_tokenizer", read_pre_tokenizer(vocabulary, member_or_null(tokenizer, "pre_tokenizer"))));
  SC_TRY(within("post_processor", read_post_processor(vocabulary, member_or_null(tokenizer, "post_processor"))));
  read_tokenizer_config(vocabulary, config);
  return vocabulary;
}

}  // namespace sparsecim
