#include "text/added_tokens.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>
#include <random>
#include <utility>

namespace sparsecim {
namespace {

using testing::ElementsAre;

/// Segments as "[id]text" and "text".
std::vector<std::string> cut(const AddedTokens& tokens, std::string_view text) {
  std::vector<Segment> segments;
  tokens.cut(text, segments);
  std::vector<std::string> shown;
  for (const Segment& segment : segments)
    shown.push_back((segment.token ? fmt::format("[{}]", *segment.token) : "") + std::string(segment.text));
  return shown;
}

AddedTokens tokens_of(const std::vector<Vocabulary::Token>& tokens) {
  AddedTokens added;
  for (std::size_t id = 0; id < tokens.size(); ++id) added.add(tokens[id].text, tokens[id], static_cast<TokenId>(id));
  added.sort();
  return added;
}

TEST(AddedTokens, AreCutOutWhereTheyStand) {
  const AddedTokens tokens = tokens_of({{.text = "<s>"}, {.text = "<e>"}});
  EXPECT_THAT(cut(tokens, "<s>a b<e><s>"), ElementsAre("[0]<s>", "a b", "[1]<e>", "[0]<s>"));
  EXPECT_THAT(cut(tokens, "< s><s"), ElementsAre("< s><s"));
  EXPECT_TRUE(cut(tokens, "").empty());
  EXPECT_THAT(cut(tokens_of({}), "<s>"), ElementsAre("<s>"));
}

TEST(AddedTokens, TheLeftmostAndThenTheLongestWins) {
  const AddedTokens tokens = tokens_of({{.text = "ab"}, {.text = "abcd"}, {.text = "bcdef"}, {.text = "cd"}});
  EXPECT_THAT(cut(tokens, "abcdef"), ElementsAre("[1]abcd", "ef"));
  EXPECT_THAT(cut(tokens, "abcf"), ElementsAre("[0]ab", "cf"));
  EXPECT_THAT(cut(tokens, "xbcdef"), ElementsAre("x", "[2]bcdef"));
}

TEST(AddedTokens, TakeTheWhiteSpaceThatBelongsToThem) {
  const AddedTokens tokens =
      tokens_of({{.text = "L", .strips_left = true}, {.text = "R", .strips_right = true}, {.text = "N"}});
  EXPECT_THAT(cut(tokens, "a \n\xC2\xA0L b"), ElementsAre("a", "[0] \n\xC2\xA0L", " b"));
  EXPECT_THAT(cut(tokens,
                  "a R \t\xE3\x80\x80"
                  "b"),
              ElementsAre("a ", "[1]R \t\xE3\x80\x80", "b"));
  EXPECT_THAT(cut(tokens, "a N b"), ElementsAre("a ", "[2]N", " b"));
  EXPECT_THAT(cut(tokens, "R  L"), ElementsAre("[1]R  ", "[0]L"));  // the first to ask gets it
  EXPECT_THAT(cut(tokens, "  L"), ElementsAre("[0]  L"));
  EXPECT_THAT(cut(tokens, "\x80 L"), ElementsAre("\x80", "[0] L"));
}

TEST(AddedTokens, ThatBeginWithWhiteSpaceAreFoundAlsoInWhatAnotherHasTaken) {
  const AddedTokens tokens = tokens_of({{.text = "R", .strips_right = true}, {.text = " x"}, {.text = "x"}});
  EXPECT_THAT(cut(tokens, "R xa"), ElementsAre("[0]R ", "[1] x", "a"));  // as in `tokenizers`
  EXPECT_THAT(cut(tokens, "R  xa"), ElementsAre("[0]R  ", "[1] x", "a"));
}

TEST(AddedTokens, OfSingleWordsAreFoundOnlyBetweenWords) {
  const AddedTokens tokens = tokens_of({{.text = "ab", .single_word = true}, {.text = "b"}});
  EXPECT_THAT(cut(tokens, "ab"), ElementsAre("[0]ab"));
  EXPECT_THAT(cut(tokens, "-ab!"), ElementsAre("-", "[0]ab", "!"));
  EXPECT_THAT(cut(tokens, "abc xab ab1 _ab"), ElementsAre("abc xab ab1 _ab"));  // nor is "b" looked for within
  EXPECT_THAT(cut(tokens,
                  "\xC3\xA9"
                  "ab b"),
              ElementsAre("\xC3\xA9"
                          "ab ",
                          "[1]b"));
}

TEST(AddedTokens, WithoutTextAreNeverFound) { EXPECT_THAT(cut(tokens_of({{.text = ""}}), "ab"), ElementsAre("ab")); }

TEST(AddedTokens, AreTheLongestThatFitsOfAnyThatBeginAlike) {
  std::mt19937 random(7);
  const auto word = [&](std::size_t longest) {  // few letters, so that many begin alike; bytes above 127 too
    std::string text(1 + random() % longest, ' ');
    for (char& letter : text) letter = "ab\xFF"[random() % 3];
    return text;
  };
  for (int round = 0; round < 300; ++round) {
    std::vector<Vocabulary::Token> tokens(1 + random() % 20);
    for (auto& token : tokens) token.text = word(6);
    const std::string text = word(60);
    std::vector<std::string> expected;
    std::string between;
    for (std::size_t at = 0; at < text.size();) {
      const Vocabulary::Token* longest = nullptr;
      for (const auto& token : tokens)
        if (text.substr(at).starts_with(token.text) && (!longest || token.text.size() > longest->text.size()))
          longest = &token;
      if (longest && !between.empty()) expected.push_back(std::exchange(between, ""));
      if (longest) expected.push_back(fmt::format("[{}]{}", longest - tokens.data(), longest->text));
      if (!longest) between += text[at];
      at += longest ? longest->text.size() : 1;
    }
    if (!between.empty()) expected.push_back(between);
    EXPECT_EQ(cut(tokens_of(tokens), text), expected);
  }
}

TEST(AddedTokens, ThatAreManyAndLongAndBeginAlikeTakeLittleTime) {
  std::vector<Vocabulary::Token> tokens;
  for (std::size_t length = 1; length < 1024; ++length) tokens.push_back({.text = std::string(length, 'a') + "b"});
  const AddedTokens added = tokens_of(tokens);
  const std::clock_t start = std::clock();  // processor time: a busy machine does not count
  EXPECT_EQ(cut(added, std::string(200'000, 'a')).size(), 1u);
  EXPECT_LT(std::clock() - start, 5 * CLOCKS_PER_SEC);
}

TEST(AddedTokens, MayHoldAnyBytes) {
  EXPECT_THAT(cut(tokens_of({{.text = "\xF0\x9F\x98\x80"}}), "\xF0\xF0\x9F\x98\x80\xF0"),
              ElementsAre("\xF0", "[0]\xF0\x9F\x98\x80", "\xF0"));
}

}  // namespace
}  // namespace sparsecim
