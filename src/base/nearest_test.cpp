#include "base/nearest.hpp"

#include <gtest/gtest.h>

namespace sparsecim {
namespace {

TEST(EditDistance, CountsLettersToInsertDeleteOrReplace) {
  EXPECT_EQ(edit_distance("", ""), 0u);
  EXPECT_EQ(edit_distance("abc", ""), 3u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
  EXPECT_EQ(edit_distance("sitting", "kitten"), 3u);
}

TEST(Nearest, GivesTheNearestFirstAndNoMoreThanThereAre) {
  EXPECT_EQ(nearest("enrgy", {"area", "energy", "entropy"}, 2), (std::vector<std::string>{"energy", "entropy"}));
  EXPECT_EQ(nearest("x", {"y"}, 3), std::vector<std::string>{"y"});
  EXPECT_TRUE(nearest("x", {}, 3).empty());
}

}  // namespace
}  // namespace sparsecim
