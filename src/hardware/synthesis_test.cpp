#include "hardware/synthesis.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/test_directory.hpp"
#include "hardware/components/gates.hpp"
#include "hardware/components/node.hpp"
#include "hardware/machine_fixture.hpp"

namespace sparsecim {
namespace {

using testing::HasSubstr;
using SynthesisFile = test_files::TemporaryDirectory;

Json small_synthesis() {
  return {{"format", "sparsecim-synthesis"},
          {"schema_version", 1},
          {"tool", "Yosys"},
          {"library", "cells.lib"},
          {"macros",
           {{{"name", "a"},
             {"machine", "flexcim"},
             {"parameters", {{"sub_macros", 4}, {"patterns", {"1:2", "dense", "2:4", "4:8", "1:4", "2:8", "1:8"}}}},
             {"components",
              {{{"component", "adder trees"}, {"gate_equivalents", 1000.5}},
               {{"component", "operand latches"}, {"gate_equivalents", 10}}}}}}}};
}

std::string error_of(const Json& json) {
  const auto read = synthesis_from_json(json);
  return read ? "none" : read.error().line();
}

double area_of(const Simulation& simulation, std::string_view component) {
  double area_um2 = 0;
  for (const PricedPart& part : simulation.parts)
    if (part.component == component) area_um2 += part.area_um2.nominal;
  return area_um2 / static_cast<double>(simulation.macros);
}

TEST(Synthesis, TakesThePlaceOfTheComponentsThatItNamesAndOfNoOther) {
  const MachineDescription machine = machine_with("flexcim");
  const auto synthesised = with_synthesised_areas(machine, synthesis_from_json(small_synthesis()).value());
  ASSERT_TRUE(synthesised) << synthesised.error().line();
  const Simulation before = simulated(machine, matrix({4, 8})), after = simulated(*synthesised, matrix({4, 8}));
  EXPECT_DOUBLE_EQ(area_of(after, "adder trees"), 1000.5 * kNand2_um2);
  EXPECT_DOUBLE_EQ(area_of(after, "operand latches"), 10 * kNand2_um2);
  for (const char* same : {"cells", "accumulators", "position bits", "partial sums"})
    EXPECT_DOUBLE_EQ(area_of(after, same), area_of(before, same)) << same;
  EXPECT_NEAR(after.macro_area_um2.nominal - before.macro_area_um2.nominal,
              1010.5 * kNand2_um2 - area_of(before, "adder trees"), 1e-6);
  EXPECT_EQ(after.cycles, before.cycles);
  EXPECT_EQ(after.clock_ns, before.clock_ns);
}

TEST(Synthesis, OfAnotherNodeIsScaledAsLogicIs) {
  const auto machine = machine_with("flexcim", {{"node_nm: 28", "node_nm: 14"}});
  const auto synthesised = with_synthesised_areas(machine, synthesis_from_json(small_synthesis()).value()).value();
  EXPECT_NEAR(area_of(simulated(synthesised, matrix({4, 8})), "adder trees"), 1000.5 * kNand2_um2 * area_factor(28, 14),
              1e-6);
}

TEST(Synthesis, OfOtherSettingsIsRefusedWithTheDifference) {
  const Synthesis synthesis = synthesis_from_json(small_synthesis()).value();
  const auto other = with_synthesised_areas(machine_with("flexcim", {{"sub_macros: 4", "sub_macros: 8"}}), synthesis);
  ASSERT_FALSE(other);
  EXPECT_THAT(other.error().line(), HasSubstr("nearest is 'a' with sub_macros: 4, not 8; choose its settings"));
  const auto fewer = with_synthesised_areas(machine_with("flexcim", {{"[dense, 1:2, ", "[dense, "}}), synthesis);
  ASSERT_FALSE(fewer);
  EXPECT_THAT(fewer.error().line(), HasSubstr("patterns: ["));
  const auto kind = with_synthesised_areas(machine_with("dense-dcim"), synthesis);
  ASSERT_FALSE(kind);
  EXPECT_THAT(kind.error().line(), HasSubstr("no macro of a machine 'dense-dcim' was synthesised"));
}

TEST(Synthesis, ThatIsNotOneIsRefused) {
  const auto broken = [](auto change) {
    Json json = small_synthesis();
    change(json, json["macros"][0]);
    return error_of(json);
  };
  EXPECT_THAT(broken([](Json& json, Json&) { json["format"] = "other"; }), HasSubstr("'format' is 'other'"));
  EXPECT_THAT(broken([](Json& json, Json&) { json["schema_version"] = 2; }), HasSubstr("schema version 2"));
  EXPECT_THAT(broken([](Json& json, Json&) { json["macros"] = Json::array(); }), HasSubstr("'macros' is empty"));
  EXPECT_THAT(broken([](Json& json, Json&) { json["macros"] = 3; }), HasSubstr("'macros' is not a list"));
  EXPECT_THAT(broken([](Json& json, Json&) { json["macros"].push_back(json["macros"][0]); }),
              HasSubstr("'a' is there twice"));
  EXPECT_THAT(broken([](Json&, Json& macro) { macro.erase("parameters"); }), HasSubstr("'parameters' is missing"));
  EXPECT_THAT(broken([](Json&, Json& macro) { macro["parameters"] = Json::object(); }), HasSubstr("names no setting"));
  EXPECT_THAT(broken([](Json&, Json& macro) { macro["components"] = Json::array(); }),
              HasSubstr("'components' is empty"));
  EXPECT_THAT(broken([](Json&, Json& macro) { macro["components"][1] = macro["components"][0]; }),
              HasSubstr("component 'adder trees' is there twice"));
  EXPECT_THAT(broken([](Json&, Json& macro) { macro["components"][0]["component"] = "adder tree"; }),
              HasSubstr("no machine has a component 'adder tree'; did you mean 'adder trees'?"));
  for (const Json& area : {Json(-1), Json(1e10), Json("many"), Json(nullptr)})
    EXPECT_THAT(broken([&](Json&, Json& macro) { macro["components"][0]["gate_equivalents"] = area; }),
                HasSubstr("'gate_equivalents'"))
        << area;
  EXPECT_NE(error_of(Json::array()), "none");
}

TEST_F(SynthesisFile, IsNamedInItsErrors) {
  const auto path = directory_ / "area.json";
  ASSERT_TRUE(write_json_file(path, {{"format", "sparsecim-synthesis"}}));
  const auto read = read_synthesis(path);
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().line(), HasSubstr("area.json: "));
  EXPECT_FALSE(read_synthesis(directory_ / "missing.json"));
}

}  // namespace
}  // namespace sparsecim
