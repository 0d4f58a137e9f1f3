#include "text/corpus.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <numeric>
#include <set>

namespace sparsecim {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using Windows = std::vector<std::vector<TokenId>>;

std::vector<TokenId> counting(std::size_t n) {
  std::vector<TokenId> ids(n);
  std::iota(ids.begin(), ids.end(), 0);
  return ids;
}

TEST(Corpus, WithoutASeparatorIsTheTextUntouched) {
  const auto corpus = corpus_from_text("  one\n\ntwo \n", {});
  ASSERT_TRUE(corpus);
  EXPECT_THAT(corpus->documents, ElementsAre("  one\n\ntwo \n"));
  EXPECT_FALSE(corpus->split);
}

TEST(Corpus, WithASeparatorIsStrippedDocumentsWithoutEmptyOnes) {
  const auto corpus = corpus_from_text("<|e|>\n one two\t<|e|> \n<|e|>\xE3\x80\x80three\xC2\xA0<|e|>", "<|e|>");
  ASSERT_TRUE(corpus);
  EXPECT_THAT(corpus->documents, ElementsAre("one two", "three"));  // U+3000 and U+00A0 are white space too
  EXPECT_TRUE(corpus->split);
}

TEST(Corpus, SplitsAtTheLeftmostOfOverlappingSeparators) {
  EXPECT_THAT(corpus_from_text("a\n\n\nb", "\n\n")->documents, ElementsAre("a", "b"));
  EXPECT_THAT(corpus_from_text("axxxb", "xx")->documents, ElementsAre("a", "xb"));
}

TEST(Corpus, RefusesWhatHasNoText) {
  EXPECT_THAT(corpus_from_text("", {}).error().what, HasSubstr("nothing but white space"));
  EXPECT_THAT(corpus_from_text(" \n\xE2\x80\x89", "x").error().what, HasSubstr("nothing but white space"));
  EXPECT_THAT(corpus_from_text("x x\nx", "x").error().what, HasSubstr("between the separators 'x'"));
  EXPECT_THAT(corpus_from_text("text", "").error().line(), HasSubstr("leave --split out"));
  EXPECT_THAT(corpus_from_text("one <|e|> two", "<|d|>").error().line(), HasSubstr("'<|d|>' does not occur in it"));
}

TEST(Corpus, TellsWhichByteIsNotUtf8) {
  EXPECT_THAT(corpus_from_text("ab\xE9 cd", {}).error().line(), testing::StartsWith("byte 2 is not UTF-8; convert"));
  EXPECT_THAT(corpus_from_text("abc\xE2\x82", {}).error().what, HasSubstr("byte 3"));
  EXPECT_THAT(corpus_from_text("\xED\xA0\x80", {}).error().what, HasSubstr("byte 0"));  // a surrogate
}

TEST(Corpus, NamesTheFileInItsErrors) {
  const fs::path path = fs::path(testing::TempDir()) / "spaces.txt";
  std::ofstream(path) << "  \n";
  EXPECT_THAT(read_corpus(path, {}).error().what, HasSubstr("spaces.txt: there is nothing"));
  std::ofstream(path) << "a|b";
  EXPECT_THAT(read_corpus(path, "|")->documents, ElementsAre("a", "b"));
  fs::remove(path);
  EXPECT_THAT(read_corpus(path, {}).error().what, HasSubstr("spaces.txt"));
}

TEST(SampleWindows, TakesOneFromEachPartOfTheTextWithoutOverlap) {
  for (const std::int64_t count : {1, 3, 10}) {
    const Windows windows = sample_windows(counting(103), 10, count, 7).value();
    ASSERT_EQ(windows.size(), static_cast<std::size_t>(count));
    for (std::int64_t i = 0; i < count; ++i) {
      const auto& window = windows[static_cast<std::size_t>(i)];
      ASSERT_EQ(window.size(), 10u);
      EXPECT_GE(window.front(), i * 103 / count);
      EXPECT_LT(window.back(), (i + 1) * 103 / count);
      EXPECT_EQ(window.back() - window.front(), 9);
    }
  }
}

TEST(SampleWindows, CanTakeEveryPlaceOfAPart) {
  std::set<TokenId> starts;
  for (std::uint64_t seed = 0; seed < 300; ++seed) starts.insert(sample_windows(counting(10), 4, 2, seed)->at(1)[0]);
  EXPECT_THAT(starts, ElementsAre(5, 6));  // the second half is 5 .. 9
}

TEST(SampleWindows, OverlapOnlyInATextTooShortForAll) {
  const Windows all = sample_windows(counting(12), 4, 3, 1).value();
  EXPECT_THAT(all, ElementsAre(ElementsAre(0, 1, 2, 3), ElementsAre(4, 5, 6, 7), ElementsAre(8, 9, 10, 11)));
  const Windows more = sample_windows(counting(12), 4, 100, 1).value();
  EXPECT_EQ(more.size(), 100u);
  EXPECT_EQ(more.front().front(), 0);
  EXPECT_EQ(more.back().back(), 11);
}

TEST(SampleWindows, RefusesATextShorterThanOneWindow) {
  EXPECT_TRUE(sample_windows(counting(8), 8, 5, 0));
  const auto refused = sample_windows(counting(7), 8, 5, 0);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().line(),
            "the text has 7 tokens, fewer than one window of 8; give a longer text or ask for shorter windows");
}

TEST(SampleWindows, DependOnTheSeedAndNothingElse) {
  const auto ids = counting(10000);
  EXPECT_EQ(sample_windows(ids, 16, 32, 5).value(), sample_windows(ids, 16, 32, 5).value());
  EXPECT_NE(sample_windows(ids, 16, 32, 5).value(), sample_windows(ids, 16, 32, 6).value());
  const Windows windows = sample_windows(ids, 16, 4, 5).value();
  std::vector<TokenId> starts;  // mt19937_64(5), another implementation of it: these on every machine
  for (const auto& window : windows) starts.push_back(window[0]);
  EXPECT_THAT(starts, ElementsAre(1672, 2595, 5559, 9179));
}

TEST(DrawDocuments, GivesDifferentOnesByTheSeed) {
  const auto drawn = draw_documents(50, 20, 3);
  EXPECT_EQ(drawn.size(), 20u);
  EXPECT_EQ(std::set<std::size_t>(drawn.begin(), drawn.end()).size(), 20u);
  for (const std::size_t index : drawn) EXPECT_LT(index, 50u);
  EXPECT_EQ(drawn, draw_documents(50, 20, 3));
  EXPECT_NE(drawn, draw_documents(50, 20, 4));
}

TEST(DrawDocuments, GivesAllOfThemWhereThereAreFewer) {
  EXPECT_THAT(draw_documents(2, 10, 0), testing::UnorderedElementsAre(0, 1));
}

}  // namespace
}  // namespace sparsecim
