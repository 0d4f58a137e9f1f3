#include "report/simulation_page.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "report/test_markup.hpp"

namespace sparsecim {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

Json small_result() {
  return Json::parse(R"({
    "machine": "analog", "workload": "<two>", "latency_ns": 1500, "energy_pj": 2e6, "energy_pj_low": 1e6,
    "energy_pj_high": 3e6, "area_um2": 4e6, "area_um2_low": 3e6, "area_um2_high": 5e6, "utilization": 0.125,
    "macros": 480, "arrays": 480, "parameters": 1000, "notes": ["a < b"],
    "energy_by_component_pj": {"cells": {"low": 1, "nominal": 2e5, "high": 3}, "converters": {"nominal": 1.8e6}},
    "area_by_component_um2": {"cells": {"nominal": 4e6}},
    "operations": [{"name": "slow", "latency_ns": 1400, "energy_pj": 1e6, "bound": "convert"},
                   {"name": "fast", "latency_ns": 100, "energy_pj": 1e6, "bound": "convert"}]})");
}

TEST(SimulationPage, ShowsFiguresPicturesCostsAndOperationsAsWellFormedMarkup) {
  const std::string page =
      render_simulation_page(small_result(), {"<svg><path class=\"mark\"/></svg>", "<svg></svg>"}).value();
  EXPECT_EQ(test_markup::Reader(page).complaint(), "");
  EXPECT_THAT(page, AllOf(HasSubstr("&lt;two&gt; on analog"), Not(HasSubstr("<two>")), HasSubstr("1.50 µs"),
                          HasSubstr("12.5 % of the cells hold weights"), HasSubstr("What the cells hold"),
                          HasSubstr("When the arrays work"), HasSubstr("<svg><path class=\"mark\"/></svg>")));
  EXPECT_LT(page.find(">slow<"), page.find(">fast<"));
  EXPECT_LT(page.find("converters: 1.80"), page.find("cells: 200")) << "the largest component first";
}

TEST(SimulationPage, HasNoPicturesOfMachinesWithoutArrays) {
  Json result = small_result();
  result.erase("arrays");
  const std::string page = render_simulation_page(result, {}).value();
  EXPECT_THAT(page, AllOf(Not(HasSubstr("What the cells hold")), HasSubstr(">Macros<")));
}

TEST(SimulationPage, NamesTheFigureThatIsMissing) {
  for (const char* key : {"latency_ns", "energy_pj_low", "area_um2", "macros"}) {
    Json result = small_result();
    result[key] = "much";
    EXPECT_EQ(render_simulation_page(result, {}).error().line(), fmt::format("the result's '{}' is no number", key));
    result.erase(key);
    EXPECT_FALSE(render_simulation_page(result, {}));
  }
}

}  // namespace
}  // namespace sparsecim
