#include "text/tokenizer_json.hpp"

#include <algorithm>

#include "text/space_mark.hpp"
#include "text/splits.hpp"

namespace sparsecim {
namespace {

using SpacePrefix = Vocabulary::SpacePrefix;

/// The items of a `Sequence` under `key`; of anything else, that by itself; of null, none.
Result<std::vector<Json>> items_of(const Json& part, const char* key) {
  if (part.is_null()) return std::vector<Json>{};
  if (!part.is_object()) return fail("is no object");
  if (member_or_null(part, "type") != "Sequence") return std::vector<Json>{part};
  const Json items = part.value(key, Json());
  if (!items.is_array()) return fail("'{}' is missing or no array", key);
  return items.get<std::vector<Json>>();
}

tl::unexpected<Error> not_implemented(const Json& item) { return fail("{} is not implemented", item.dump()); }

/// {"Regex": "..."} as it is, {"String": "..."} with every character standing for itself.
Result<std::string> regular_expression(const Json& pattern) {
  if (pattern.is_object() && pattern.contains("Regex")) return get_string(pattern, "Regex");
  SC_TRY_ASSIGN(const std::string literal, get_string(pattern, "String"));
  if (literal.empty()) return fail("'String' is empty");
  std::string escaped;
  for (const char c : literal) {
    if (std::string_view("\\^$.|?*+()[]{}").find(c) != std::string_view::npos) escaped += '\\';
    escaped += c;
  }
  return escaped;
}

Result<void> read_split(Vocabulary& vocabulary, const Json& split) {
  if (member_or_null(split, "behavior") != "Isolated" || flag_or(split, "invert", false)) return not_implemented(split);
  SC_TRY_ASSIGN(std::string pattern, regular_expression(member_or_null(split, "pattern")));
  vocabulary.splits.push_back(std::move(pattern));
  return {};
}

Result<void> read_byte_level(Vocabulary& vocabulary, const Json& byte_level) {
  if (flag_or(byte_level, "add_prefix_space", true)) {
    if (!vocabulary.splits.empty()) return fail("'add_prefix_space' behind another split is not implemented");
    vocabulary.space_prefix = SpacePrefix::kEverySegment;
    vocabulary.prefix_if_missing = true;
  }
  if (flag_or(byte_level, "use_regex", true)) vocabulary.splits.emplace_back(kGpt2Split);
  return {};
}

Result<void> read_byte_level_item(Vocabulary& vocabulary, const Json& item, bool last) {
  const Json& type = member_or_null(item, "type");
  if (type == "ByteLevel" && last) return read_byte_level(vocabulary, item);
  if (type == "Split" && !last) return read_split(vocabulary, item);
  if (type != "Digits" || last) return not_implemented(item);
  vocabulary.splits.emplace_back(flag_or(item, "individual_digits", false) ? kSingleDigitSplit : kDigitsSplit);
  return {};
}

/// Metaspace says where the prefix goes by `prepend_scheme`, or in older files by `add_prefix_space`.
Result<void> read_metaspace(Vocabulary& vocabulary, const Json& metaspace) {
  if (member_or_null(metaspace, "type") != "Metaspace" || member_or_null(metaspace, "replacement") != kSpaceMark)
    return not_implemented(metaspace);
  const Json scheme = has(metaspace, "prepend_scheme")
                          ? metaspace["prepend_scheme"]
                          : Json(flag_or(metaspace, "add_prefix_space", true) ? "always" : "never");
  if (scheme == "always") {
    vocabulary.space_prefix = SpacePrefix::kEverySegment;
  } else if (scheme == "first") {
    vocabulary.space_prefix = SpacePrefix::kFirst;
  } else if (scheme != "never") {
    return fail("'prepend_scheme' is {}, not always, first or never", scheme.dump());
  }
  vocabulary.prefix_if_missing = true;
  vocabulary.words_apart = flag_or(metaspace, "split", true);
  return {};
}

bool replaces_spaces(const Json& item) {
  return member_or_null(item, "type") == "Replace" && member_or_null(item, "pattern") == Json{{"String", " "}} &&
         member_or_null(item, "content") == kSpaceMark;
}

bool prepends_space(const Json& item) {
  return member_or_null(item, "type") == "Prepend" && member_or_null(item, "prepend") == kSpaceMark;
}

struct Around {
  std::optional<TokenId> before, behind;
};

/// The id of one special token of a template.
Result<TokenId> template_token(const Vocabulary& vocabulary, const Json& tokens, const Json& name) {
  if (!name.is_string() || !tokens.is_object() || !tokens.contains(name.get<std::string>()))
    return fail("the template names {}, which 'special_tokens' does not have", name.dump());
  const Json& ids = member_or_null(tokens[name.get<std::string>()], "ids");
  const auto size = static_cast<std::int64_t>(vocabulary.tokens.size());
  if (!ids.is_array() || ids.size() != 1 || !ids[0].is_number_integer() || ids[0] < 0 || ids[0] >= size)
    return fail("the ids of {} are {}: not one of 0 .. {}", name.dump(), ids.dump(), size - 1);
  return ids[0].get<TokenId>();
}

/// TemplateProcessing's "single": at most one token before the text and one behind.
Result<Around> read_template(const Vocabulary& vocabulary, const Json& processor) {
  Around around;
  bool text_seen = false;
  for (const Json& item : member_or_null(processor, "single")) {
    if (item.contains("Sequence") && !text_seen) {
      text_seen = true;
      continue;
    }
    auto& place = text_seen ? around.behind : around.before;
    if (!item.contains("SpecialToken") || !item["SpecialToken"].is_object() || place) return not_implemented(item);
    SC_TRY_ASSIGN(place, template_token(vocabulary, member_or_null(processor, "special_tokens"),
                                        member_or_null(item["SpecialToken"], "id")));
  }
  if (!text_seen) return fail("the template 'single' has no place for the text");
  return around;
}

}  // namespace

const Json& member_or_null(const Json& object, const char* key) {
  static const Json null;
  if (!object.is_object()) return null;
  const auto found = object.find(key);
  return found == object.end() ? null : *found;
}

bool flag_or(const Json& object, const char* key, bool otherwise) {
  const Json& value = member_or_null(object, key);
  return value.is_boolean() ? value.get<bool>() : otherwise;
}

Result<Vocabulary::Token*> token_at(Vocabulary& vocabulary, const Json& id, std::string_view text,
                                    std::size_t entries) {
  constexpr std::int64_t kMostUnusedIds = 65536;  // ids without a token, which padded vocabularies have a few of
  const auto limit = static_cast<std::int64_t>(entries) + kMostUnusedIds;
  if (!id.is_number_integer() || id < 0 || id >= limit)
    return fail("the id of token '{}' is {}, outside 0 .. {}", text, id.dump(), limit - 1);
  const auto at = id.get<std::size_t>();
  if (at >= vocabulary.tokens.size()) vocabulary.tokens.resize(at + 1);
  return &vocabulary.tokens[at];
}

Result<void> read_added_token(Vocabulary& vocabulary, const Json& added, const Json& id, std::size_t entries) {
  SC_TRY_ASSIGN(const std::string text, get_string(added, "content"));
  if (text.empty()) return fail("a token without text");
  SC_TRY_ASSIGN(Vocabulary::Token * token, token_at(vocabulary, id, text, entries));
  if (!token->text.empty() && token->text != text) return fail("'{}' has the id of '{}'", text, token->text);
  if (token->text.empty()) token->added = true;
  token->text = text;
  token->kind =
      flag_or(added, "special", false) ? Vocabulary::TokenKind::kControl : Vocabulary::TokenKind::kUserDefined;
  token->strips_left = flag_or(added, "lstrip", false);
  token->strips_right = flag_or(added, "rstrip", false);
  token->normalized = flag_or(added, "normalized", false);
  token->single_word = flag_or(added, "single_word", false);
  return {};
}

std::optional<TokenId> find_token(const Vocabulary& vocabulary, const std::string& text) {
  const auto found = std::find_if(vocabulary.tokens.begin(), vocabulary.tokens.end(),
                                  [&](const Vocabulary::Token& token) { return token.text == text; });
  if (text.empty() || found == vocabulary.tokens.end()) return {};
  return static_cast<TokenId>(found - vocabulary.tokens.begin());
}

std::optional<std::string> named_text(const Json& named) {
  const Json& text = named.is_object() ? member_or_null(named, "content") : named;
  return text.is_string() ? std::optional(text.get<std::string>()) : std::nullopt;
}

/// Whether BOS and EOS are added is the post-processor's say: `transformers` (5.23) passes over add_bos_token and
/// add_eos_token where there is a tokenizer.json.
void read_tokenizer_config(Vocabulary& vocabulary, const Json& config) {
  const auto id_of = [&](const char* key) -> std::optional<TokenId> {
    const auto text = named_text(member_or_null(config, key));
    return text ? find_token(vocabulary, *text) : std::nullopt;
  };
  if (!vocabulary.bos) vocabulary.bos = id_of("bos_token");
  if (!vocabulary.eos) vocabulary.eos = id_of("eos_token");
  const Json& chat_template = member_or_null(config, "chat_template");
  if (chat_template.is_string()) vocabulary.chat_template = chat_template.get<std::string>();
}

bool is_byte_name(std::string_view text) {
  return text.size() == 6 && text.starts_with("<0x") && text.ends_with('>') &&
         text.substr(3, 2).find_first_not_of("0123456789ABCDEF") == std::string_view::npos;
}

bool is_byte_level(const Json& pre_tokenizer) {
  const auto items = items_of(pre_tokenizer, "pretokenizers");
  return items && !items->empty() && member_or_null(items->back(), "type") == "ByteLevel";
}

Result<void> read_normalizer(Vocabulary& vocabulary, const Json& part) {
  SC_TRY_ASSIGN(const std::vector<Json> items, items_of(part, "normalizers"));
  for (const Json& item : items) {
    if (vocabulary.kind == Vocabulary::Kind::kByteLevelBpe) {
      if (member_or_null(item, "type") != "NFC") return not_implemented(item);
      vocabulary.nfc = true;
      continue;
    }
    if (!replaces_spaces(item) && !prepends_space(item)) return not_implemented(item);
    if (prepends_space(item)) vocabulary.space_prefix = SpacePrefix::kEverySegment;
  }
  if (!items.empty() && !vocabulary.nfc && std::none_of(items.begin(), items.end(), replaces_spaces))
    return fail("a prefix without the replacement of spaces is not implemented");
  return {};
}

Result<void> read_pre_tokenizer(Vocabulary& vocabulary, const Json& part) {
  SC_TRY_ASSIGN(const std::vector<Json> items, items_of(part, "pretokenizers"));
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (vocabulary.kind == Vocabulary::Kind::kByteLevelBpe) {
      SC_TRY(read_byte_level_item(vocabulary, items[i], i + 1 == items.size()));
    } else if (i > 0) {
      return not_implemented(items[i]);
    } else {
      SC_TRY(read_metaspace(vocabulary, items[i]));
    }
  }
  return {};
}

Result<void> read_post_processor(Vocabulary& vocabulary, const Json& part) {
  SC_TRY_ASSIGN(const std::vector<Json> items, items_of(part, "processors"));
  for (const Json& item : items) {
    const Json& type = member_or_null(item, "type");
    if (type == "ByteLevel") continue;  // changes offsets only
    if (type != "TemplateProcessing") return not_implemented(item);
    SC_TRY_ASSIGN(const Around around, read_template(vocabulary, item));
    vocabulary.add_bos = around.before.has_value();
    vocabulary.add_eos = around.behind.has_value();
    if (around.before) vocabulary.bos = around.before;
    if (around.behind) vocabulary.eos = around.behind;
  }
  return {};
}

}  // namespace sparsecim
