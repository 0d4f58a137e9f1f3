#include "hardware/comparison.hpp"

#include <gtest/gtest.h>

#include "base/file.hpp"
#include "hardware/machine_fixture.hpp"

namespace sparsecim {
namespace {

Workload a_matrix(Pattern pattern = {2, 8}) { return workload_of(matrix(pattern, 512, 4096, 4096)); }

std::vector<ComparedMachine> compared(const Comparison& comparison, Pattern pattern = {2, 8}) {
  return compare(a_matrix(pattern), comparison).value();
}

Setting with(const std::string& text) { return setting_from_text("--set", text).value(); }

TEST(Comparison, OfEveryShippedFileRuns) {
  const auto names = comparison_names();
  EXPECT_GE(names.size(), 5u);
  for (const std::string& name : names) EXPECT_TRUE(compare(a_matrix(), read_comparison(name).value())) << name;
}

TEST(Comparison, AtEqualMultipliersGivesEveryMachineTheSameAndRefusesAnythingElse) {
  Comparison comparison = read_comparison("iso-multiplier").value();
  for (const ComparedMachine& machine : compared(comparison))
    EXPECT_EQ(machine.simulation.multiplies_per_cycle, 64 * 4096 / 8.0) << machine.machine;
  comparison.vary = {with("system.macros=64,32")};
  const auto refused = compare(a_matrix(), comparison);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().line(),
            "flexcim (32) multiplies 16384 times a cycle, flexcim 32768 times; change its system.macros, or compare at "
            "equal: macro_area or nothing");
  comparison.equal = Equal::kNothing;
  EXPECT_TRUE(compare(a_matrix(), comparison));
}

TEST(Comparison, AtEqualAreaGivesAsManyMacrosAsFitAndNotOneMore) {
  const auto machines = compared(read_comparison("iso-area").value());
  const double area = machines.front().simulation.macro_area_um2.nominal * 64;
  for (const ComparedMachine& machine : machines) {
    const auto macros = static_cast<double>(machine.simulation.macros);
    EXPECT_LE(macros * machine.simulation.macro_area_um2.nominal, area * (1 + 1e-12)) << machine.machine;
    EXPECT_GT((macros + 1) * machine.simulation.macro_area_um2.nominal, area) << machine.machine;
  }
  EXPECT_GT(machines[1].simulation.macros, 64) << "a dense macro is smaller";
}

TEST(Comparison, RunsTheSparsestLegalSupersetOnEveryMachineAndSaysWhich) {
  const std::pair<const char*, Pattern> expected[] = {
      {"flexcim", {2, 8}}, {"dense-dcim", {}}, {"sdp", {}}, {"fixed-2-4", {2, 4}}, {"vegeta", {2, 4}}};
  const auto machines = compared(read_comparison("iso-multiplier").value());
  ASSERT_EQ(machines.size(), std::size(expected));
  for (std::size_t i = 0; i < machines.size(); ++i) {
    EXPECT_EQ(machines[i].machine, expected[i].first);
    EXPECT_EQ(machines[i].runs_as, (std::map<Pattern, std::int64_t>{{expected[i].second, 1}})) << machines[i].machine;
  }
  std::vector<Pattern> by_partitions;
  for (const ComparedMachine& machine : compared(read_comparison("partitions").value(), {4, 8}))
    if (machine.machine == "flexcim") by_partitions.push_back(machine.runs_as.begin()->first);
  EXPECT_EQ(by_partitions, (std::vector<Pattern>{{}, {}, {4, 8}, {4, 8}})) << "P of 1 and 2 lack M of 8";
}

TEST(Comparison, QuotesTheRivalThatFlattersLeastAndNeverAVariationOfItsOwn) {
  const auto machines = compared(read_comparison("iso-multiplier").value());
  for (const auto ratio : {&Ratios::cycles, &Ratios::latency, &Ratios::energy}) {
    double least = 1e9;
    for (const ComparedMachine& machine : machines)
      if (machine.machine != "flexcim") least = std::min(least, ratios_of(machines.front(), machine).*ratio);
    EXPECT_EQ(ratios_of(machines.front(), *least_flattering(machines, ratio)).*ratio, least);
  }
  const auto alone = compared({.machines = {"flexcim"}, .set = {}, .vary = {with("sub_macros=4,8")}});
  EXPECT_EQ(least_flattering(alone, &Ratios::energy), nullptr);
}

TEST(Comparison, VariesTheFirstMachineByEveryCombination) {
  const Comparison comparison{.machines = {"flexcim", "dense-dcim"},
                              .set = {with("system.weights=resident")},
                              .vary = {with("sub_macros=4,8"), with("pair_select=per_column,bitserial_per_cell")}};
  const auto machines = compared(comparison);
  ASSERT_EQ(machines.size(), 5u);
  EXPECT_EQ(varied_text(machines[1]), "4 bitserial_per_cell");
  EXPECT_EQ(varied_text(machines[2]), "8 per_column");
  EXPECT_EQ(varied_text(machines[4]), "");
  for (const ComparedMachine& machine : machines)
    EXPECT_EQ(machine.simulation.parameters["system.weights"], "resident") << machine.machine;
}

/// Refused before they are made: a small file can ask for any number of them.
TEST(Comparison, OfMoreCombinationsThanAnybodyReadsIsRefused) {
  Setting many = with("sub_macros=4,8"), more = with("columns_per_cycle=1,2");
  many.values.assign(1000, "4");
  more.values.assign(20'000, "1");
  const auto refused = compare(a_matrix(), {.machines = {"flexcim"}, .vary = {many, more}});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().line().find("more than 1000 combinations; vary less"), std::string::npos);
}

TEST(Comparison, ThatVariesOneKeyTwiceIsRefused) {
  const auto refused =
      compare(a_matrix(), {.machines = {"flexcim"}, .vary = {with("sub_macros=4"), with("sub_macros=8")}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().line(), "--set sub_macros=4: 'sub_macros' is varied twice; list its values once");
}

TEST(Comparison, WithResidentWeightsTakesTheSameCyclesOnMacrosOfAllPatterns) {
  Comparison comparison = read_comparison("iso-multiplier").value();
  comparison.machines = {"flexcim", "fixed-2-4"};
  comparison.set = {with("system.weights=resident")};
  const auto machines = compared(comparison);
  // But for the fill: a row of one block more or less in front of the first token.
  const auto cycles = [&](std::size_t i) { return static_cast<double>(machines[i].simulation.cycles); };
  EXPECT_NEAR(cycles(0) / cycles(1), 1, 0.01);
  EXPECT_EQ(2 * machines[0].simulation.macros, machines[1].simulation.macros);
}

std::string error_of_file(const std::string& text) {
  const auto path = std::filesystem::path(testing::TempDir()) / "mine.comparison.yaml";
  EXPECT_TRUE(write_text_file(path, text));
  const auto comparison = read_comparison(path.string());
  if (comparison) {
    const auto machines = compare(a_matrix(), *comparison);
    return machines ? "" : machines.error().line();
  }
  return comparison.error().line();
}

TEST(Comparison, ThatIsWrongIsRefusedWithTheLineOfTheMistake) {
  const std::pair<const char*, const char*> cases[] = {
      {"machines: [flexcim]\n", "'equal' is missing"},
      {"equal: area\nmachines: [flexcim]\n", "1:1: 'equal' is 'area'; allowed: multipliers | macro_area | nothing"},
      {"equal: nothing\nmachines: []\n", "2:1: 'machines' is empty"},
      {"equal: nothing\nmachines: [flexcim]\nmachine: sdp\n", "3:1: unknown key 'machine'; the nearest is 'machines'"},
      {"equal: nothing\nequal: nothing\n", "2:1: 'equal' is given twice"},
      {"equal: nothing\nmachines: [flexcin]\n", "no machine 'flexcin'"},
      {"equal: nothing\nmachines: [flexcim]\nset: {rows: 64}\n", "3:7: unknown key 'rows'"},
      {"equal: nothing\nmachines: [flexcim]\nvary: {sub_macros: [4, 3]}\n", "3:8: sub_macros: 3 does not divide"},
      {"equal: nothing\nmachines: [flexcim]\nvary: {sub_macros: []}\n", "3:8: 'sub_macros' has no value"},
      {"equal: nothing\nmachines: [flexcim]\nset: {sub_macros: []}\n", "sub_macros"},
      {"equal: nothing\nmachines: [flexcim, dense-dcim]\nset: {sub_macros: 2}\n", "patterns: 4:8 needs 4 pairs"},
      {"equal: macro_area\nmachines: [flexcim, dense-dcim]\nset: {partial_sums.kib: 3}\n", "3 is no multiple"}};
  for (const auto& [text, expected] : cases)
    EXPECT_NE(error_of_file(text).find(expected), std::string::npos) << text << error_of_file(text);
}

TEST(SettingFromText, TakesAValueOrAList) {
  EXPECT_EQ(with("sub_macros=2").values, (std::vector<std::string>{"2"}));
  EXPECT_FALSE(with("sub_macros=2").list);
  EXPECT_EQ(with("patterns=dense,2:4").values, (std::vector<std::string>{"dense", "2:4"}));
  EXPECT_EQ(with("patterns=[dense, 2:4]").values, with("patterns=dense,2:4").values);
  for (const char* wrong : {"", "=", "a=", "=b", "sub_macros", "a={b: c}", "a=[[1]]", "a=[1", "a=b\nc: d", "a=,"}) {
    const auto refused = setting_from_text("--set", wrong);
    ASSERT_FALSE(refused) << wrong;
    EXPECT_EQ(refused.error().remedy, "write KEY=VALUE, as system.weights=dram") << wrong;
  }
}

}  // namespace
}  // namespace sparsecim
