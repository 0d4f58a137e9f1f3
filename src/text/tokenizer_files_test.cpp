#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "text/test_vocabularies.hpp"
#include "text/tokenizer.hpp"

namespace sparsecim {
namespace {

using testing::ElementsAre;
using SpacePrefix = Vocabulary::SpacePrefix;
using TokenKind = Vocabulary::TokenKind;

const std::string kMark = "\xE2\x96\x81";

Vocabulary byte_level() {
  Vocabulary vocabulary = tiny_byte_level({{"t", "h"}, {"th", "e"}, {"\xC4\xA0", "the"}});
  vocabulary.tokens.push_back({.text = "<tool>", .kind = TokenKind::kUserDefined, .strips_left = true});
  vocabulary.bos = vocabulary.eos = 259;
  return vocabulary;
}

Vocabulary scores() {
  return tiny_scores({{kMark, -9}, {"a", -9}, {"b", -9}, {kMark + "a", -2}, {"ab", -1}, {kMark + "ab", -3}});
}

/// What the readers make of the exported files.
Vocabulary read_back(const Vocabulary& vocabulary) {
  const TokenizerFiles files = to_tokenizer_files(vocabulary);
  const Json tokenizer = parse_json(files.tokenizer.dump()).value();
  const auto read = vocabulary_from_tokenizer_json(tokenizer, files.config);
  if (!read) throw std::runtime_error(read.error().line());
  return *read;
}

void expect_same(const Vocabulary& vocabulary) {
  const Vocabulary back = read_back(vocabulary);
  EXPECT_EQ(back.kind, vocabulary.kind);
  EXPECT_EQ(back.splits, vocabulary.splits);
  EXPECT_EQ(back.whole_pieces_first, vocabulary.whole_pieces_first);
  EXPECT_EQ(back.space_prefix, vocabulary.space_prefix);
  EXPECT_EQ(back.prefix_if_missing, vocabulary.prefix_if_missing);
  EXPECT_EQ(back.words_apart, vocabulary.words_apart);
  EXPECT_EQ(std::tie(back.add_bos, back.add_eos), std::tie(vocabulary.add_bos, vocabulary.add_eos));
  EXPECT_EQ(std::tie(back.bos, back.eos, back.unknown), std::tie(vocabulary.bos, vocabulary.eos, vocabulary.unknown));
  EXPECT_EQ(back.chat_template, vocabulary.chat_template);
  ASSERT_EQ(back.tokens.size(), vocabulary.tokens.size());
  for (std::size_t id = 0; id < back.tokens.size(); ++id) {
    const auto &a = back.tokens[id], &b = vocabulary.tokens[id];
    EXPECT_EQ(std::tie(a.text, a.kind, a.strips_left, a.strips_right, a.normalized, a.single_word),
              std::tie(b.text, b.kind, b.strips_left, b.strips_right, b.normalized, b.single_word))
        << id;
  }
  const auto ours = make_tokenizer(vocabulary).value(), theirs = make_tokenizer(back).value();
  for (const char* text : {"", "ab a b", " the the  th", "aab<s>ab </s>a", "<|end|>the <tool> 12 12", "\n\xC3\xA9"})
    EXPECT_EQ(theirs->encode_as_model(text).value(), ours->encode_as_model(text).value()) << text;
}

TEST(TokenizerFiles, MakeTheSameTokenizerAgain) {
  expect_same(byte_level());
  expect_same(scores());
}

TEST(TokenizerFiles, KeepEverySplit) {
  for (const std::vector<std::string>& splits : std::vector<std::vector<std::string>>{{},
                                                                                      {kSingleDigitSplit},
                                                                                      {kSingleDigitSplit, kGpt2Split},
                                                                                      {kLlama3Split},
                                                                                      {kDigitsSplit, "a|b"},
                                                                                      {kGpt2Split, "x"}}) {
    Vocabulary vocabulary = byte_level();
    vocabulary.splits = splits;
    vocabulary.whole_pieces_first = splits.size() == 1;
    expect_same(vocabulary);
  }
}

TEST(TokenizerFiles, KeepEveryRuleForSpaces) {
  for (const auto prefix : {SpacePrefix::kNever, SpacePrefix::kEverySegment, SpacePrefix::kFirst}) {
    for (const bool if_missing : {false, true}) {
      if (prefix == SpacePrefix::kFirst && !if_missing) continue;  // no reader makes it
      Vocabulary vocabulary = scores();
      vocabulary.space_prefix = prefix;
      vocabulary.prefix_if_missing = if_missing;
      vocabulary.words_apart = if_missing;
      expect_same(vocabulary);
    }
  }
  Vocabulary vocabulary = byte_level();
  vocabulary.space_prefix = SpacePrefix::kEverySegment;
  vocabulary.prefix_if_missing = true;
  expect_same(vocabulary);
}

TEST(TokenizerFiles, KeepWhatIsPutAround) {
  for (const bool bos : {false, true}) {
    for (const bool eos : {false, true}) {
      Vocabulary vocabulary = scores();
      vocabulary.add_bos = bos, vocabulary.add_eos = eos;
      vocabulary.chat_template = "{{ messages }}";
      expect_same(vocabulary);
    }
  }
}

TEST(TokenizerFiles, KeepTheFlagsOfRecognisedTokensAndLeaveOutIdsWithoutOne) {
  Vocabulary vocabulary = byte_level();
  vocabulary.tokens.push_back({});
  vocabulary.tokens.push_back({.text = "<x y>",
                               .kind = TokenKind::kUserDefined,
                               .strips_right = true,
                               .normalized = true,
                               .single_word = true});
  expect_same(vocabulary);
  EXPECT_FALSE(to_tokenizer_files(vocabulary).tokenizer["model"]["vocab"].contains(""));
}

TEST(TokenizerFiles, RankMergesByScoreAndLongerOnesFirstAmongEquals) {
  // Of equal scores SentencePiece merges the leftmost, so that a run grows at its left end: "aaa" behind "aa" comes
  // before the next "aa".
  Vocabulary vocabulary = tiny_scores({{"a", 0}, {"aa", -1}, {"aaa", -1}, {"b", 0}, {"ba", 0}});
  vocabulary.space_prefix = SpacePrefix::kNever;
  EXPECT_THAT(to_tokenizer_files(vocabulary).tokenizer["model"]["merges"], ElementsAre("b a", "a aa", "aa a", "a a"));
  expect_same(vocabulary);
  for (std::size_t n = 0; n < 20; ++n) {
    const std::string run(n, 'a');
    EXPECT_EQ(make_tokenizer(read_back(vocabulary)).value()->encode(run).value(),
              make_tokenizer(vocabulary).value()->encode(run).value());
  }
}

TEST(TokenizerFiles, WriteMergesAsPairsWhereATokenHasASpace) {
  Vocabulary vocabulary = tiny_scores({{"a", 0}, {" ", 0}, {"a ", 0}});
  vocabulary.space_prefix = SpacePrefix::kNever;
  EXPECT_EQ(to_tokenizer_files(vocabulary).tokenizer["model"]["merges"], Json::array({Json::array({"a", " "})}));
}

}  // namespace
}  // namespace sparsecim
