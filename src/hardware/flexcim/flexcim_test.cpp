#include "hardware/flexcim/flexcim.hpp"

#include <gtest/gtest.h>

#include "hardware/components/gates.hpp"
#include "hardware/machine_fixture.hpp"

namespace sparsecim {
namespace {

std::string pair_select(const std::string& scheme, int columns_per_cycle) {
  return fmt::format("columns_per_cycle: {}\npair_select: {}", columns_per_cycle, scheme);
}

MachineDescription flexcim_with_scheme(const std::string& scheme, int columns_per_cycle = 1) {
  return machine_with("flexcim", {{"pair_select: bitserial_per_cell", pair_select(scheme, columns_per_cycle)}});
}

/// Cycles that each further pass of the same tile costs.
std::int64_t interval(const MachineDescription& machine, Pattern pattern) {
  return simulated(machine, matrix(pattern, 200, 8192, 32)).operations.front().initiation_interval;
}

TEST(Flexcim, TakesMInputsForEveryBlockThatItsRowPositionsHold) {
  const auto inputs = [](Pattern pattern) { return flexcim_inputs_per_pass(128, 4, pattern); };
  EXPECT_EQ(inputs({}), 128);
  for (const Pattern pattern : {Pattern{1, 2}, {2, 4}, {4, 8}}) EXPECT_EQ(inputs(pattern), 256) << pattern.name();
  for (const Pattern pattern : {Pattern{1, 4}, {2, 8}}) EXPECT_EQ(inputs(pattern), 512) << pattern.name();
  EXPECT_EQ(inputs({1, 8}), 1024);
  EXPECT_EQ(inputs({3, 8}), inputs({4, 8}));
  for (int n = 5; n < 8; ++n) EXPECT_EQ(inputs({n, 8}), inputs({})) << n;
}

/// Words of a column filled block after block until the next does not fit.
std::int64_t laid_out_inputs(std::int64_t rows, Pattern pattern) {
  std::int64_t inputs = 0;
  for (std::int64_t used = pattern.n; used <= rows; used += pattern.n) inputs += pattern.m;
  return inputs;
}

TEST(Flexcim, WithAnyNFillsItsRowsWithoutGaps) {
  for (const std::int64_t sub_macros : {1, 2, 4, 8})
    for (int m = 2; m <= 16; m *= 2)
      for (int n = 1; n < m; ++n) {
        EXPECT_EQ(flexcim_inputs_per_pass(128, sub_macros, {n, m}, true), laid_out_inputs(128, {n, m}))
            << n << ":" << m;
        EXPECT_LE(flexcim_inputs_per_pass(128, sub_macros, {n, m}), laid_out_inputs(128, {n, m})) << n << ":" << m;
      }
}

TEST(Flexcim, WithAnyNRunsThreeOfEightFasterThanFourOfEightAndPaysForItInLineRouting) {
  const auto any = machine_with("flexcim", {{"[dense, 1:2, 2:4, 4:8, 1:4, 2:8, 1:8]", "all\nany_n: true"}});
  const Operation three = matrix({3, 8}, 512, 4096, 4096), four = matrix({4, 8}, 512, 4096, 4096);
  EXPECT_LT(static_cast<double>(simulated(any, three).cycles), 0.82 * static_cast<double>(simulated(any, four).cycles));
  EXPECT_EQ(simulated(any, four).cycles, simulated(machine_with("flexcim"), four).cycles);
  const auto routing = [&](const MachineDescription& machine) {
    for (const PricedPart& part : simulated(machine, four).parts)
      if (part.component == "line routing") return part.instances;
    return 0.0;
  };
  EXPECT_EQ(routing(machine_with("flexcim")), 64 * 1024 * 2.0) << "one of blocks of 1, 2 and 4 cells";
  EXPECT_EQ(routing(any), 64 * 1024 * 6.0) << "of 1 to 7";
}

TEST(Flexcim, RunsAllPatternsThatItsSubMacrosHaveMultiplexersFor) {
  const auto names = [](std::int64_t sub_macros, bool any_n) { return to_string(all_patterns(sub_macros, any_n)); };
  EXPECT_EQ(names(1, false), "{dense, 1:2}");
  EXPECT_EQ(names(2, false), "{dense, 1:2, 1:4, 2:4}");
  EXPECT_EQ(names(4, false), "{dense, 1:2, 1:4, 2:4, 1:8, 2:8, 4:8}");
  EXPECT_EQ(all_patterns(8, false).size(), 11u);  // and 1:16, 2:16, 4:16, 8:16
  EXPECT_EQ(names(2, true), "{dense, 1:2, 1:4, 2:4, 3:4}");
  const auto eight =
      machine_with("flexcim", {{"sub_macros: 4", "sub_macros: 8"}, {"[dense, 1:2, 2:4, 4:8, 1:4, 2:8, 1:8]", "all"}});
  EXPECT_EQ(simulated(eight, matrix({8, 16})).operations.front().runs_as, (Pattern{8, 16}));
  EXPECT_EQ(simulated(machine_with("flexcim"), matrix({8, 16})).operations.front().runs_as, Pattern{});
}

/// What is built for choosing inputs, per macro.
double choosing_um2(const MachineDescription& machine) {
  double area = 0;
  for (const PricedPart& part : simulated(machine, matrix({})).parts)
    if (part.component == "pair selection" || part.component == "line routing" || part.component == "position bits" ||
        part.component == "activation lines")
      area += part.area_um2.nominal / 64;
  return area;
}

TEST(Flexcim, IsBuiltForTheLargestMOfItsPatternsSoThatAFixedPatternIsSmaller) {
  EXPECT_LT(choosing_um2(machine_with("fixed-2-4")), 0.45 * choosing_um2(machine_with("flexcim")));
  EXPECT_LT(choosing_um2(machine_with("sdp")), 0.55 * choosing_um2(machine_with("fixed-2-4")));
}

TEST(Flexcim, PartitionsShortenTheClockThatATreeOfAllRowsSets) {
  const double sdp = simulated(machine_with("sdp"), matrix({})).clock_ns;
  const double ours = simulated(machine_with("flexcim"), matrix({})).clock_ns;
  EXPECT_NEAR(sdp / ours, 1.135, 0.005) << "the cell's 8:1 multiplexer takes back part of 3.76 / 3.11 ns = 1.21";
}

TEST(Flexcim, ServingOneColumnACycleTakesThePublishedCyclesPer1024Inputs) {
  const std::pair<Pattern, std::int64_t> published[] = {{{}, 64},     {{2, 4}, 128}, {{4, 8}, 128},
                                                        {{1, 4}, 64}, {{2, 8}, 64},  {{1, 8}, 32}};
  const MachineDescription machine = flexcim_with_scheme("column_pipelined");
  for (const auto& [pattern, cycles] : published)
    EXPECT_EQ(1024 / flexcim_inputs_per_pass(128, 4, pattern) * interval(machine, pattern), cycles) << pattern.name();
}

TEST(Flexcim, ServingFourColumnsACycleHidesThePairsBehindTheMultiplicationAndServingThreeDoesNot) {
  EXPECT_EQ(interval(flexcim_with_scheme("column_pipelined", 4), {4, 8}), 8);
  EXPECT_EQ(interval(flexcim_with_scheme("column_pipelined", 3), {4, 8}), 11);
  EXPECT_EQ(interval(flexcim_with_scheme("column_pipelined", 1), {1, 2}), 8) << "1:2 has nothing to choose";
}

TEST(Flexcim, StallsOneToEightBelow1024BitsACycleAndNotAt1024) {
  const auto at = [](int bits) {
    return machine_with("flexcim", {{"bits_per_cycle: 1024", fmt::format("bits_per_cycle: {}", bits)}});
  };
  EXPECT_EQ(interval(at(1024), {1, 8}), 8);
  EXPECT_EQ(interval(at(1023), {1, 8}), 16) << "a plane of 1024 bits takes two words of its own";
  EXPECT_EQ(interval(at(512), {1, 8}), 16);
  EXPECT_EQ(interval(at(512), {2, 8}), 8) << "half the inputs need half the port";
  EXPECT_EQ(simulated(at(512), matrix({1, 8})).operations.front().bound, "fetch");
}

TEST(Flexcim, InItsDenseModeMultipliesExactlyAsOftenAsDenseDcim) {
  const Operation operation = matrix({});
  const double dense = energy_of(simulated(machine_with("dense-dcim"), operation), "multipliers");
  for (const char* sub_macros : {"sub_macros: 4", "sub_macros: 8", "sub_macros: 16"})
    EXPECT_DOUBLE_EQ(
        energy_of(simulated(machine_with("flexcim", {{"sub_macros: 4", sub_macros}}), operation), "multipliers"), dense)
        << sub_macros;
}

TEST(Flexcim, RunsWhatItLacksAtTheSparsestSupersetAndSaysSo) {
  const Simulation simulation = simulated(machine_with("flexcim"), matrix({3, 8}));
  EXPECT_EQ(simulation.operations.front().runs_as, (Pattern{4, 8}));
  EXPECT_EQ(simulation.cycles, simulated(machine_with("flexcim"), matrix({4, 8})).cycles);
  EXPECT_NE(simulation.notes.front().find("denser pattern"), std::string::npos);
}

TEST(Flexcim, RefusesWhatNoPatternHoldsAndNamesTheRemedy) {
  const auto machine = machine_with("flexcim", {{"[dense, 1:2, 2:4, 4:8, 1:4, 2:8, 1:8]", "[2:4]"}});
  const auto refused = simulate(workload_of(matrix({4, 8})), machine);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().line(),
            "flexcim: up: no pattern of the machine holds 4:8; add dense to the machine's patterns");
}

TEST(Flexcim, WithPlanesPickedByGroupsTakesTheMasksOfSharedPairsAndTheCyclesOfPlanesPickedByCells) {
  const MachineDescription machine = flexcim_with_scheme("bitserial_per_group");
  for (const Pattern pattern : {Pattern{}, {1, 2}, {4, 8}, {1, 8}})
    EXPECT_EQ(interval(machine, pattern), interval(machine_with("flexcim"), pattern)) << pattern.name();
  Operation operation = matrix({2, 4});
  operation.weights = MaskStatistics{.nonzero = 1024 * 384, .one_bits = 1024 * 384 * 4, .most_kept = {2, 2, 4, 8}};
  const auto refused = simulate(workload_of(operation), machine);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().line().find("pair_select bitserial_per_group lets 32 columns choose 2 pairs"),
            std::string::npos)
      << refused.error().line();
}

TEST(Flexcim, TakesAsLongWithSharedAccumulatorsWhichHaveARegisterInFrontInsteadOfOneBehind) {
  for (const char* scheme : {"bitserial_per_cell", "column_pipelined", "shared_pairs", "bitserial_per_group"}) {
    const Operation operation = matrix({4, 8}, 3, 700, 80);
    const std::string shared = std::string(scheme) + "\naccumulators: shared";
    for (const Fidelity fidelity : {Fidelity::kClosedForm, Fidelity::kCycle})
      EXPECT_EQ(simulated(flexcim_with_scheme(scheme), operation, fidelity).cycles,
                simulated(flexcim_with_scheme(shared), operation, fidelity).cycles)
          << scheme;
  }
}

TEST(Flexcim, WithSharedPairsRefusesARealMaskThatWasNotPrunedForIt) {
  const MachineDescription machine = flexcim_with_scheme("shared_pairs");
  Operation operation = matrix({2, 4});
  EXPECT_TRUE(simulate(workload_of(operation), machine));
  operation.weights = MaskStatistics{.nonzero = 1024 * 384, .one_bits = 1024 * 384 * 4, .most_kept = {2, 2, 4, 8}};
  const auto refused = simulate(workload_of(operation), machine);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().line(),
            "flexcim: up: pair_select shared_pairs lets 32 columns choose 2 pairs of 4 inputs between them, and this "
            "mask needs 4; prune with --mask-granularity pairs:32, or choose another pair_select: bitserial_per_cell "
            "takes every mask");
  operation.weights->most_pairs[4] = {2, 2, 4, 8};  // of 32 outputs
  EXPECT_TRUE(simulate(workload_of(operation), machine));
  operation.weights->most_kept = {1, 2, 4, 8};  // 1:2 chooses no pairs
  EXPECT_TRUE(simulate(workload_of(operation), machine));
}

/// What docs/formats/machines.md prints: the macro without its SRAM buffers, the clock, and a 4096 x 4096 matrix at 4:8
/// for 512 tokens.
struct SchemeCost {
  const char* scheme;
  int columns_per_cycle;
  double macro_k_um2, clock_ns, k_cycles, energy_uj;
};

double macro_without_buffers_um2(const Simulation& simulation) {
  double area = 0;
  for (const PricedPart& part : simulation.parts)
    if (part.in_macro && part.component != "activation buffers" && part.component != "partial sums")
      area += part.area_um2.nominal;
  return area / static_cast<double>(simulation.macros);
}

TEST(PairSelection, CostsWhatTheDocumentedTableSays) {
  const SchemeCost table[] = {{"bitserial_per_cell", 1, 319.7, 3.39, 131.2, 1493},
                              {"column_pipelined", 1, 570.5, 3.49, 524.7, 3660},
                              {"column_pipelined", 4, 596.8, 3.49, 131.4, 2014},
                              {"per_column", 1, 731.5, 3.68, 131.2, 1507},
                              {"shared_pairs", 1, 383.9, 3.49, 131.2, 1208},
                              {"bitserial_per_group", 1, 283.1, 3.39, 131.2, 1145},
                              {"bitserial_per_group\naccumulators: shared", 1, 241.8, 2.56, 131.2, 1057}};
  for (const SchemeCost& row : table) {
    SCOPED_TRACE(row.scheme);
    const Simulation simulation =
        simulated(flexcim_with_scheme(row.scheme, row.columns_per_cycle), matrix({4, 8}, 512, 4096, 4096));
    EXPECT_NEAR(macro_without_buffers_um2(simulation) / 1e3, row.macro_k_um2, 0.05);
    EXPECT_NEAR(simulation.clock_ns, row.clock_ns, 0.005);
    EXPECT_NEAR(static_cast<double>(simulation.cycles) / 1e3, row.k_cycles, 0.05);
    EXPECT_NEAR(simulation.energy_pj.nominal / 1e6, row.energy_uj, 0.5);
  }
  const Simulation dense = simulated(machine_with("dense-dcim"), matrix({4, 8}, 512, 4096, 4096));
  EXPECT_NEAR(macro_without_buffers_um2(dense) / 1e3, 221.2, 0.05);
  EXPECT_NEAR(dense.energy_pj.nominal / 1e6, 1438, 0.5);
}

TEST(PairSelection, OfWordsGathersAPassInFrontOfTheRegistersOfItsLines) {
  // 128 rows of blocks of eight words: 8192 bits on the lines, of which eight words of 1024 come from the port, the
  // last of them past seven gathered ones.
  for (const char* scheme : {"column_pipelined", "per_column", "shared_pairs"}) {
    double flip_flops = 0, muxes = 0, routing = 0;
    for (const PricedPart& part : simulated(flexcim_with_scheme(scheme), matrix({})).parts) {
      if (part.component == "line routing") routing += part.instances / 64;
      if (part.component != "activation registers") continue;
      (part.cost == &kFlipFlop ? flip_flops : muxes) += part.instances / 64;
    }
    EXPECT_EQ(flip_flops, 8192 + 7 * 1024) << scheme;
    EXPECT_EQ(muxes, 7 * 1024) << scheme;
    EXPECT_EQ(routing, 8192 * 2) << scheme << ": of blocks of 1, 2 and 4 cells";
  }
}

TEST(PairSelection, ByDefaultBeatsDenseInTimeAtEverySparsityAndInEnergyWhereFewCellsShareABlock) {
  const MachineDescription flexcim = machine_with("flexcim"), dense = machine_with("dense-dcim");
  const auto energy_ratio = [&](Pattern pattern) {
    const Operation operation = matrix(pattern, 512, 4096, 4096);
    const Simulation ours = simulated(flexcim, operation), theirs = simulated(dense, operation);
    EXPECT_LT(ours.latency_ns, theirs.latency_ns / 2.2) << pattern.name();
    return ours.energy_pj.nominal / theirs.energy_pj.nominal;
  };
  for (const Pattern pattern : {Pattern{1, 2}, {2, 4}, {1, 4}, {2, 8}, {1, 8}}) EXPECT_LT(energy_ratio(pattern), 0.9);
  EXPECT_NEAR(energy_ratio({4, 8}), 1.04, 0.02) << "its eight lines are driven to the rows of four cells";
}

TEST(PairSelection, ByDefaultIsCheaperThanUnitsPerColumnWherePlanesChangeAsLittleAsMeasured) {
  Operation operation = matrix({4, 8}, 512, 4096, 4096);
  operation.activity.activation_toggle = operation.activity.held_toggle = 0.28;
  const auto energy_uj = [&](const MachineDescription& machine) {
    return simulated(machine, operation).energy_pj.nominal / 1e6;
  };
  EXPECT_NEAR(energy_uj(machine_with("flexcim")), 1132, 0.5);
  EXPECT_NEAR(energy_uj(flexcim_with_scheme("per_column")), 1288, 0.5);
  EXPECT_NEAR(energy_uj(machine_with("dense-dcim")), 1167, 0.5);
}

TEST(PairSelection, LatchesOfAnOperandPerCellCostWhatTheGateModelSays) {
  // 128 x 32 cells of seven flip-flops, which keep the bits behind the sign, a 2:1 multiplexer in front of each, for
  // the word or the bit before, and one for the bit that is multiplied. Here half of them change in a cycle.
  const Simulation simulation = simulated(flexcim_with_scheme("column_pipelined", 4), matrix({4, 8}, 512, 4096, 4096));
  double area_um2 = 0;
  for (const PricedPart& part : simulation.parts)
    if (part.component == "operand latches") area_um2 += part.area_um2.nominal / 64;
  const double cells = 128 * 32;
  EXPECT_NEAR(area_um2, cells * (7 * 6 + 8 * 2.33) * 0.614, 100);
  const double macro_cycles = 64 * 16.0 * 128 * 512 * 8 / 64;  // 16 x 128 tiles, 512 tokens, 8 cycles
  EXPECT_NEAR(energy_of(simulation, "operand latches") / macro_cycles,
              cells * 0.5 * (7 * 1.134e-3 + 8 * 1.5 * 0.567e-3), 0.1);
}

}  // namespace
}  // namespace sparsecim
