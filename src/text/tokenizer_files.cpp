// tokenizer.json and tokenizer_config.json: what the readers of vocabulary_json.cpp read, written back.

#include <fmt/format.h>

#include <algorithm>

#include "base/check.hpp"
#include "text/merges.hpp"
#include "text/space_mark.hpp"
#include "text/splits.hpp"
#include "text/vocabulary.hpp"

namespace sparsecim {
namespace {

using Kind = Vocabulary::Kind;
using SpacePrefix = Vocabulary::SpacePrefix;
using Token = Vocabulary::Token;
using TokenKind = Vocabulary::TokenKind;

bool is_added(const Token& token) {
  return !token.text.empty() && token.kind != TokenKind::kNormal && token.kind != TokenKind::kByte;
}

Json added_tokens(const Vocabulary& vocabulary) {
  Json added = Json::array();
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    const Token& token = vocabulary.tokens[id];
    if (!is_added(token)) continue;
    added.push_back({{"id", id},
                     {"content", token.text},
                     {"single_word", token.single_word},
                     {"lstrip", token.strips_left},
                     {"rstrip", token.strips_right},
                     {"normalized", token.normalized},
                     {"special", token.kind != TokenKind::kUserDefined}});
  }
  return added;
}

Json normalizer(const Vocabulary& vocabulary) {
  if (vocabulary.nfc) return {{"type", "NFC"}};
  if (vocabulary.kind == Kind::kByteLevelBpe || vocabulary.prefix_if_missing) return nullptr;
  const Json replace = {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", kSpaceMark}};
  if (vocabulary.space_prefix == SpacePrefix::kNever) return replace;
  const Json prepend = {{"type", "Prepend"}, {"prepend", kSpaceMark}};
  return {{"type", "Sequence"}, {"normalizers", {prepend, replace}}};
}

Json split(const std::string& pattern) {
  if (pattern == kSingleDigitSplit) return {{"type", "Digits"}, {"individual_digits", true}};
  return {{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}, {"invert", false}};
}

/// The splits one behind the other, the last of them within ByteLevel where it is GPT-2's.
Json byte_level_pre_tokenizer(const Vocabulary& vocabulary) {
  const bool gpt2_last = !vocabulary.splits.empty() && vocabulary.splits.back() == kGpt2Split;
  Json steps = Json::array();
  for (const std::string& pattern : vocabulary.splits) steps.push_back(split(pattern));
  if (gpt2_last) steps.erase(steps.size() - 1);
  const bool prefix = vocabulary.space_prefix != SpacePrefix::kNever;
  steps.push_back(
      {{"type", "ByteLevel"}, {"add_prefix_space", prefix}, {"trim_offsets", true}, {"use_regex", gpt2_last}});
  return steps.size() == 1 ? steps[0] : Json{{"type", "Sequence"}, {"pretokenizers", steps}};
}

Json pre_tokenizer(const Vocabulary& vocabulary) {
  if (vocabulary.kind == Kind::kByteLevelBpe) return byte_level_pre_tokenizer(vocabulary);
  if (!vocabulary.prefix_if_missing) return nullptr;
  const char* scheme = vocabulary.space_prefix == SpacePrefix::kEverySegment ? "always"
                       : vocabulary.space_prefix == SpacePrefix::kFirst      ? "first"
                                                                             : "never";
  return {{"type", "Metaspace"},
          {"replacement", kSpaceMark},
          {"prepend_scheme", scheme},
          {"split", vocabulary.words_apart}};
}

const std::string& text_of(const Vocabulary& vocabulary, TokenId id) {
  return vocabulary.tokens[static_cast<std::size_t>(id)].text;
}

/// BOS and EOS around one text, and around each of a pair.
Json post_processor(const Vocabulary& vocabulary) {
  if (!vocabulary.add_bos && !vocabulary.add_eos) return nullptr;
  Json special_tokens = Json::object();
  const auto append = [&](Json& sequence, TokenId id, int type_id) {
    const std::string& text = text_of(vocabulary, id);
    sequence.push_back({{"SpecialToken", {{"id", text}, {"type_id", type_id}}}});
    special_tokens[text] = {{"id", text}, {"ids", {id}}, {"tokens", {text}}};
  };
  Json single = Json::array(), pair = Json::array();
  for (const int type_id : {0, 1}) {
    Json part = Json::array();
    if (vocabulary.add_bos) append(part, *vocabulary.bos, type_id);
    part.push_back({{"Sequence", {{"id", type_id == 0 ? "A" : "B"}, {"type_id", type_id}}}});
    if (vocabulary.add_eos) append(part, *vocabulary.eos, type_id);
    pair.insert(pair.end(), part.begin(), part.end());
    if (type_id == 0) single = part;
  }
  return {{"type", "TemplateProcessing"}, {"single", single}, {"pair", pair}, {"special_tokens", special_tokens}};
}

Json decoder(const Vocabulary& vocabulary) {
  if (vocabulary.kind == Kind::kByteLevelBpe)
    return {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", true}, {"use_regex", true}};
  Json steps = {{{"type", "Replace"}, {"pattern", {{"String", kSpaceMark}}}, {"content", " "}},
                {{"type", "ByteFallback"}},
                {{"type", "Fuse"}}};
  if (vocabulary.space_prefix != SpacePrefix::kNever)
    steps.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  return {{"type", "Sequence"}, {"decoders", steps}};
}

/// Pairs as "left right", which every version of the library reads, unless a token has a space in it.
Json merges(const Vocabulary& vocabulary) {
  const TokenIndex index = index_tokens(vocabulary).value();
  const std::vector<Merge> ranked = ranked_merges(vocabulary, index).value();
  const bool spaces = std::any_of(vocabulary.tokens.begin(), vocabulary.tokens.end(), [](const Token& token) {
    return token.text.find(' ') != std::string::npos && !is_added(token);
  });
  Json list = Json::array();
  for (const Merge& merge : ranked) {
    const std::string &left = text_of(vocabulary, merge.left), &right = text_of(vocabulary, merge.right);
    list.push_back(spaces ? Json{left, right} : Json(fmt::format("{} {}", left, right)));
  }
  return list;
}

Json model(const Vocabulary& vocabulary) {
  Json::object_t vocab;  // filled at the back: looking for each new key among all others would take seconds
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id)
    if (const Token& token = vocabulary.tokens[id]; !token.text.empty())
      static_cast<Json::object_t::Container&>(vocab).emplace_back(token.text, id);
  return {{"type", "BPE"},
          {"dropout", nullptr},
          {"unk_token", vocabulary.unknown ? Json(text_of(vocabulary, *vocabulary.unknown)) : Json()},
          {"continuing_subword_prefix", nullptr},
          {"end_of_word_suffix", nullptr},
          {"fuse_unk", vocabulary.kind == Kind::kScoreBpe},
          {"byte_fallback", vocabulary.kind == Kind::kScoreBpe},
          {"ignore_merges", vocabulary.whole_pieces_first},
          {"vocab", std::move(vocab)},
          {"merges", merges(vocabulary)}};
}

Json tokenizer_config(const Vocabulary& vocabulary) {
  Json config = {{"tokenizer_class", "PreTrainedTokenizerFast"}, {"clean_up_tokenization_spaces", false}};
  if (vocabulary.bos) config["bos_token"] = text_of(vocabulary, *vocabulary.bos);
  if (vocabulary.eos) config["eos_token"] = text_of(vocabulary, *vocabulary.eos);
  if (vocabulary.unknown) config["unk_token"] = text_of(vocabulary, *vocabulary.unknown);
  config["add_bos_token"] = vocabulary.add_bos;
  config["add_eos_token"] = vocabulary.add_eos;
  if (!vocabulary.chat_template.empty()) config["chat_template"] = vocabulary.chat_template;
  return config;
}

}  // namespace

TokenizerFiles to_tokenizer_files(const Vocabulary& vocabulary) {
  SC_CHECK(index_tokens(vocabulary).has_value());
  const Json tokenizer = {{"version", "1.0"},
                          {"truncation", nullptr},
                          {"padding", nullptr},
                          {"added_tokens", added_tokens(vocabulary)},
                          {"normalizer", normalizer(vocabulary)},
                          {"pre_tokenizer", pre_tokenizer(vocabulary)},
                          {"post_processor", post_processor(vocabulary)},
                          {"decoder", decoder(vocabulary)},
                          {"model", model(vocabulary)}};
  return {tokenizer, tokenizer_config(vocabulary)};
}

}  // namespace sparsecim
