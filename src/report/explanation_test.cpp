#include "report/explanation.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sparsecim::report {
namespace {

using testing::Contains;
using testing::HasSubstr;

Json band(double low, double nominal, double high) { return {{"low", low}, {"nominal", nominal}, {"high", high}}; }

/// A chip of 100 gates that does 1000 additions at 2 fJ in 50 cycles of 4 ns, and leaks 3 pW per gate.
Json result() {
  const double leakage = 100 * 3 * 200 * 1e-9;
  const Json event = {{"component", "adder trees"}, {"constant", 0}, {"count", 1000}};
  return {{"schema", "sparsecim.simulation/1"},
          {"latency_ns", 200},
          {"latency_ns_low", 150},
          {"latency_ns_high", 250},
          {"cycles", 50},
          {"clock_ns", 4},
          {"critical_path", "add"},
          {"clock_steps",
           {{{"name", "sum"},
             {"count", 2},
             {"delay_ps", band(1500, 2000, 2500)},
             {"node_nm", 28},
             {"delay_factor", 1},
             {"source", "a paper on delays"}}}},
          {"energy_pj", 2 + leakage},
          {"energy_pj_low", 1 + leakage},
          {"energy_pj_high", 3 + leakage},
          {"area_um2", 500},
          {"area_um2_low", 400},
          {"area_um2_high", 600},
          {"utilization", 0.25},
          {"useful_multiplies", 25},
          {"available_multiplies", 100},
          {"tops_per_watt", 8 / (2 + leakage)},
          {"dense_equivalent_tops_per_watt", 16 / (2 + leakage)},
          {"useful_operations", 8},
          {"dense_operations", 16},
          {"energy_by_component_pj", {{"adder trees", band(1, 2, 3)}, {"leakage", band(leakage, leakage, leakage)}}},
          {"area_by_component_um2", {{"adder trees", band(400, 500, 600)}}},
          {"parts", {{{"component", "adder trees"}, {"constant", 0}, {"instances", 100}, {"in_macro", true}}}},
          {"events", Json::array({event})},
          {"operations",
           {{{"name", "layers.0.up"},
             {"bound", "multiply"},
             {"cycles", 45},
             {"latency_ns", 180},
             {"energy_pj", 2 + 0.9 * leakage},
             {"energy_by_component_pj", {{"adder trees", 2}, {"leakage", 0.9 * leakage}}},
             {"events", Json::array({event})}}}},
          {"constants",
           {{{"name", "adder"},
             {"source", "a paper on adders"},
             {"node_nm", 28},
             {"event", "addition"},
             {"energy_fj", band(0.5, 1, 1.5)},
             {"vdd_v", 0.9},
             {"energy_factor", 2},
             {"area_um2", band(8, 10, 12)},
             {"area_factor", 0.5},
             {"leakage_pw", band(3, 3, 3)}}}}};
}

std::string explained(const std::string& key) {
  const auto text = explain(result(), key);
  return text ? *text : text.error().line();
}

TEST(Explain, GivesFormulaCountsConstantsAndSources) {
  const std::string text = explained("energy.adder trees");
  EXPECT_THAT(text, HasSubstr("energy.adder trees = 2 (1 .. 3) pJ"));
  EXPECT_THAT(text, HasSubstr("1000 adder: addition x 2 (1 .. 3) fJ = 2 pJ"));
  EXPECT_THAT(text, HasSubstr("adder: 1 (0.5 .. 1.5) fJ at 28 nm and 0.9 V, x 2 at the machine's node"));
  EXPECT_THAT(text, HasSubstr("source: a paper on adders"));
}

TEST(Explain, FollowsTotalsDownToTheirParts) {
  EXPECT_THAT(explained("latency_ns"), HasSubstr("cycles x clock_ns = 50 x 4 ns"));
  EXPECT_THAT(explained("cycles"), HasSubstr("and 5 in which the macros wait"));
  EXPECT_THAT(explained("clock_ns"), HasSubstr("2 sum x 2000 (1500 .. 2500) ps = 4 ns"));
  EXPECT_THAT(explained("clock_ns"), HasSubstr("a paper on delays"));
  EXPECT_THAT(explained("energy_pj"), HasSubstr("energy.adder trees"));
  EXPECT_THAT(explained("energy.leakage"), HasSubstr("100 adder, in adder trees x 3 pW"));
  EXPECT_THAT(explained("area_um2"), HasSubstr("area.adder trees"));
  EXPECT_THAT(explained("area.adder trees"), HasSubstr("100 adder x 5 (4 .. 6) um2 = 500 um2"));
  EXPECT_THAT(explained("utilization"), HasSubstr("25 / 100"));
  EXPECT_THAT(explained("operations.layers.0.up"), HasSubstr("operations.layers.0.up.leakage"));
  EXPECT_THAT(explained("operations.layers.0.up.adder trees"), HasSubstr("1000 adder: addition"));
}

TEST(Explain, KnowsItsKeysAndExplainsEachOfThem) {
  const auto keys = explainable_keys(result());
  EXPECT_THAT(keys, Contains("operations.layers.0.up.leakage"));
  for (const std::string& key : keys) EXPECT_TRUE(explain(result(), key)) << key;
}

TEST(Explain, NamesTheNearestKeys) {
  EXPECT_THAT(explained("energy.adder_trees"), HasSubstr("no 'energy.adder_trees' to explain; the nearest are"));
  EXPECT_THAT(explained("energy.adder_trees"), HasSubstr("'energy.adder trees'"));
}

TEST(Explain, RefusesFiguresThatDoNotFollowFromTheFilesOwnCounts) {
  const auto refusal = [](const char* pointer, const Json& value) {
    Json edited = result();
    edited[Json::json_pointer(pointer)] = value;
    const auto text = explain(edited, "latency_ns");
    return text ? std::string("explained") : text.error().line();
  };
  EXPECT_THAT(refusal("/latency_ns", 100), HasSubstr("'latency_ns' is 100, but what the file counts comes to 200"));
  EXPECT_THAT(refusal("/events/0/count", 500), HasSubstr("'energy_by_component_pj.adder trees (low)' is 1, but"));
  EXPECT_THAT(refusal("/constants/0/area_factor", 1), HasSubstr("area_by_component_um2.adder trees"));
  EXPECT_THAT(refusal("/energy_pj_high", 4), HasSubstr("energy_pj (high)"));
  EXPECT_THAT(refusal("/clock_steps/0/count", 3), HasSubstr("clock_ns"));
  EXPECT_THAT(refusal("/operations/0/energy_pj", 3), HasSubstr("operations.layers.0.up.energy_pj"));
  EXPECT_THAT(refusal("/tops_per_watt", 1000), HasSubstr("tops_per_watt"));
  EXPECT_THAT(refusal("/events/0/constant", 7), HasSubstr("edited, or cut"));
  EXPECT_THAT(refusal("/events/0/constant", -1), HasSubstr("edited, or cut"));
  EXPECT_THAT(refusal("/events", "none"), HasSubstr("edited, or cut"));
  EXPECT_THAT(refusal("/parts/0/instances", nullptr), HasSubstr("edited, or cut"));
}

TEST(Explain, RefusesWhatIsNoSimulation) {
  for (const Json& foreign : {Json::array(), Json::object(), Json{{"schema", "sparsecim.record/1"}}, Json{}}) {
    const auto text = explain(foreign, "latency_ns");
    ASSERT_FALSE(text);
    EXPECT_THAT(text.error().line(), HasSubstr("no result of this program's simulate"));
  }
}

}  // namespace
}  // namespace sparsecim::report
