#include "text/splitter.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <ctime>
#include <thread>

#include "text/splits.hpp"

namespace sparsecim {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Pieces = std::vector<std::string_view>;

Pieces split(const std::string& pattern, std::string_view text) {
  const auto splitter = Splitter::compile(pattern);
  if (!splitter) ADD_FAILURE() << splitter.error().line();
  Pieces pieces;
  SplitClock clock(std::chrono::minutes(1));
  EXPECT_TRUE(splitter && splitter->split(std::array{text}, clock, pieces));
  return pieces;
}

TEST(Splitter, OfGpt2KeepsTheSpaceWithTheWordBehindIt) {
  EXPECT_THAT(split(kGpt2Split, "Hello world, it's 2024!"),
              ElementsAre("Hello", " world", ",", " it", "'s", " 2024", "!"));
  EXPECT_THAT(split(kGpt2Split, "a   b\n\n c  "), ElementsAre("a", "  ", " b", "\n\n", " c", "  "));
}

TEST(Splitter, OfLlama3CutsNumbersAfterThreeDigitsAndReadsContractionsInEitherCase) {
  EXPECT_THAT(split(kLlama3Split, "I'M 12345 (ok)\n\n x"),
              ElementsAre("I", "'M", " ", "123", "45", " (", "ok", ")\n\n", " x"));
}

TEST(Splitter, GivesWhatLiesBetweenMatchesAsPieces) {
  EXPECT_THAT(split(kSingleDigitSplit, "a12bc3"), ElementsAre("a", "1", "2", "bc", "3"));
  EXPECT_THAT(split("x", "none"), ElementsAre("none"));
  EXPECT_TRUE(split("x", "").empty());
}

TEST(Splitter, PassesOverEmptyMatches) {
  EXPECT_THAT(split("b*", "abbc\xC3\xA9"), ElementsAre("a", "bb", "c\xC3\xA9"));
  EXPECT_THAT(split("(?=b)", "ab"), ElementsAre("ab"));
}

TEST(Splitter, ReadsWhiteSpaceAndWordsAsOnigurumaDoes) {
  EXPECT_THAT(split(R"(\s+)",
                    "a \xE3\x80\x80"
                    "b\xE1\xA0\x8E"
                    "c"),
              ElementsAre("a", " \xE3\x80\x80",
                          "b\xE1\xA0\x8E"
                          "c"));
  EXPECT_THAT(split(R"([^\s]+)", "a b"), ElementsAre("a", " ", "b"));
  EXPECT_THAT(split(R"(\w+)", "-e\xCC\x81_1-"),
              ElementsAre("-", "e\xCC\x81_1", "-"));  // a combining mark is of the word
  EXPECT_THAT(split(R"(\W+)", "a--b"), ElementsAre("a", "--", "b"));
  EXPECT_THAT(split(R"(\d)", "a\xD9\xA3"), ElementsAre("a", "\xD9\xA3"));  // an Arabic digit
  EXPECT_THAT(split("\\u00e9", "a\xC3\xA9"), ElementsAre("a", "\xC3\xA9"));
  EXPECT_THAT(split("a$", "a\nb"), ElementsAre("a", "\nb"));  // Ruby's $ stops at line ends
}

TEST(Splitter, TakesLongRunsInLinearTime) {
  const std::string spaces(12'000'000, ' ');
  EXPECT_EQ(split(kLlama3Split, spaces + "x").size(), 2u);
  EXPECT_EQ(split(kGpt2Split, std::string(3'000'000, 'x')).size(), 1u);
}

TEST(Splitter, StopsAPatternThatBacktracksWithoutEnd) {
  const auto splitter = Splitter::compile("(a+)+[bc]");
  Pieces pieces;
  const std::string text(60, 'a');
  SplitClock clock(std::chrono::minutes(1));
  const auto done = splitter->split(std::array{std::string_view(text)}, clock, pieces);
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().what, HasSubstr("limit"));
}

TEST(Splitter, StopsAPatternThatLooksThroughTheWholeTextForEachOfItsBytes) {
  const auto splitter = Splitter::compile("a*[bc]");  // without backtracking: no step that PCRE2 would count
  const std::string text(1'000'000, 'a');
  Pieces pieces;
  SplitClock clock(std::chrono::milliseconds(100));
  const auto done = splitter->split(std::array{std::string_view(text)}, clock, pieces);
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().what, HasSubstr("takes too long"));
}

TEST(SplitClock, DoesNotCountTheTimeInWhichTheProcessIsStopped) {
  SplitClock clock(std::chrono::milliseconds(20));
  std::this_thread::sleep_for(std::chrono::milliseconds(40));  // between splits
  SplitClock::Running running(clock);
  EXPECT_FALSE(running.is_over());
  std::this_thread::sleep_for(std::chrono::milliseconds(40));  // within one
  EXPECT_FALSE(running.is_over());
}

TEST(SplitClock, AddsUpTheSplitsOfOneTextAndNothingBetweenThem) {
  const auto work = [](int milliseconds) {  // of processor time
    const std::clock_t end = std::clock() + milliseconds * CLOCKS_PER_SEC / 1000;
    while (std::clock() < end) continue;
  };
  SplitClock clock(std::chrono::milliseconds(60));
  for (int split = 0; split < 3; ++split) {
    SplitClock::Running running(clock);
    EXPECT_FALSE(running.is_over());
    work(15);
    EXPECT_FALSE(running.is_over());
  }
  work(60);  // merging
  SplitClock::Running running(clock);
  EXPECT_FALSE(running.is_over());
  work(20);
  EXPECT_TRUE(running.is_over());
}

TEST(Splitter, FindsMatchesFarBehindEachOtherAndBetweenLongCharacters) {
  std::string text;
  for (int i = 0; i < 200; ++i) text += "\xF0\x9F\x98\x80";
  EXPECT_THAT(split("x+", text + "xx" + text + "x"), ElementsAre(text, "xx", text, "x"));
  EXPECT_EQ(split("(?=y)", text).size(), 1u);
}

TEST(Splitter, CutsSeveralTextsEachByItself) {
  const auto splitter = Splitter::compile("ab|b");
  Pieces pieces;
  SplitClock clock(std::chrono::minutes(1));
  ASSERT_TRUE(splitter->split(std::array<std::string_view, 3>{"xa", "bb", ""}, clock, pieces));
  EXPECT_THAT(pieces, ElementsAre("xa", "b", "b"));
}

TEST(Splitter, OfQwen2CutsEachDigitAndTekkensAlsoWordsAtCapitals) {
  EXPECT_THAT(split(kQwen2Split, "I'M 123 (ok)\n\n x"),
              ElementsAre("I", "'M", " ", "1", "2", "3", " (", "ok", ")\n\n", " x"));
  EXPECT_THAT(split(kTekkenSplit, "camelCase HTTPServer I'm 12/\n"),
              ElementsAre("camel", "Case", " HTTPServer", " I", "'m", " ", "1", "2", "/\n"));
}

TEST(Splitter, RunsOnTheHeapWhatOutgrowsTheStack) {
  EXPECT_EQ(split("(?:(?=a)a|b)+c", std::string(100'000, 'a') + "c").size(), 1u);
}

struct Refused {
  const char* pattern;
  const char* says;
  friend std::ostream& operator<<(std::ostream& out, const Refused& refused) { return out << refused.pattern; }
};
class RefusedPattern : public testing::TestWithParam<Refused> {};

TEST_P(RefusedPattern, SaysWhatItIs) {
  const auto splitter = Splitter::compile(GetParam().pattern);
  ASSERT_FALSE(splitter);
  EXPECT_THAT(splitter.error().what, HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    Table, RefusedPattern,
    testing::Values(Refused{R"(a\h)", "byte 1 of the regular expression: the escape '\\h'"},
                    Refused{R"([a&&b])", "intersection"}, Refused{"[a[b]]", "a class within a class"},
                    Refused{R"([\S])", "inside a class '\\S'"}, Refused{"[]a]", "an empty class"},
                    Refused{"[a", "not closed"}, Refused{"a\\", "a backslash at the end"},
                    Refused{R"(\pL)", "a property without {}"}, Refused{R"(\p{L)", "a property without {}"},
                    Refused{R"(\u12)", "four digits"}, Refused{"(?m:a)", "the group '(?m:'"},
                    Refused{"a(?i)b", "the group '(?i)'"}, Refused{"(?<n>a)", "the group"}, Refused{"a{,3}", "a brace"},
                    Refused{"a{x}", "a brace"}, Refused{"a{2}+", "possessive"}, Refused{"(a", "is wrong"},
                    Refused{"*", "is wrong"}, Refused{R"(\p{Nonsense})", "is wrong"},
                    Refused{"((a{1000}){1000}){1000}", "is wrong"}));

TEST(Splitter, TakesAPossessiveProperty) { EXPECT_THAT(split(R"(\p{L}++)", "ab1"), ElementsAre("ab", "1")); }

}  // namespace
}  // namespace sparsecim
