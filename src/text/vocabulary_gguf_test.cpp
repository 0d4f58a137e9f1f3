#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "text/splits.hpp"
#include "text/tokenizer.hpp"

namespace sparsecim {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using TokenKind = Vocabulary::TokenKind;

GgufTokenizer tiny_gpt2() {
  GgufTokenizer gguf;
  gguf.model = "gpt2";
  gguf.pre = "smollm";
  gguf.tokens = {"a", "b", "ab", "<|end|>"};
  gguf.token_types = {1, 1, 1, 3};
  gguf.merges = {"a b"};
  gguf.bos = 3;
  return gguf;
}

GgufTokenizer tiny_llama() {
  GgufTokenizer gguf;
  gguf.model = "llama";
  gguf.tokens = {"<unk>", "<s>", "</s>", "a"};
  gguf.scores = {0, 0, 0, -1};
  gguf.token_types = {2, 3, 3, 1};
  return gguf;
}

TEST(GgufVocabulary, OfGpt2SplitsAsItsPreTokenizerSays) {
  const auto vocabulary = vocabulary_from_gguf(tiny_gpt2());
  ASSERT_TRUE(vocabulary) << vocabulary.error().line();
  EXPECT_EQ(vocabulary->kind, Vocabulary::Kind::kByteLevelBpe);
  EXPECT_THAT(vocabulary->splits, ElementsAre(kSingleDigitSplit, kGpt2Split));
  EXPECT_THAT(vocabulary->merges, ElementsAre(std::pair<std::string, std::string>("a", "b")));
  EXPECT_EQ(vocabulary->tokens[3].kind, TokenKind::kControl);
  EXPECT_EQ(vocabulary->bos, 3);
  EXPECT_FALSE(vocabulary->add_bos);
}

TEST(GgufVocabulary, OfLlama3AddsBosAndTakesWholePiecesUnlessTheFileSaysOtherwise) {
  GgufTokenizer gguf = tiny_gpt2();
  gguf.pre = "llama-bpe";
  EXPECT_TRUE(vocabulary_from_gguf(gguf)->add_bos);
  EXPECT_TRUE(vocabulary_from_gguf(gguf)->whole_pieces_first);
  gguf.add_bos = false;
  EXPECT_FALSE(vocabulary_from_gguf(gguf)->add_bos);
}

TEST(GgufVocabulary, OfQwen2HasItsNormalFormAndOfTekkenTakesWholePieces) {
  GgufTokenizer gguf = tiny_gpt2();
  gguf.pre = "qwen2";
  const auto qwen2 = vocabulary_from_gguf(gguf);
  EXPECT_THAT(qwen2->splits, ElementsAre(kQwen2Split));
  EXPECT_TRUE(qwen2->nfc);
  EXPECT_FALSE(qwen2->add_bos);
  EXPECT_FALSE(qwen2->whole_pieces_first);
  gguf.pre = "tekken";
  const auto tekken = vocabulary_from_gguf(gguf);
  EXPECT_THAT(tekken->splits, ElementsAre(kTekkenSplit));
  EXPECT_FALSE(tekken->nfc);
  EXPECT_TRUE(tekken->add_bos);
  EXPECT_TRUE(tekken->whole_pieces_first);
}

TEST(GgufVocabulary, OfLlamaHasSentencePiecesDefaults) {
  const auto vocabulary = vocabulary_from_gguf(tiny_llama());
  ASSERT_TRUE(vocabulary) << vocabulary.error().line();
  EXPECT_EQ(vocabulary->kind, Vocabulary::Kind::kScoreBpe);
  EXPECT_TRUE(vocabulary->add_bos);
  EXPECT_FALSE(vocabulary->add_eos);
  EXPECT_EQ(vocabulary->bos, 1);
  EXPECT_EQ(vocabulary->eos, 2);
  EXPECT_EQ(vocabulary->space_prefix, Vocabulary::SpacePrefix::kEverySegment);
  GgufTokenizer gguf = tiny_llama();
  gguf.add_space_prefix = false;
  EXPECT_EQ(vocabulary_from_gguf(gguf)->space_prefix, Vocabulary::SpacePrefix::kNever);
}

TEST(GgufVocabulary, OfPhi3GivesItsSpecialTokensTheWhiteSpaceBehindThem) {
  GgufTokenizer gguf = tiny_llama();
  gguf.model_name = "Phi3";
  const auto vocabulary = vocabulary_from_gguf(gguf);
  EXPECT_FALSE(vocabulary->tokens[1].strips_right);  // <s>
  EXPECT_TRUE(vocabulary->tokens[2].strips_right);   // </s>
  EXPECT_FALSE(vocabulary->tokens[3].strips_right);  // a normal one
  EXPECT_FALSE(vocabulary_from_gguf(tiny_llama())->tokens[2].strips_right);
}

struct Spoilt {
  const char* name;
  GgufTokenizer (*base)();
  void (*spoil)(GgufTokenizer&);
  const char* says;

  friend std::ostream& operator<<(std::ostream& out, const Spoilt& spoilt) { return out << spoilt.name; }
};

class SpoiltGguf : public testing::TestWithParam<Spoilt> {};

TEST_P(SpoiltGguf, IsRefusedByName) {
  GgufTokenizer gguf = GetParam().base();
  ASSERT_TRUE(vocabulary_from_gguf(gguf));
  GetParam().spoil(gguf);
  const auto vocabulary = vocabulary_from_gguf(gguf);
  const auto tokenizer = vocabulary ? make_tokenizer(*vocabulary) : tl::unexpected(vocabulary.error());
  ASSERT_FALSE(tokenizer);
  EXPECT_THAT(tokenizer.error().what, HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    Table, SpoiltGguf,
    testing::Values(
        Spoilt{"Model", tiny_gpt2, [](GgufTokenizer& g) { g.model = "bert"; }, "'bert'"},
        Spoilt{"PreTokenizer", tiny_gpt2, [](GgufTokenizer& g) { g.pre = "bloom"; }, "'bloom'"},
        Spoilt{"NoPreTokenizer", tiny_gpt2, [](GgufTokenizer& g) { g.pre = ""; }, "tokenizer.ggml.pre"},
        Spoilt{"NoTokens", tiny_gpt2, [](GgufTokenizer& g) { g.tokens.clear(); }, "tokens"},
        Spoilt{"FewerTypes", tiny_gpt2, [](GgufTokenizer& g) { g.token_types.pop_back(); }, "3 entries for 4 tokens"},
        Spoilt{"TypeSeven", tiny_gpt2, [](GgufTokenizer& g) { g.token_types[1] = 7; }, "token 1 has type 7"},
        Spoilt{"TypeZero", tiny_gpt2, [](GgufTokenizer& g) { g.token_types[1] = 0; }, "token 1 has type 0"},
        Spoilt{"NoMerges", tiny_gpt2, [](GgufTokenizer& g) { g.merges.clear(); }, "merges"},
        Spoilt{"MergeOfUnknown", tiny_gpt2, [](GgufTokenizer& g) { g.merges = {"a c"}; }, "merge 0: 'c' is no token"},
        Spoilt{"MergeToUnknown", tiny_gpt2, [](GgufTokenizer& g) { g.merges = {"b a"}; }, "merge 0: 'ba' is no token"},
        Spoilt{"MergeTwice", tiny_gpt2, [](GgufTokenizer& g) { g.merges = {"a b", "a b"}; }, "is there twice"},
        Spoilt{"TokenTwice", tiny_gpt2, [](GgufTokenizer& g) { g.tokens[3] = "a"; }, "tokens 0 and 3 are both 'a'"},
        Spoilt{"TokenNotUtf8", tiny_gpt2, [](GgufTokenizer& g) { g.tokens[3] = "\xC3"; }, "token 3 is not UTF-8"},
        Spoilt{"HugeToken", tiny_llama, [](GgufTokenizer& g) { g.tokens[3] = std::string(5000, 'a'); },
               "token 3 has 5000 bytes"},
        Spoilt{"NoBytes", tiny_llama, [](GgufTokenizer&) {}, "there is no token <0x00>"},
        Spoilt{"MergeOfOne", tiny_gpt2, [](GgufTokenizer& g) { g.merges = {"ab"}; }, "'ab'"},
        Spoilt{"EmptyMerge", tiny_gpt2, [](GgufTokenizer& g) { g.merges = {""}; }, "merges"},
        Spoilt{"BosTooLarge", tiny_gpt2, [](GgufTokenizer& g) { g.bos = 4; }, "bos_token_id is 4"},
        Spoilt{"EosNegative", tiny_gpt2, [](GgufTokenizer& g) { g.eos = -1; }, "eos_token_id is -1"},
        Spoilt{"EosHuge", tiny_gpt2, [](GgufTokenizer& g) { g.eos = 1ll << 40; }, "eos_token_id"},
        Spoilt{"AddsNoBos", tiny_gpt2, [](GgufTokenizer& g) { g.bos = {}, g.add_bos = true; }, "bos_token_id"},
        Spoilt{"AddsNoEos", tiny_gpt2, [](GgufTokenizer& g) { g.add_eos = true; }, "eos_token_id"},
        Spoilt{"FewerScores", tiny_llama, [](GgufTokenizer& g) { g.scores.pop_back(); }, "3 entries for 4 tokens"},
        Spoilt{"NanScore", tiny_llama, [](GgufTokenizer& g) { g.scores[2] = std::numeric_limits<float>::quiet_NaN(); },
               "token 2 is not finite"}),
    [](const auto& spoilt) { return spoilt.param.name; });

}  // namespace
}  // namespace sparsecim
