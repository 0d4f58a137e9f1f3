// Attention written into macros, and what decoding repeats, on every shipped machine.

#include <gtest/gtest.h>

#include <set>

#include "hardware/components/memories.hpp"
#include "hardware/machine_fixture.hpp"

namespace sparsecim {
namespace {

constexpr const char* kMachines[] = {"flexcim", "dense-dcim", "sdp", "fixed-2-4", "vegeta"};

MachineDescription attending(const std::string& name) {
  return machine_with(name, {{"weights: on_chip", "weights: on_chip, attention: macros"}});
}

Operation attention(std::int64_t tokens, std::int64_t inputs, std::int64_t outputs, std::int64_t heads,
                    std::int64_t steps = 1) {
  return {.name = "scores",
          .kind = Operation::Kind::kAttention,
          .n_tokens = tokens,
          .n_inputs = inputs,
          .n_outputs = outputs,
          .count = heads * steps,
          .independent = heads};
}

/// The same product with weights, `count` times one after the other.
Operation weighted(const Operation& operation, std::int64_t count) {
  Operation linear = operation;
  linear.kind = Operation::Kind::kLinear;
  linear.count = count;
  linear.independent = 1;
  return linear;
}

TEST(AttentionOnMacros, RunsHeadsSideBySideWhileMacrosLastAndThenInRounds) {
  for (const char* name : kMachines) {
    const auto cycles = [&](const Operation& operation) { return simulated(attending(name), operation).cycles; };
    const Operation one = attention(512, 32, 16, 1);  // a tile on every machine
    EXPECT_EQ(cycles(attention(512, 32, 16, 64)), cycles(weighted(one, 1))) << name;
    EXPECT_EQ(cycles(attention(512, 32, 16, 65)), cycles(weighted(one, 2))) << name;
    EXPECT_EQ(cycles(attention(512, 32, 16, 64, 10)), 10 * cycles(weighted(one, 1)))
        << name << ": what a step writes are results of the step before";
  }
}

/// One decoded token after the other: 8 heads of keys, 4 queries each, of 128 values.
Operation decoding(bool values, std::int64_t keys, std::int64_t steps) {
  Operation operation = attention(4, values ? keys : 128, values ? 128 : keys, 8, steps);
  operation.keys = {.along_inputs = values, .per_step = 1};
  return operation;
}

TEST(AttentionOnMacros, TakesTheCyclesOfAHandCalculationWhileTheContextGrows) {
  const auto cycles = [&](bool values, std::int64_t keys, std::int64_t steps) {
    const std::int64_t closed = simulated(attending("flexcim"), decoding(values, keys, steps)).cycles;
    EXPECT_EQ(simulated(attending("flexcim"), decoding(values, keys, steps), Fidelity::kCycle).cycles, closed);
    return closed;
  };
  // 128 rows are written; the last token's four passes end 4 * 8 cycles after their tile's first multiply, and go
  // through the entry's and the merging tree's registers. Tiles of the next round are written meanwhile.
  constexpr std::int64_t kWrite = 128, kPasses = 4 * 8, kRegisters = 2;
  // 512 keys are 16 tiles of 32 keys x 128 values: four heads side by side on 64 macros, so two rounds. 513 keys are 17
  // tiles: three heads, three rounds.
  const std::int64_t of_512 = 2 * kWrite + kPasses + kRegisters, of_513 = 3 * kWrite + kPasses + kRegisters;
  EXPECT_EQ(cycles(false, 512, 1), of_512);
  EXPECT_EQ(cycles(false, 513, 1), of_513);
  EXPECT_EQ(cycles(false, 510, 3), 3 * of_512);
  EXPECT_EQ(cycles(false, 510, 5), 3 * of_512 + 2 * of_513);
  // P V: four output tiles of 32 values, each of four (513 keys: five) tiles of 128 keys, in as many macros: a sum is
  // joined over three (four) links, each a cycle and a register.
  constexpr std::int64_t kHop = 2;
  EXPECT_EQ(cycles(true, 512, 1), of_512 + 3 * kHop);
  EXPECT_EQ(cycles(true, 511, 3), 2 * (of_512 + 3 * kHop) + of_513 + 4 * kHop);
}

TEST(AttentionOnMacros, CountsTheWritesAndReadsOfAHandCalculation) {
  const Simulation simulation = simulated(attending("flexcim"), decoding(false, 512, 2));
  const auto count = [&](std::string_view component, std::string_view unit) {
    double sum = 0;
    for (const PricedEvent& event : simulation.operations.front().events)
      if (event.component == component && event.cost->unit == unit) sum += event.count;
    return sum;
  };
  constexpr double kHeads = 8, kWords = 128 * 32;
  const double tiles = 16 + 17, keys = 512 + 513;
  // An 8-bit weight and the three position bits of a word.
  EXPECT_DOUBLE_EQ(count("weight load", kWeightWrite.unit), kHeads * tiles * kWords * 11 / 8);
  const double operands = kHeads * keys * 128 * 8, queries = 2 * kHeads * 4 * 128 * 8;
  EXPECT_DOUBLE_EQ(count("activation SRAM", kSramRead.unit), operands + queries);
  EXPECT_DOUBLE_EQ(count("activation SRAM", kSramWrite.unit), kHeads * 4 * keys * 8);
}

/// Products of the same shapes as `operation`, a step each.
Workload step_by_step(const Operation& operation) {
  Workload workload{.name = "steps", .operations = {}};
  for (std::int64_t step = 0; step < operation.steps(); ++step) workload.operations.push_back(operation.step(step));
  return workload;
}

TEST(AttentionOnMacros, OfGrowingKeysIsTheSumOfItsSteps) {
  for (const char* name : kMachines)
    for (const bool values : {false, true})
      for (const std::int64_t positions : {1, 40}) {
        Operation operation = attention(2 * positions, values ? 100 : 64, values ? 64 : 100, 6, 60);
        operation.keys = {.along_inputs = values, .per_step = positions};
        SCOPED_TRACE(fmt::format("{}, {}, {} positions a step", name, values ? "P V" : "Q K^T", positions));
        const MachineDescription machine = attending(name);
        const Simulation whole = simulated(machine, operation);
        const Simulation steps = simulate(step_by_step(operation), machine).value();
        EXPECT_EQ(whole.cycles, steps.cycles);
        EXPECT_EQ(whole.macro_use, steps.macro_use);
        for (const ComponentEnergy& energy : steps.energy) {
          // What trees do, and those behind them, is not linear in the share of ones of a tile that fills up.
          static const std::set<std::string> kAdds = {"adder trees",         "accumulators", "merging",
                                                      "partial-sum entries", "multipliers",  "sums"};
          EXPECT_NEAR(energy_of(whole, energy.component), energy.energy_pj.nominal,
                      (kAdds.contains(energy.component) ? 0.01 : 1e-9) * energy.energy_pj.nominal)
              << energy.component;
        }
      }
}

TEST(AttentionOnMacros, SkipsThePassesOfAPrefillThatSeeNothing) {
  Operation causal = attention(4 * 512, 128, 512, 8);
  causal.keys.per_step = 512;
  Operation all = causal;
  all.keys.per_step = 0;
  const Simulation half = simulated(attending("flexcim"), causal), whole = simulated(attending("flexcim"), all);
  // 16 tiles of 32 keys, of which the first is seen by all 512 positions, the last by 32.
  EXPECT_NEAR(energy_of(half, "adder trees") / energy_of(whole, "adder trees"), 17 / 32.0, 1e-9);
  EXPECT_EQ(energy_of(half, "weight load"), energy_of(whole, "weight load"));
  EXPECT_EQ(half.cycles, whole.cycles) << "macros go through a step together, and the first tile meets every query";
}

TEST(AttentionOnMacros, WritesItsOperandsFromTheActivationsAndUsesNeitherVectorUnitNorWeightMemory) {
  for (const char* name : kMachines) {
    SCOPED_TRACE(name);
    const Operation operation = attention(128, 64, 128, 8);
    const Simulation digital = simulated(machine_with(name), operation), macros = simulated(attending(name), operation);
    EXPECT_GT(energy_of(digital, "vector unit"), 0);
    EXPECT_EQ(energy_of(digital, "weight load"), 0);
    EXPECT_EQ(energy_of(macros, "vector unit"), 0);
    EXPECT_GT(energy_of(macros, "weight load"), 0);
    EXPECT_EQ(energy_of(macros, "weight SRAM"), 0);
    EXPECT_EQ(macros.attention_cycles_share, 0);
    EXPECT_EQ(macros.operations.front().runs_as, Pattern{});
    EXPECT_DOUBLE_EQ(macros.tops_per_watt * macros.energy_pj.nominal, digital.tops_per_watt * digital.energy_pj.nominal)
        << "the same useful operations";
  }
}

TEST(AttentionOnMacros, StreamsNothingFromDram) {
  const auto machine = machine_with("flexcim", {{"weights: on_chip}", "weights: dram, attention: macros}"}});
  const Simulation simulation = simulated(machine, attention(1, 128, 512, 32));
  EXPECT_EQ(energy_of(simulation, "dram"), 0);
  EXPECT_EQ(simulation.operations.front().dram_wait_cycles, 0);
}

TEST(AttentionOnMacros, IsRefusedWhereEveryMacroKeepsItsWeights) {
  const auto machine = parse_machine(
      "mine.yaml", shipped_description("flexcim", {{"weights: on_chip}", "weights: resident, attention: macros}"}}));
  ASSERT_FALSE(machine);
  EXPECT_TRUE(machine.error().line().starts_with("mine.yaml:12:")) << machine.error().line();
  EXPECT_NE(machine.error().line().find("choose system.weights: on_chip or dram"), std::string::npos);
}

TEST(Systems, TakeNoLessTimeForLongerContextsMoreSequencesOrMoreSteps) {
  for (const char* name : kMachines)
    for (const bool on_macros : {false, true}) {
      const MachineDescription machine = on_macros ? attending(name) : machine_with(name);
      std::int64_t before = 0;
      for (const std::int64_t keys : {1, 31, 33, 512, 4096}) {
        const std::int64_t cycles = simulated(machine, attention(4, 128, keys, 8)).cycles;
        EXPECT_GE(cycles, before) << name << ", " << keys << " keys";
        before = cycles;
      }
      EXPECT_GE(simulated(machine, attention(4, 128, 512, 128)).cycles,
                simulated(machine, attention(4, 128, 512, 8)).cycles);
      EXPECT_GT(simulated(machine, attention(4, 128, 512, 8, 3)).cycles,
                simulated(machine, attention(4, 128, 512, 8)).cycles);
    }
}

TEST(Systems, RefuseCountsThatCouldOverflowOnEveryMachine) {
  constexpr std::int64_t kHuge = std::int64_t{1} << 31;
  Operation many_steps = attention(1, 128, 512, 1);
  many_steps.count = kHuge;
  many_steps.n_outputs = kHuge;
  Operation uneven = attention(1, 128, 512, 8);
  uneven.independent = 3;
  const Operation cases[] = {matrix({}, kHuge, kHuge, 2),
                             matrix({}, kHuge + 1, 1, 1),
                             matrix({1, 8}, 1, -5, 1),
                             matrix({}, std::numeric_limits<std::int64_t>::max(), 1, 1),
                             many_steps,
                             uneven};
  for (const char* name : kMachines)
    for (const Operation& operation : cases) {
      const auto refused = simulate(workload_of(operation), attending(name));
      ASSERT_FALSE(refused) << name;
      EXPECT_NE(refused.error().line().find(operation.name), std::string::npos) << refused.error().line();
    }
  const auto slow = machine_with("flexcim", {{"weights: on_chip}", "weights: dram}\ndram: {gb_per_s: 0.001}"}});
  Operation endless = matrix({}, 1, 1 << 20, 1 << 20);
  endless.count = 1 << 12;
  const auto refused = simulate(workload_of(endless), slow);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().line().find("more than can be counted"), std::string::npos) << refused.error().line();
}

}  // namespace
}  // namespace sparsecim
