#include "report/pattern_colors.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <set>

#include "report/test_color.hpp"

namespace sparsecim::report {
namespace {

std::vector<std::string> all_patterns() {
  std::vector<std::string> patterns = {"dense"};
  for (const int m : {2, 4, 8, 16})
    for (int n = 1; n < m; ++n) patterns.push_back(std::to_string(n) + ":" + std::to_string(m));
  return patterns;
}

TEST(PatternColors, KeepTheLabelsReadableOnEveryPattern) {
  for (const auto& pattern : all_patterns()) {
    const auto color = color_of_pattern(pattern);
    EXPECT_GE(test_color::contrast(color.fill, color.ink), 4.5) << pattern << " " << color.fill << " " << color.ink;
  }
}

TEST(PatternColors, DifferAmongThePatternsOfTheHardware) {
  std::set<std::string> fills;
  for (const char* pattern : {"dense", "1:2", "2:4", "4:8", "1:4", "2:8", "1:8"})
    fills.insert(color_of_pattern(pattern).fill);
  EXPECT_EQ(fills.size(), 7u);
}

TEST(PatternColors, AreGreyForWhatIsNoPattern) {
  for (const char* text : {"", ":", "4", "8:4", "0:4", "2:4x", "-1:4", "99999999999:4", "<b>"})
    EXPECT_EQ(color_of_pattern(text).fill, "#8a8f98") << text;
}

TEST(PatternColors, SortFromDenseToSparseAndFromSmallToLargeGroups) {
  EXPECT_THAT(sorted_patterns({"2:8", "4:8", "dense", "2:4", "4:8", "1:2", "1:8"}),
              testing::ElementsAre("dense", "1:2", "2:4", "4:8", "2:8", "1:8"));
}

}  // namespace
}  // namespace sparsecim::report
