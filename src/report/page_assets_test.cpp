#include "report/page_assets.hpp"

#include <gmock/gmock.h>

#include <map>
#include <regex>

#include "report/test_color.hpp"

namespace sparsecim::report {
namespace {

using Colors = std::map<std::string, std::string>;

/// The colours "--name: #rrggbb" of the `index`-th :root block: 0 is the light page, 1 the dark one.
Colors colors_of(std::size_t index) {
  std::string style(kStyle);
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= index; ++i) begin = style.find(":root {", begin) + 1;
  const std::string block = style.substr(begin, style.find('}', begin) - begin);
  static const std::regex kColor("(--[a-z0-9]+): (#[0-9a-f]{6})");
  Colors colors;
  for (std::sregex_iterator match(block.begin(), block.end(), kColor), end; match != end; ++match)
    colors[(*match)[1]] = (*match)[2];
  return colors;
}

class PageColors : public testing::TestWithParam<std::size_t> {};

TEST_P(PageColors, KeepTextReadable) {
  const auto colors = colors_of(GetParam());
  for (const char* ground : {"--page", "--paper"})
    for (const char* text : {"--ink", "--quiet", "--good", "--bad", "--level"})
      EXPECT_GE(test_color::contrast(colors.at(ground), colors.at(text)), 4.5) << text << " on " << ground;
}

TEST_P(PageColors, KeepSeriesVisible) {
  const auto colors = colors_of(GetParam());
  for (const char* mark : {"--subject", "--rival", "--dense", "--other", "--outlier"})
    EXPECT_GE(test_color::contrast(colors.at("--paper"), colors.at(mark)), 3.0) << mark;
}

TEST_P(PageColors, GiveEveryColorAValueOnBothGrounds) {
  const auto colors = colors_of(GetParam()), light = colors_of(0);
  EXPECT_GT(light.size(), 20u);
  for (const auto& [name, value] : light) EXPECT_TRUE(colors.contains(name)) << name;
}

INSTANTIATE_TEST_SUITE_P(LightAndDark, PageColors, testing::Values(0u, 1u));

TEST(PageAssets, HoldNothingThatXmlTakesForMarkup) {
  for (const auto asset : {kStyle, kScript}) EXPECT_EQ(asset.find_first_of("<&"), std::string_view::npos);
}

TEST(PageAssets, LoadNothing) {
  for (const auto asset : {kStyle, kScript})
    for (const char* loads : {"url(", "@import", "http", "fetch", "XMLHttp", "src"})
      EXPECT_EQ(asset.find(loads), std::string_view::npos) << loads;
}

}  // namespace
}  // namespace sparsecim::report
