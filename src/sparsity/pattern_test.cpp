#include "sparsity/pattern.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace sparsecim {
namespace {

TEST(Pattern, IsReadAndWrittenAlike) {
  for (const std::string text : {"dense", "1:2", "2:4", "4:8", "1:8", "3:8", "8:16", "1:64"}) {
    ASSERT_TRUE(parse_pattern(text)) << text;
    EXPECT_EQ(parse_pattern(text)->name(), text);
  }
  EXPECT_EQ(parse_pattern("2:4"), (Pattern{2, 4})) << "N is the number kept, M the group";
}

TEST(Pattern, OfAllKeptIsDenseHoweverItIsWritten) {
  for (const char* text : {"dense", "1:1", "4:4", "8:8", "64:64"}) EXPECT_EQ(parse_pattern(text), (Pattern{8, 8}));
}

TEST(Pattern, IsRefusedWithWhatToWriteInstead) {
  for (const char* text : {"", "2", ":", "2:", ":4", "0:4", "5:4", "-1:4", "2:-4", "2:4:8", "2.0:4", "+2:4", "2:65",
                           "0:0", "Dense", "99999999999999999999:4", "2:99999999999999999999", "2 :4"})
    EXPECT_FALSE(parse_pattern(text)) << text;
  EXPECT_EQ(parse_pattern("2-4").error().line(),
            "'2-4' is not a pattern; write N:M (2:4 keeps 2 of every 4 consecutive weights) or dense");
  EXPECT_EQ(parse_pattern("5:4").error().line(),
            "pattern '5:4': N must be in 1 .. M; N is the number of weights that are kept");
}

TEST(Patterns, AreAListInTheOrderGiven) {
  EXPECT_EQ(parse_patterns("dense,2:4, 4:8"), (std::vector<Pattern>{{8, 8}, {2, 4}, {4, 8}}));
  EXPECT_EQ(to_string(*parse_patterns("dense,2:4,4:8")), "{dense, 2:4, 4:8}");
}

TEST(Patterns, AreRefusedWhereOneIsEmptyOrGivenTwice) {
  for (const char* text : {"", ",", "2:4,", ",2:4", "2:4,,4:8", "2:4,2:4", "dense,8:8", "hardware,1:2,1:2"})
    EXPECT_FALSE(parse_patterns(text)) << text;
  EXPECT_EQ(parse_patterns("2:4,2:4").error().what, "pattern '2:4' is given twice");
}

TEST(Patterns, OfTheHardwareArePowersOfTwoUpToEight) {
  const auto patterns = parse_patterns("hardware").value();
  int found = 0;
  for (int m = 2; m <= 8; m *= 2)
    for (int n = 1; n < m; n *= 2) found += std::count(patterns.begin(), patterns.end(), Pattern{n, m});
  EXPECT_EQ(found, 6);
  EXPECT_EQ(patterns.size(), 7u) << "those six and dense";
}

TEST(Patterns, OfASetStandBesideSinglesAndComeOnce) {
  EXPECT_EQ(parse_patterns("n:4"), (std::vector<Pattern>{{}, {3, 4}, {2, 4}, {1, 4}}));
  EXPECT_EQ(parse_patterns("n:8")->size(), 8u);
  EXPECT_EQ(parse_patterns("hardware, 2:4, 8:16")->size(), 8u);
  EXPECT_EQ(parse_patterns("n:8,hardware")->size(), 8u + 3) << "1:2, 2:4 and 1:4 are no N of 8";
  auto powers = parse_patterns("powers:8").value(), hardware = parse_patterns("hardware").value();
  std::ranges::sort(powers);
  std::ranges::sort(hardware);
  EXPECT_EQ(powers, hardware);
  EXPECT_EQ(parse_patterns("powers:16")->size(), 11u) << "and 1:16, 2:16, 4:16, 8:16";
  EXPECT_EQ(parse_patterns("n:65").error().what, "'n:65': M must be in 2 .. 64");
  EXPECT_EQ(parse_patterns("powers:12").error().what, "'powers:12': 12 is no power of two");
  for (const char* text : {"n:", "n:1", "n:x", "powers:", "powers:128", "N:8"})
    EXPECT_FALSE(parse_patterns(text)) << text;
}

TEST(KeptPerRow, OfWholeGroupsIsTheDensityAndALastGroupRoundsUp) {
  EXPECT_EQ(kept_per_row({2, 4}, 576), 288);
  EXPECT_EQ(kept_per_row({2, 8}, 576), 144);
  EXPECT_EQ(kept_per_row({}, 577), 577);
  EXPECT_EQ(kept_per_row({4, 8}, 8 + 3), 4 + 2) << "ceil(4 * 3 / 8)";
  EXPECT_EQ(kept_per_row({1, 8}, 8 + 3), 1 + 1) << "ceil(1 * 3 / 8)";
  EXPECT_EQ(kept_per_row({2, 4}, 0), 0);
}

}  // namespace
}  // namespace sparsecim
