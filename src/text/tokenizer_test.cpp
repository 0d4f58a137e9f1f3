#include "text/tokenizer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "text/test_vocabularies.hpp"
#include "text/utf8.hpp"

namespace sparsecim {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Ids = std::vector<TokenId>;
using SpacePrefix = Vocabulary::SpacePrefix;
using TokenKind = Vocabulary::TokenKind;

const std::string kMark = "\xE2\x96\x81";  // U+2581
const std::string kSpace = "\xC4\xA0";     // a space in GPT-2's alphabet

std::unique_ptr<Tokenizer> tokenizer(Vocabulary vocabulary) {
  auto made = make_tokenizer(std::move(vocabulary));
  if (!made) throw std::runtime_error(made.error().line());
  return std::move(*made);
}

Ids encode(const Tokenizer& tokenizer, std::string_view text) { return tokenizer.encode(text).value(); }

// 256 "th", 257 "the", 258 " the" (but for the space), 259 "aa", 260 <|end|>
Vocabulary byte_level() { return tiny_byte_level({{"t", "h"}, {"th", "e"}, {kSpace, "the"}, {"a", "a"}}); }

TEST(ByteLevelTokenizer, MergesWithinWordsByRank) {
  const auto bpe = tokenizer(byte_level());
  EXPECT_THAT(encode(*bpe, "the the"), ElementsAre(257, 258));
  EXPECT_THAT(encode(*bpe, "thaaa t"), ElementsAre(256, 259, 'a', ' ', 't'));
  EXPECT_THAT(encode(*bpe, "t h"), ElementsAre('t', ' ', 'h'));
  EXPECT_THAT(encode(*bpe, ""), ElementsAre());
}

TEST(ByteLevelTokenizer, DoesNotMergeAcrossASplit) {
  Vocabulary vocabulary = tiny_byte_level({{"1", "1"}, {"a", "1"}});
  EXPECT_THAT(encode(*tokenizer(vocabulary), "a11"), ElementsAre('a', 256));
  vocabulary.splits = {kSingleDigitSplit, kGpt2Split};
  EXPECT_THAT(encode(*tokenizer(vocabulary), "a11"), ElementsAre('a', '1', '1'));
  vocabulary.splits = {};
  EXPECT_THAT(encode(*tokenizer(vocabulary), "a1"), ElementsAre(257));
}

TEST(ByteLevelTokenizer, RecognisesAddedTokensAndPutsNothingAround) {
  Vocabulary vocabulary = byte_level();
  vocabulary.bos = vocabulary.eos = 260;
  vocabulary.add_bos = vocabulary.add_eos = true;
  const auto bpe = tokenizer(vocabulary);
  EXPECT_THAT(encode(*bpe, "the<|end|> the"), ElementsAre(257, 260, 258));
  EXPECT_THAT(bpe->encode_as_model("the").value(), ElementsAre(260, 257, 260));
  EXPECT_THAT(bpe->encode_as_model("").value(), ElementsAre(260, 260));
}

TEST(ByteLevelTokenizer, PutsASpaceInFrontOfEachSegmentThatHasNone) {
  Vocabulary vocabulary = byte_level();
  vocabulary.space_prefix = SpacePrefix::kEverySegment;
  vocabulary.prefix_if_missing = true;
  const auto bpe = tokenizer(vocabulary);
  EXPECT_THAT(encode(*bpe, "the"), ElementsAre(258));
  EXPECT_THAT(encode(*bpe, " the<|end|>the"), ElementsAre(258, 260, 258));
  EXPECT_EQ(bpe->decode(encode(*bpe, "the")), " the");
}

TEST(ByteLevelTokenizer, TakesWholePiecesBeforeMerging) {
  Vocabulary vocabulary = tiny_byte_level({{"a", "b"}, {"b", "c"}});
  vocabulary.tokens.push_back({.text = "abc"});  // 259, which no merge makes
  EXPECT_THAT(encode(*tokenizer(vocabulary), "abc"), ElementsAre(256, 'c'));
  vocabulary.whole_pieces_first = true;
  EXPECT_THAT(encode(*tokenizer(vocabulary), "abc abcx"), ElementsAre(259, ' ', 256, 'c', 'x'));
}

TEST(ByteLevelTokenizer, DoesNotTakeATokenOfSingleWordsAsAWholePiece) {
  Vocabulary vocabulary = tiny_byte_level({});
  vocabulary.tokens.push_back({.text = "ab", .kind = TokenKind::kUserDefined, .single_word = true});  // 257
  vocabulary.whole_pieces_first = true;
  EXPECT_THAT(encode(*tokenizer(vocabulary), "ab1ab ab"), ElementsAre('a', 'b', '1', 'a', 'b', ' ', 257));
}

TEST(ByteLevelTokenizer, LeavesOutAByteWithoutATokenOrPutsTheUnknownOne) {
  Vocabulary vocabulary = byte_level();
  vocabulary.tokens['h'].text.clear();
  vocabulary.merges.clear();
  EXPECT_THAT(encode(*tokenizer(vocabulary), "ohaa"), ElementsAre('o', 'a', 'a'));
  vocabulary.unknown = 260;
  EXPECT_THAT(encode(*tokenizer(vocabulary), "oh"), ElementsAre('o', 260));
}

TEST(ByteLevelTokenizer, LooksForNormalizedTokensBehindTheOthers) {
  Vocabulary vocabulary = tiny_byte_level({});
  vocabulary.tokens.push_back({.text = "ab", .kind = TokenKind::kUserDefined, .normalized = true});  // 257
  vocabulary.tokens.push_back({.text = "bc", .kind = TokenKind::kUserDefined});                      // 258
  EXPECT_THAT(encode(*tokenizer(vocabulary), "abc ab"), ElementsAre('a', 258, ' ', 257));
}

TEST(ByteLevelTokenizer, PutsTextIntoItsNormalFormButNotTheTokensThatItSpellsOut) {
  Vocabulary vocabulary = tiny_byte_level({});
  vocabulary.nfc = true;
  vocabulary.tokens.push_back({.text = "e\xCC\x81!", .kind = TokenKind::kControl});                          // 257
  vocabulary.tokens.push_back({.text = "e\xCC\x81?", .kind = TokenKind::kUserDefined, .normalized = true});  // 258
  const auto bpe = tokenizer(vocabulary);
  EXPECT_THAT(encode(*bpe, "e\xCC\x81"), ElementsAre(0xC3, 0xA9));
  EXPECT_THAT(encode(*bpe, "e\xCC\x81!e\xCC\x81?"), ElementsAre(257, 258));
  EXPECT_THAT(encode(*bpe, "\xC3\xA9!\xC3\xA9?"), ElementsAre(0xC3, 0xA9, '!', 258));
  EXPECT_THAT(encode(*bpe, "e\xCC\x80\x80"), ElementsAre(0xC3, 0xA8, 0x80));  // the stray byte stays
  EXPECT_EQ(bpe->decode(encode(*bpe, "e\xCC\x81")), "\xC3\xA9");
}

TEST(ByteLevelTokenizer, ReportsASplitThatNeedsTooManySteps) {
  Vocabulary vocabulary = tiny_byte_level({});
  vocabulary.splits = {"(a+)+[bc]"};
  const auto ids = tokenizer(vocabulary)->encode(std::string(60, 'a'));
  ASSERT_FALSE(ids);
  EXPECT_THAT(ids.error().what, HasSubstr("limit"));
}

// 259 mark, 260 a, 261 b, 262 mark a, 263 ab, 264 mark ab
Vocabulary scores() {
  return tiny_scores({{kMark, -9}, {"a", -9}, {"b", -9}, {kMark + "a", -2}, {"ab", -1}, {kMark + "ab", -3}});
}

TEST(ScoreTokenizer, MergesByScoreAndNotByOrder) {
  const auto bpe = tokenizer(scores());
  EXPECT_THAT(encode(*bpe, "ab"), ElementsAre(264));  // ab first, so that mark + ab can follow
  EXPECT_THAT(encode(*bpe, "a ab"), ElementsAre(262, 264));
  EXPECT_THAT(encode(*bpe, "  ab"), ElementsAre(259, 259, 264));
  EXPECT_THAT(encode(*bpe, "aab"), ElementsAre(262, 263));
  EXPECT_THAT(encode(*bpe, ""), ElementsAre());
  EXPECT_THAT(bpe->encode_as_model("a").value(), ElementsAre(1, 262));
}

TEST(ScoreTokenizer, MergesTheLeftmostOfEqualScores) {
  Vocabulary vocabulary = tiny_scores({{"a", 0}, {"b", 0}, {"c", 0}, {"bc", -1}, {"ab", -1}});
  vocabulary.space_prefix = SpacePrefix::kNever;
  EXPECT_THAT(encode(*tokenizer(vocabulary), "abc"), ElementsAre(263, 261));
}

TEST(ScoreTokenizer, SpellsCharactersWithoutATokenInBytes) {
  const auto bpe = tokenizer(scores());
  EXPECT_THAT(encode(*bpe, "\xC3\xA9"), ElementsAre(259, 3 + 0xC3, 3 + 0xA9));
  EXPECT_THAT(encode(*bpe, "\n"), ElementsAre(259, 3 + 0x0A));
  EXPECT_EQ(bpe->decode(encode(*bpe, "\xC3\xA9\n")), "\xC3\xA9\n");
}

TEST(ScoreTokenizer, PutsTheSpaceWhereTheVocabularySays) {
  Vocabulary vocabulary = scores();
  EXPECT_THAT(encode(*tokenizer(vocabulary), "a</s>a"), ElementsAre(262, 2, 262));
  EXPECT_THAT(encode(*tokenizer(vocabulary), " a"), ElementsAre(259, 262));
  vocabulary.prefix_if_missing = true;
  EXPECT_THAT(encode(*tokenizer(vocabulary), " a"), ElementsAre(262));
  vocabulary.space_prefix = SpacePrefix::kFirst;
  EXPECT_THAT(encode(*tokenizer(vocabulary), "a</s>a"), ElementsAre(262, 2, 260));
  EXPECT_THAT(encode(*tokenizer(vocabulary), "</s>a"), ElementsAre(2, 260));
  vocabulary.space_prefix = SpacePrefix::kNever;
  EXPECT_THAT(encode(*tokenizer(vocabulary), "a a"), ElementsAre(260, 262));
}

TEST(ScoreTokenizer, MergesAcrossWordsWhereATokenDoes) {
  Vocabulary vocabulary =
      tiny_scores({{kMark, -9}, {"a", -9}, {kMark + "a", -1}, {"a" + kMark, -2}, {kMark + "a" + kMark, -3}});
  EXPECT_THAT(encode(*tokenizer(vocabulary), "a a"), ElementsAre(261, 261));
  vocabulary.scores[262] = 0;  // "a mark" first, then "mark" + "a mark"
  EXPECT_THAT(encode(*tokenizer(vocabulary), "a a"), ElementsAre(263, 260));
  vocabulary.words_apart = true;
  EXPECT_THAT(encode(*tokenizer(vocabulary), "a a"), ElementsAre(261, 261));
}

TEST(ScoreTokenizer, KeepsEachOfSeveralSpacesApartFromTheNextWhereWordsAre) {
  Vocabulary vocabulary = tiny_scores({{kMark, -9}, {kMark + kMark, -1}});
  vocabulary.space_prefix = SpacePrefix::kNever;
  EXPECT_THAT(encode(*tokenizer(vocabulary), "  "), ElementsAre(260));
  vocabulary.words_apart = true;
  EXPECT_THAT(encode(*tokenizer(vocabulary), "  "), ElementsAre(259, 259));
}

TEST(ScoreTokenizer, LooksForNormalizedTokensInTextWithMarks) {
  Vocabulary vocabulary = scores();
  vocabulary.tokens.push_back({.text = "<t>", .kind = TokenKind::kUserDefined, .normalized = true});  // 265
  vocabulary.scores.push_back(0);
  const auto bpe = tokenizer(vocabulary);
  EXPECT_THAT(encode(*bpe, "a <t>a"), ElementsAre(262, 265, 260));  // it is "mark <t>" that is looked for
  EXPECT_THAT(encode(*bpe, "<t>"), ElementsAre(265));
  EXPECT_EQ(encode(*bpe, "a<t>").size(), 4u);
  vocabulary.tokens.back().normalized = false;
  EXPECT_THAT(encode(*tokenizer(vocabulary), "a<t>a"), ElementsAre(262, 265, 262));
}

TEST(ScoreTokenizer, TakesTheWhiteSpaceBehindATokenThatStripsIt) {
  Vocabulary vocabulary = scores();
  vocabulary.tokens[2].strips_right = true;
  EXPECT_THAT(encode(*tokenizer(vocabulary), "</s> \n a"), ElementsAre(2, 262));
}

TEST(Decode, RemovesThePrefixWhereEncodePutsIt) {
  const auto bpe = tokenizer(scores());
  EXPECT_EQ(bpe->decode(Ids{1, 262, 2, 262}), "<s>a</s>a");
  EXPECT_EQ(bpe->decode(Ids{262, 262}), "a a");
  EXPECT_EQ(bpe->decode(Ids{263, 262}), "ab a");  // begins without one
}

TEST(Decode, ForReadingLeavesOutControlTokens) {
  const auto bpe = tokenizer(scores());
  EXPECT_EQ(bpe->decode_for_reading(Ids{1, 262, 262, 2}), "a a");
  EXPECT_EQ(bpe->decode_for_reading(Ids{1, 0, 2}), "<unk>");
}

TEST(Decode, PassesOverIdsThatNoTokenHas) {
  const auto bpe = tokenizer(byte_level());
  EXPECT_EQ(bpe->decode(Ids{-1, 'a', 261, 1 << 30, 'b'}), "ab");
  EXPECT_EQ(bpe->decode_for_reading(Ids{-1, 'a', 261, 260}), "a");
}

/// Text of code points from all of Unicode, of white space, of letters and of tokens, with stray bytes if `valid` is
/// false. Without U+2581, which stands for a space in vocabularies by score.
std::string random_text(std::mt19937& random, bool valid) {
  static const std::vector<std::string> kParts = {" ",
                                                  "  ",
                                                  "\n",
                                                  "\t",
                                                  "\r\n",
                                                  "a",
                                                  "b",
                                                  "ab",
                                                  "the",
                                                  " the",
                                                  "<s>",
                                                  "</s>",
                                                  "<|end|>",
                                                  "<unk>",
                                                  "<0x41>",
                                                  "1",
                                                  "'s",
                                                  "\xF0\x9F\x98\x80",
                                                  "\xE3\x80\x80",
                                                  std::string(1, '\0'),
                                                  "e\xCC\x81",
                                                  "\xE2\x80\x8D"};
  static const std::vector<std::string> kStray = {"\x80", "\xC3", "\xE2\x96", "\xF0\x9F\x98", "\xFF", "\xED\xA0\x80"};
  std::string text;
  for (std::size_t parts = random() % 30; parts > 0; --parts) {
    const char32_t c = random() % 0x110000;
    const bool surrogate = c >= 0xD800 && c <= 0xDFFF;
    if (random() % 3 == 0 && !surrogate && c != 0x2581) {
      text += to_utf8(c);
    } else if (!valid && random() % 3 == 0) {
      text += kStray[random() % kStray.size()];
    } else {
      text += kParts[random() % kParts.size()];
    }
  }
  return text;
}

TEST(Decode, GivesBackEveryText) {
  const auto byte_level_bpe = tokenizer(byte_level());
  const auto score_bpe = tokenizer(scores());
  Vocabulary without_prefix = scores();
  without_prefix.space_prefix = SpacePrefix::kNever;
  const auto score_bpe_without_prefix = tokenizer(without_prefix);
  std::mt19937 random(7);
  for (int round = 0; round < 4000; ++round) {
    const std::string text = random_text(random, round % 2 == 0);
    for (const Tokenizer* bpe : {byte_level_bpe.get(), score_bpe.get(), score_bpe_without_prefix.get()})
      ASSERT_EQ(bpe->decode(encode(*bpe, text)), text) << "round " << round;
  }
}

TEST(Tokenizer, IsSafeToUseFromSeveralThreads) {
  const auto bpe = tokenizer(byte_level());
  const std::string text = "the thaaa t <|end|> the 12 the\n";
  const Ids expected = encode(*bpe, text);
  std::atomic<int> wrong = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&] {
        for (int round = 0; round < 200; ++round) wrong += encode(*bpe, text) != expected;
      });
  }
  EXPECT_EQ(wrong, 0);
}

/// Each text would take hours if anything grew with its square.
TEST(Tokenizer, TakesLongTextsOfOneLetterOrSpaceOrMarkInAboutLinearTime) {
  Vocabulary normal = byte_level();
  normal.nfc = true;
  normal.tokens[260].strips_left = normal.tokens[260].strips_right = true;
  Vocabulary across = tiny_scores({{kMark, -9}, {"a", -9}, {"a" + kMark, -1}, {"aa", -2}, {kMark + kMark, -3}});
  constexpr std::size_t kBytes = 2'000'000;
  for (const auto& bpe : {tokenizer(byte_level()), tokenizer(normal), tokenizer(scores()), tokenizer(across)})
    for (const std::string part : {"a", " ", "\n", "\x80", "a ", "1", "<|end|> ", "\xCC\x81\xCC\xA7", "\xE4\xB8\xAD"}) {
      std::string text;
      while (text.size() < kBytes) text += part;
      EXPECT_GT(encode(*bpe, text).size(), 0u) << part;
    }
}

TEST(MakeTokenizer, RefusesAVocabularyThatContradictsItself) {
  const auto refusal = [](Vocabulary vocabulary) { return make_tokenizer(std::move(vocabulary)).error().line(); };
  Vocabulary vocabulary = byte_level();
  vocabulary.bos = 261;
  EXPECT_THAT(refusal(vocabulary), HasSubstr("token id 261 is named, but there are 261 tokens"));
  vocabulary = byte_level();
  vocabulary.tokens[260].text.clear();
  vocabulary.unknown = 260;
  EXPECT_THAT(refusal(vocabulary), HasSubstr("token id 260 is named as BOS, EOS or unknown, but no token has it"));
  vocabulary = byte_level();
  vocabulary.add_eos = true;
  EXPECT_THAT(refusal(vocabulary), HasSubstr("EOS is to be added"));
  vocabulary = byte_level();
  vocabulary.tokens[260].text = "\xC3";
  EXPECT_THAT(refusal(vocabulary), HasSubstr("the text of token 260 is not UTF-8"));
  vocabulary = byte_level();
  vocabulary.tokens[260].text = "the";
  EXPECT_THAT(refusal(vocabulary), HasSubstr("tokens 257 and 260 are both 'the'"));
  vocabulary = byte_level();
  vocabulary.splits.push_back("(");
  EXPECT_THAT(refusal(vocabulary), HasSubstr("'(' is wrong"));
  vocabulary = byte_level();
  vocabulary.merges.emplace_back("x", "y");
  EXPECT_THAT(refusal(vocabulary), HasSubstr("'xy' is no token"));
  vocabulary = scores();
  vocabulary.tokens[3 + 0x0A].text = "<0x0a>";
  EXPECT_THAT(refusal(vocabulary), HasSubstr("there is no token <0x0A>"));
  vocabulary = {};
  vocabulary.kind = Vocabulary::Kind::kScoreBpe;
  EXPECT_THAT(refusal(vocabulary), HasSubstr("there is no token <0x00>"));
}

TEST(Tokenizer, RefusesAnAddedTokenThatIsTooLongToBeLookedFor) {
  Vocabulary vocabulary = tiny_byte_level({});
  vocabulary.tokens.back().text = std::string(1024, 'x');
  EXPECT_TRUE(make_tokenizer(vocabulary));
  vocabulary.tokens.back().text += 'x';
  EXPECT_THAT(make_tokenizer(vocabulary).error().what, HasSubstr("the added token 256 has 1025 bytes"));
}

}  // namespace
}  // namespace sparsecim
