#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "text/test_sentencepiece.hpp"
#include "text/tokenizer.hpp"

namespace sparsecim {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using TokenKind = Vocabulary::TokenKind;

const std::string kMark = "\xE2\x96\x81";

// 259 mark, 260 a, 261 b, 262 mark a, 263 ab
TestSentencePiece tiny() {
  return tiny_sentencepiece({{kMark, -9}, {"a", -9}, {"b", -9}, {kMark + "a", -2}, {"ab", -1}});
}

Vocabulary read(const TestSentencePiece& model, const TokenizerCompanions& companions = {}) {
  auto vocabulary = vocabulary_from_sentencepiece(sentencepiece_file(model), companions);
  if (!vocabulary) throw std::runtime_error(vocabulary.error().line());
  return *vocabulary;
}

Json json(std::string_view text) { return parse_json(text).value(); }

TEST(SentencePieceVocabulary, IsReadWhole) {
  const Vocabulary vocabulary = read(tiny());
  EXPECT_EQ(vocabulary.kind, Vocabulary::Kind::kScoreBpe);
  EXPECT_EQ(vocabulary.tokens.size(), 264u);
  EXPECT_EQ(vocabulary.tokens[0].kind, TokenKind::kUnknown);
  EXPECT_EQ(vocabulary.tokens[1].kind, TokenKind::kControl);
  EXPECT_EQ(vocabulary.tokens[3].kind, TokenKind::kByte);
  EXPECT_EQ(vocabulary.tokens[262].text, kMark + "a");
  EXPECT_EQ(vocabulary.scores[263], -1);
  EXPECT_EQ(vocabulary.unknown, 0);
  EXPECT_EQ(vocabulary.bos, 1);
  EXPECT_EQ(vocabulary.eos, 2);
  EXPECT_EQ(vocabulary.space_prefix, Vocabulary::SpacePrefix::kEverySegment);
  const auto tokenizer = make_tokenizer(vocabulary).value();
  EXPECT_THAT(tokenizer->encode_as_model("ab a").value(), ElementsAre(1, 259, 263, 262));
}

TEST(SentencePieceVocabulary, HasNoPrefixAndOtherNamesWhereItsSpecificationsSaySo) {
  TestSentencePiece model = tiny();
  model.dummy_prefix = false;
  model.bos = "</s>";
  model.eos = "a";  // no control piece
  const Vocabulary vocabulary = read(model);
  EXPECT_EQ(vocabulary.space_prefix, Vocabulary::SpacePrefix::kNever);
  EXPECT_EQ(vocabulary.bos, 2);
  EXPECT_FALSE(vocabulary.eos);
}

TEST(SentencePieceVocabulary, AddsTheTokensOfTokenizerConfig) {
  TokenizerCompanions companions;
  companions.config = json(R"({"add_eos_token": true, "add_bos_token": false, "eos_token": {"content": "<|end|>"},
      "chat_template": "{{ x }}", "added_tokens_decoder": {
        "1": {"content": "<s>", "special": true, "rstrip": true},
        "265": {"content": "<|end|>", "special": true, "normalized": false}}})");
  companions.special_tokens_map = json(R"({"eos_token": "</s>"})");  // not read beside added_tokens_decoder
  companions.added_tokens = json(R"({"<more>": 266})");              // nor this
  const Vocabulary vocabulary = read(tiny(), companions);
  EXPECT_EQ(vocabulary.tokens.size(), 266u);
  EXPECT_EQ(vocabulary.scores.size(), 266u);
  EXPECT_TRUE(vocabulary.tokens[1].strips_right);
  EXPECT_EQ(vocabulary.tokens[264].text, "");
  EXPECT_EQ(vocabulary.eos, 265);
  EXPECT_EQ(vocabulary.chat_template, "{{ x }}");
  EXPECT_THAT(make_tokenizer(vocabulary).value()->encode_as_model("a<|end|>a").value(),
              ElementsAre(262, 265, 262, 265));
}

TEST(SentencePieceVocabulary, AddsTheTokensOfOlderDirectories) {
  TokenizerCompanions companions;
  companions.special_tokens_map = json(R"({"bos_token": {"content": "<|begin|>", "lstrip": true}, "pad_token": "<pad>",
      "additional_special_tokens": ["<|user|>", {"content": "a", "normalized": true}]})");
  companions.added_tokens = json(R"({"<|begin|>": 264, "<|user|>": 265, "more": 266})");
  const Vocabulary vocabulary = read(tiny(), companions);
  ASSERT_EQ(vocabulary.tokens.size(), 267u);  // <pad> has no id
  EXPECT_EQ(vocabulary.bos, 264);
  EXPECT_TRUE(vocabulary.tokens[264].strips_left);
  EXPECT_FALSE(vocabulary.tokens[264].normalized);
  EXPECT_EQ(vocabulary.tokens[265].kind, TokenKind::kControl);
  EXPECT_EQ(vocabulary.tokens[266].kind, TokenKind::kUserDefined);
  EXPECT_TRUE(vocabulary.tokens[266].normalized);
  EXPECT_EQ(vocabulary.tokens[260].kind, TokenKind::kControl);
}

TEST(SentencePieceVocabulary, KeepsTheUnknownPieceUnknownWhateverElseNamesIt) {
  TokenizerCompanions companions;
  companions.config = json(R"({"added_tokens_decoder": {"0": {"content": "<unk>", "special": true}}})");
  EXPECT_EQ(read(tiny(), companions).tokens[0].kind, TokenKind::kUnknown);
}

TEST(SentencePieceVocabulary, CutOffAnywhereIsRefused) {
  const std::string whole = sentencepiece_file(tiny());
  ASSERT_TRUE(vocabulary_from_sentencepiece(whole, {}));
  for (std::size_t size = 0; size < whole.size(); ++size)  // what is cut at a field's end lacks the normaliser's rules
    ASSERT_FALSE(vocabulary_from_sentencepiece(whole.substr(0, size), {})) << size;
  EXPECT_THAT(vocabulary_from_sentencepiece(whole.substr(0, whole.size() - 1), {}).error().line(),
              HasSubstr("truncated"));
}

TEST(SentencePieceVocabulary, WithAnyByteChangedIsEitherRefusedOrATokenizer) {
  const std::string whole = sentencepiece_file(tiny());
  std::mt19937 random(5);
  int tokenizers = 0, refused = 0;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string file = whole;
    file[at] = static_cast<char>(random());
    const auto vocabulary = vocabulary_from_sentencepiece(file, {});
    const auto tokenizer = vocabulary ? make_tokenizer(*vocabulary) : tl::unexpected(vocabulary.error());
    (tokenizer ? tokenizers : refused)++;
    if (tokenizer) {
      ASSERT_TRUE((*tokenizer)->encode("ab <s>\x80 a"));
    }
  }
  EXPECT_GT(tokenizers, 100);
  EXPECT_GT(refused, 100);
}

struct Spoilt {
  const char* name;
  void (*spoil)(TestSentencePiece&);
  const char* says;
  friend std::ostream& operator<<(std::ostream& out, const Spoilt& spoilt) { return out << spoilt.name; }
};
class SpoiltSentencePiece : public testing::TestWithParam<Spoilt> {};

TEST_P(SpoiltSentencePiece, IsRefusedByName) {
  TestSentencePiece model = tiny();
  GetParam().spoil(model);
  const auto vocabulary = vocabulary_from_sentencepiece(sentencepiece_file(model), {});
  const auto tokenizer = vocabulary ? make_tokenizer(*vocabulary) : tl::unexpected(vocabulary.error());
  ASSERT_FALSE(tokenizer);
  EXPECT_THAT(tokenizer.error().line(), HasSubstr(GetParam().says));
}

using Model = TestSentencePiece&;
constexpr float kNoNumber = std::numeric_limits<float>::quiet_NaN();
INSTANTIATE_TEST_SUITE_P(
    Table, SpoiltSentencePiece,
    testing::Values(
        Spoilt{"Unigram", [](Model m) { m.model_type = 1; }, "type 1 (Unigram) is not implemented; BPE is"},
        Spoilt{"UnigramByDefault", [](Model m) { m.model_type = {}; }, "(Unigram)"},
        Spoilt{"Words", [](Model m) { m.model_type = 3; }, "(word)"},
        Spoilt{"AnotherModel", [](Model m) { m.model_type = -1; }, "(unknown)"},
        Spoilt{"NoByteFallback", [](Model m) { m.byte_fallback = {}; }, "byte_fallback"},
        Spoilt{"Suffix", [](Model m) { m.white_space_as_suffix = true; }, "treat_whitespace_as_suffix"},
        Spoilt{"Nmt", [](Model m) { m.normalizer = "nmt_nfkc", m.characters_map = "map"; }, "'nmt_nfkc'"},
        Spoilt{"ExtraSpaces", [](Model m) { m.removes_extra_white_space = {}; }, "remove_extra_whitespaces"},
        Spoilt{"PlainSpaces", [](Model m) { m.escapes_white_space = false; }, "not escaped"},
        Spoilt{"NoPieces", [](Model m) { m.pieces.clear(); }, "no unknown piece"},
        Spoilt{"NoText", [](Model m) { m.pieces[260].text.clear(); }, "piece 260: has no text"},
        Spoilt{"NotUtf8", [](Model m) { m.pieces[260].text = "\xC3"; }, "piece 260: its text is not UTF-8"},
        Spoilt{"NanScore", [](Model m) { m.pieces[260].score = kNoNumber; }, "piece 260: its score"},
        Spoilt{"Unused", [](Model m) { m.pieces[260].type = 5; }, "type 5 (unused)"},
        Spoilt{"TypeZero", [](Model m) { m.pieces[260].type = 0; }, "type 0 is not"},
        Spoilt{"TypeNegative", [](Model m) { m.pieces[260].type = -1; }, "piece 260: a piece of type"},
        Spoilt{"TwoUnknown", [](Model m) { m.pieces[260].type = 2; }, "second unknown"},
        Spoilt{"NoUnknown", [](Model m) { m.pieces[0].type = 3; }, "no unknown piece"},
        Spoilt{"NoByte", [](Model m) { m.pieces[3].text = "0x00"; }, "'0x00' is no name of a byte"},
        Spoilt{"ByteMissing", [](Model m) { m.pieces[3] = {"x", 0, 1}; }, "no token <0x00>"},
        Spoilt{"ByteTwice", [](Model m) { m.pieces[3].text = "<0x01>"; }, "both '<0x01>'"},
        Spoilt{"Twice", [](Model m) { m.pieces[263].text = "a"; }, "tokens 260 and 263 are both 'a'"},
        Spoilt{"CharacterMissing", [](Model m) { m.pieces[261].text = "c"; }, "its character 'b' is no piece"}),
    [](const auto& spoilt) { return spoilt.param.name; });

struct SpoiltFile {
  const char* name;
  const char* config;
  const char* special_tokens_map;
  const char* added_tokens;
  const char* says;
  friend std::ostream& operator<<(std::ostream& out, const SpoiltFile& spoilt) { return out << spoilt.name; }
};
class SpoiltCompanions : public testing::TestWithParam<SpoiltFile> {};

TEST_P(SpoiltCompanions, AreRefusedByName) {
  const auto& [name, config, special, added, says] = GetParam();
  const auto vocabulary =
      vocabulary_from_sentencepiece(sentencepiece_file(tiny()), {json(config), json(special), json(added)});
  const auto tokenizer = vocabulary ? make_tokenizer(*vocabulary) : tl::unexpected(vocabulary.error());
  ASSERT_FALSE(tokenizer);
  EXPECT_THAT(tokenizer.error().line(), HasSubstr(says));
}

INSTANTIATE_TEST_SUITE_P(
    Table, SpoiltCompanions,
    testing::Values(
        SpoiltFile{"DecoderNoObject", R"({"added_tokens_decoder": [1]})", "null", "null", "decoder: is no object"},
        SpoiltFile{"DecoderOfNumbers", R"({"added_tokens_decoder": {"264": 1}})", "null", "null", "'content'"},
        SpoiltFile{"DecoderIdNoNumber", R"({"added_tokens_decoder": {"x": {"content": "a"}}})", "null", "null",
                   "the id of token 'a' is \"x\""},
        SpoiltFile{"DecoderIdHuge", R"({"added_tokens_decoder": {"99999999999": {"content": "a"}}})", "null", "null",
                   "the id of token 'a'"},
        SpoiltFile{"DecoderIdFar", R"({"added_tokens_decoder": {"99999": {"content": "z"}}})", "null", "null",
                   "outside 0 .."},
        SpoiltFile{"DecoderIdTaken", R"({"added_tokens_decoder": {"260": {"content": "z"}}})", "null", "null",
                   "'z' has the id of 'a'"},
        SpoiltFile{"DecoderTextTaken", R"({"added_tokens_decoder": {"264": {"content": "a"}}})", "null", "null",
                   "tokens 260 and 264 are both 'a'"},
        SpoiltFile{"DecoderEmpty", R"({"added_tokens_decoder": {"264": {"content": ""}}})", "null", "null",
                   "without text"},
        SpoiltFile{"AddedNoObject", "null", "null", "[1]", "added_tokens.json: is no object"},
        SpoiltFile{"AddedIdNoNumber", "null", "null", R"({"x": "264"})", "the id of token 'x' is \"264\""},
        SpoiltFile{"AddedIdNegative", "null", "null", R"({"x": -1})", "the id of token 'x' is -1"},
        SpoiltFile{"AddedIdTaken", "null", "null", R"({"x": 260})", "'x' has the id of 'a'"}),
    [](const auto& spoilt) { return spoilt.param.name; });

TEST(SentencePieceVocabulary, PassesOverNamesThatAreNone) {
  TokenizerCompanions companions;
  companions.config = json(R"({"bos_token": 5, "eos_token": {"content": 7}, "pad_token": null, "add_bos_token": 3,
      "additional_special_tokens": 4, "chat_template": ["x"]})");
  companions.special_tokens_map = json(R"([1, 2])");
  const Vocabulary vocabulary = read(tiny(), companions);
  EXPECT_EQ(vocabulary.bos, 1);
  EXPECT_EQ(vocabulary.eos, 2);
  EXPECT_TRUE(vocabulary.add_bos);
  EXPECT_EQ(vocabulary.chat_template, "");
}

}  // namespace
}  // namespace sparsecim
