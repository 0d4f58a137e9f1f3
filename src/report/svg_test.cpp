#include "report/svg.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <regex>

#include "report/test_markup.hpp"

namespace sparsecim::report {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

Bar bar(const char* label, double amount) {
  Bar result;
  result.label = label;
  result.segments = {{amount, "red", label}};
  result.shown = "shown";
  return result;
}

/// The values of `attribute` of every `shape`, in order.
std::vector<double> values(const Html& svg, const std::string& shape, const std::string& attribute) {
  const std::regex pattern("<" + shape + "[^>]* " + attribute + "=\"([^\"]*)\"");
  std::vector<double> result;
  for (std::sregex_iterator match(svg.str().begin(), svg.str().end(), pattern), end; match != end; ++match)
    result.push_back(std::stod((*match)[1]));
  return result;
}

TEST(BarChart, DrawsLengthsInProportionFromZero) {
  const auto widths = values(bar_chart("t", {bar("a", 10), bar("b", 20), bar("c", 0)}), "rect", "width");
  ASSERT_EQ(widths.size(), 3u);
  EXPECT_NEAR(widths[0] / widths[1], 0.5, 0.001);
  EXPECT_EQ(widths[2], 0);
  EXPECT_LT(widths[1], 330);
}

TEST(BarChart, PutsSegmentsEndToEnd) {
  Bar stacked = bar("a", 1);
  stacked.segments.push_back({3, "blue", "more"});
  const auto svg = bar_chart("t", {stacked});
  const auto x = values(svg, "rect", "x"), width = values(svg, "rect", "width");
  ASSERT_EQ(x.size(), 2u);
  EXPECT_EQ(x[0], 0);
  EXPECT_NEAR(x[1], width[0], 0.011);
  EXPECT_NEAR(width[1] / width[0], 3, 0.01);
}

TEST(BarChart, LeavesRoomForTheWhiskerAndTheValueBehindIt) {
  Bar banded = bar("a", 10);
  banded.low = 5, banded.high = 40;
  const auto svg = bar_chart("t", {banded});
  const auto ends = values(svg, "line", "x2");
  ASSERT_EQ(ends.size(), 3u);  // the line and its two ends
  EXPECT_NEAR(ends[0], 4 * values(svg, "rect", "width")[0], 0.05);
  EXPECT_LT(ends[0], 330 - 5 * 7);
}

TEST(BarChart, SaysWhatIsNotMeasured) {
  Bar missing;
  missing.label = "FLOW";
  EXPECT_THAT(bar_chart("t", {missing}).str(), HasSubstr("FLOW not measured"));
}

TEST(BarChart, TellsAScreenReaderEveryValue) {
  EXPECT_THAT(bar_chart("Perplexity", {bar("a", 1), bar("b", 2)}).str(),
              HasSubstr("aria-label=\"Perplexity; a shown; b shown\""));
}

TEST(Charts, StayFiniteAndWellFormedForEveryDouble) {
  const double kMax = std::numeric_limits<double>::max();
  for (const double value : {0.0, -1.0, 5e-324, 1e-300, kMax, -kMax, double(INFINITY), double(NAN)}) {
    Bar banded = bar("a", value);
    banded.low = value, banded.high = kMax;
    const RowChart chart{.title = "t", .from_zero = false, .reference = 1.0};
    Html charts = bar_chart("t", {banded, bar("b", 1)});
    charts += row_chart(chart, {{"0", {{value, "v"}}, {{kMax, "p"}}}, {"1", {{1, "v"}}, {}}});
    EXPECT_EQ(test_markup::complaint(charts.str()), "");
    EXPECT_THAT(charts.str(), Not(HasSubstr("\"nan"))) << value;
    EXPECT_THAT(charts.str(), Not(HasSubstr("inf"))) << value;
  }
}

TEST(Charts, OfNothingAreEmptyPictures) {
  EXPECT_EQ(test_markup::complaint(bar_chart("t", {}).str()), "");
  EXPECT_EQ(test_markup::complaint(cell_map("t", {}, {}, {}).str()), "");
  EXPECT_EQ(test_markup::complaint(row_chart({.title = "t", .reference = {}}, {}).str()), "");
}

TEST(CellMap, PutsEveryCellInItsRowAndColumn) {
  const auto svg =
      cell_map("t", {"0", "1"}, {"q", "k"}, {{0, 0, "a", "", "red", "black"}, {1, 1, "b", "", "red", "black"}});
  const auto x = values(svg, "rect", "x"), y = values(svg, "rect", "y"), width = values(svg, "rect", "width");
  ASSERT_EQ(x.size(), 2u);
  EXPECT_NEAR(x[1] - x[0], width[0] + 1, 0.02);
  EXPECT_NEAR(y[1] - y[0], 18, 0.01);
}

TEST(CellMap, DropsLabelsThatDoNotFitButKeepsTheTip) {
  const std::vector<std::string> rows(100, "r");
  const auto svg = cell_map("t", rows, {"q"}, {{99, 0, "4:8", "the tip", "red", "black"}});
  EXPECT_THAT(svg.str(), Not(HasSubstr(">4:8<")));
  EXPECT_THAT(svg.str(), HasSubstr("<title>the tip</title>"));
}

TEST(RowChart, SharesItsRowsWithTheMap) {
  const std::vector<std::string> labels = {"0", "1", "2"};
  std::vector<Cell> cells;
  std::vector<Row> rows;
  for (std::size_t i = 0; i < 3; ++i)
    cells.push_back({i, 0, "", "", "red", "black"}), rows.push_back({labels[i], {{1, ""}}, {}});
  const auto map_y = values(cell_map("t", labels, {"q"}, cells), "text", "y");
  const auto chart_y = values(row_chart({.title = "t", .reference = {}}, rows), "text", "y");
  ASSERT_GE(chart_y.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(map_y[i], chart_y[i]);
}

TEST(RowChart, LabelsItsAxisWithRoundNumbers) {
  const std::vector<Row> rows = {{"0", {{0.031, ""}}, {}}};
  const auto svg = row_chart({.title = "t", .reference = {}, .factor = 100, .unit = " %"}, rows).str();
  for (const char* tick : {">0 %<", ">1 %<", ">2 %<", ">3 %<"}) EXPECT_THAT(svg, HasSubstr(tick));
}

std::vector<ScatterPoint> three_points() {
  return {{.x = 30, .y = 10, .fill = "red", .tip = "a", .front = true},
          {.x = 20, .y = 20, .fill = "red", .tip = "b", .front = true, .strong = true},
          {.x = 25, .y = 25, .fill = "red", .tip = "c"}};
}

TEST(ScatterChart, PutsCheaperToTheLeftAndBetterBelow) {
  const Html svg = scatter_chart({.title = "t", .x_name = "bytes", .y_name = "perplexity"}, three_points());
  const auto x = values(svg, "circle", "cx"), y = values(svg, "circle", "cy");
  ASSERT_EQ(x.size(), 3u);  // the dominated one first, beneath the others
  EXPECT_LT(x[2], x[0]);
  EXPECT_LT(x[0], x[1]);
  EXPECT_GT(y[1], y[2]) << "SVG counts downwards";
  EXPECT_GT(y[2], y[0]);
  EXPECT_THAT(svg.str(), HasSubstr("plan pale"));
}

TEST(ScatterChart, JoinsTheFrontByStairsAndNothingElse) {
  const Html svg = scatter_chart({.title = "t", .x_name = "x", .y_name = "y"}, three_points());
  const std::regex step("class=\"front\"");
  const std::string& text = svg.str();
  EXPECT_EQ(std::distance(std::sregex_iterator(text.begin(), text.end(), step), std::sregex_iterator()), 2);
}

TEST(ScatterChart, IsLogarithmicOverLargeRangesOnly) {
  auto points = three_points();
  const ScatterChart chart{.title = "t", .x_name = "x", .y_name = "y"};
  EXPECT_THAT(scatter_chart(chart, points).str(), Not(HasSubstr("logarithmic")));
  points.push_back({.x = 10, .y = 1000, .fill = "red", .tip = "d"});
  const Html svg = scatter_chart(chart, points);
  EXPECT_THAT(svg.str(), HasSubstr("logarithmic"));
  const auto y = values(svg, "circle", "cy");  // c, d, a, b: 25, 1000, 10, 20
  EXPECT_NEAR((y[2] - y[1]) / (y[2] - y[3]), std::log(100) / std::log(2), 0.01);
}

TEST(ScatterChart, StaysInItsFrameForAnyValues) {
  constexpr double kMost = std::numeric_limits<double>::max(), kLeast = std::numeric_limits<double>::denorm_min();
  for (const auto& [x, y] : std::vector<std::pair<double, double>>{
           {0, 0}, {-1, -1}, {1, kLeast}, {kMost, kMost}, {-kMost, 1}, {1, HUGE_VAL}, {std::nan(""), 1}}) {
    auto points = three_points();
    points.push_back({.x = x, .y = y, .fill = "red", .tip = "odd", .front = true});
    const Html svg = scatter_chart({.title = "t", .x_name = "x", .y_name = "y"}, points);
    EXPECT_EQ(test_markup::complaint(svg.str()), "");
    for (const double place : values(svg, "circle", "cx"))
      EXPECT_THAT(place, testing::AllOf(testing::Ge(0), testing::Le(330)));
    for (const double place : values(svg, "circle", "cy"))
      EXPECT_THAT(place, testing::AllOf(testing::Ge(0), testing::Le(272)));
  }
}

}  // namespace
}  // namespace sparsecim::report
