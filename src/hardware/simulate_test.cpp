#include "hardware/simulate.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "hardware/components/gates.hpp"
#include "hardware/components/node.hpp"
#include "hardware/machine_fixture.hpp"

namespace sparsecim {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const MachineDescription kFlexcim = open_machine("flexcim").value();
const MachineDescription kDenseDcim = open_machine("dense-dcim").value();

TEST(Simulate, TakesTheTimeOfThePassesOnEqualMacros) {
  // Dense: 8 x 24 tiles on 64 macros, 3 each, 512 tokens of 8 cycles; 1:8 has one eighth of the input tiles.
  // The sums of an output's 8 tiles add up in a macro's SRAM (8 cycles, 2 registers) and on the way through 3 macros.
  const std::int64_t first_load = 128, entry = 1, merge = 1, sums = 8 + 2, links = 3 * (1 + 1);
  EXPECT_EQ(simulated(kDenseDcim, matrix({})).cycles, first_load + 3 * 512 * 8 + entry + sums + links);
  EXPECT_EQ(simulated(kFlexcim, matrix({1, 8})).cycles, first_load + 512 * 8 + entry + merge);
}

TEST(Simulate, GivesTheSameFiguresInEveryFormItReturns) {
  const Simulation simulation = simulated(kFlexcim, matrix({2, 4}));
  const Json json = to_json(simulation);
  EXPECT_EQ(json["cycles"], simulation.cycles);
  EXPECT_DOUBLE_EQ(json["latency_ns"], static_cast<double>(simulation.cycles) * simulation.clock_ns);
  Band sum;
  for (const ComponentEnergy& component : simulation.energy) sum += component.energy_pj;
  EXPECT_DOUBLE_EQ(json["energy_pj"], sum.nominal);
  EXPECT_LT(json["energy_pj_low"], json["energy_pj"]);
  EXPECT_GT(json["energy_pj_high"], json["energy_pj"]);
}

TEST(Simulate, RefusesMonarchFactorsOnMachinesThatRunOnlyWholeMatrices) {
  Workload workload = workload_of(matrix({}));
  Operation& operation = workload.operations.front();
  operation.monarch = monarch_of_blocks(operation.n_outputs, operation.n_inputs, 4).value();
  for (const MachineDescription& machine : {kFlexcim, kDenseDcim})
    EXPECT_THAT(simulate(workload, machine).error().line(),
                AllOf(HasSubstr("is stored as Monarch factors, which this machine does not run; use --arch analog"),
                      HasSubstr(operation.name)));
  operation.monarch->n_out -= 1;
  EXPECT_THAT(validate(workload).error().line(), HasSubstr("Monarch factors of a"));
  operation.monarch = monarch_of_squares(operation.n_outputs, operation.n_inputs).value();
  operation.pattern = {2, 4};
  EXPECT_FALSE(validate(workload));
}

// What a closed form does depends on the operations and the macros, not on the tokens: tools/benchmark times it.
TEST(Simulate, DoesNoMoreForManyTokensThanForFew) {
  const Simulation few = simulate(llama_3_8b(64), kFlexcim).value(),
                   many = simulate(llama_3_8b(4096), kFlexcim).value();
  EXPECT_GT(many.cycles, 32 * few.cycles);
  EXPECT_EQ(many.operations.size(), few.operations.size());
  EXPECT_EQ(many.timeline.size(), few.timeline.size());
}

TEST(Simulate, EveryBandHoldsItsNominalAndEveryFigureItsSum) {
  for (const MachineDescription& machine : {kFlexcim, kDenseDcim}) {
    Workload workload = llama_3_8b(64);
    workload.operations.resize(18);  // two blocks
    const Simulation simulation = simulate(workload, machine).value();
    const auto expect_band = [](const Band& band) {
      EXPECT_LE(band.low, band.nominal);
      EXPECT_LE(band.nominal, band.high);
      EXPECT_GE(band.low, 0);
    };
    Band operations, components, area;
    for (const SimulatedOperation& operation : simulation.operations) {
      expect_band(operation.energy_pj);
      operations += operation.energy_pj;
    }
    for (const ComponentEnergy& component : simulation.energy) components += component.energy_pj;
    for (const PricedPart& part : simulation.parts) area += part.area_um2;
    EXPECT_NEAR(components.nominal / simulation.energy_pj.nominal, 1, 1e-12);
    EXPECT_NEAR(operations.nominal / simulation.energy_pj.nominal, 1, 1e-12);
    EXPECT_NEAR(area.nominal / simulation.area_um2.nominal, 1, 1e-12);
    EXPECT_LE(simulation.utilization, 1);
  }
}

TEST(Simulate, BandsAreAsWideAsTheErrorsOfTheModelsBehindThem) {
  const Simulation simulation = simulated(kDenseDcim, matrix({}));
  EXPECT_NEAR(simulation.latency_ns_low / simulation.latency_ns, 1 - 0.167, 1e-9);
  EXPECT_NEAR(simulation.latency_ns_high / simulation.latency_ns, 1 + 0.167, 1e-9);
  for (const PricedPart& part : simulation.parts) {
    const auto& [low, nominal, high] = part.area_um2;
    if (part.component == "adder trees") {
      EXPECT_NEAR(low / nominal, 0.77, 1e-9);
      EXPECT_NEAR(high / nominal, 1.23, 1e-9);
    }
    if (part.component != "weight SRAM") continue;
    EXPECT_NEAR(low / part.instances, 0.16, 1e-9);
    EXPECT_NEAR((high - nominal) / part.instances, 0.25 - 0.16, 1e-9);
  }
}

TEST(Simulate, SaysWhatItAssumedAboutActivations) {
  Operation operation = matrix({});
  EXPECT_THAT(simulated(kFlexcim, operation).notes,
              Contains("activations: half of the bits are assumed to change between bit planes (not measured)"));
  operation.activity.activation_toggle = 0.2;
  const Simulation quiet = simulated(kFlexcim, operation);
  EXPECT_THAT(quiet.notes,
              Contains("activations: 20 % of the bits are assumed to change between bit planes (not measured)"));
  EXPECT_DOUBLE_EQ(to_json(quiet)["activation_toggle"].get<double>(), 0.2);
}

TEST(Simulate, SaysWhereAChipIsTooLargeForOneAndWhatLeaks) {
  const Workload workload = llama_3_8b(64);
  const Simulation on_chip = simulate(workload, kFlexcim).value();
  ASSERT_GT(on_chip.area_um2.nominal, 858e6);
  EXPECT_THAT(on_chip.notes, Contains(fmt::format("{:.0f} mm2 are more than one reticle (858 mm2): several chips",
                                                  on_chip.area_um2.nominal / 1e6)));
  const auto resident = machine_with("flexcim", {{"weights: on_chip", "weights: resident"}});
  EXPECT_THAT(simulate(workload, resident).value().notes, Contains(StartsWith("leakage takes ")));
  for (const std::string& note : simulated(kFlexcim, matrix({})).notes) {
    EXPECT_EQ(note.find("reticle"), std::string::npos);
    EXPECT_EQ(note.find("leakage"), std::string::npos);
  }
}

TEST(Simulate, FewerNonZeroWeightsCostLessOnEveryMachine) {
  for (const MachineDescription& machine : {kFlexcim, kDenseDcim}) {
    double before = 0;
    for (const std::int64_t nonzero : {0, 1000, 100000, 393216, 786432}) {
      Operation operation = matrix({});
      operation.weights = MaskStatistics{.nonzero = nonzero, .one_bits = 4 * nonzero};
      const double energy_pj = simulated(machine, operation).energy_pj.nominal;
      EXPECT_GT(energy_pj, before) << machine.name << ", " << nonzero;
      before = energy_pj;
    }
  }
}

TEST(Simulate, HalfZeroWeightsNeverCostWhatDenseOnesDo) {
  const double dense = simulated(kDenseDcim, matrix({})).energy_pj.nominal;
  const double half_zero = simulated(kDenseDcim, matrix({2, 4})).energy_pj.nominal;
  EXPECT_LT(half_zero, 0.9 * dense) << "the zeros' products do not change";
  EXPECT_GT(half_zero, 0.5 * dense) << "but their cells, lines and loading are there";
}

TEST(Simulate, ChangingBitsAndOneBitsArePaidFor) {
  Operation quiet = matrix({2, 4}), busy = matrix({2, 4});
  quiet.activity.activation_toggle = 0.1;
  EXPECT_LT(simulated(kFlexcim, quiet).energy_pj.nominal, simulated(kFlexcim, busy).energy_pj.nominal);
  Operation few_ones = busy;
  few_ones.activity.weight_ones = 0.2;
  EXPECT_LT(energy_of(simulated(kFlexcim, few_ones), "adder trees"),
            energy_of(simulated(kFlexcim, busy), "adder trees"));
  EXPECT_EQ(energy_of(simulated(kFlexcim, few_ones), "multipliers"),
            energy_of(simulated(kFlexcim, busy), "multipliers"))
      << "their activation inputs change whatever the weights are";
}

TEST(Simulate, GivesTheHandComputedFiguresOfOneTokenThroughOneTile) {
  // dense-dcim, one tile of 128 x 32, one token: loaded in 128 cycles, then eight planes, one register; the fetch
  // hides.
  Operation operation = matrix({}, 1, 128, 32);
  const Simulation simulation = simulated(kDenseDcim, operation);
  EXPECT_EQ(simulation.cycles, 128 + 9);
  EXPECT_NEAR(simulation.clock_ns, 3.757, 0.001);
  // 4096 weights of 8 bits, at each of which half of the activation bits change, over 8 planes; 0.2835 fJ.
  EXPECT_NEAR(energy_of(simulation, "multipliers"), 4096 * 8 * 0.5 * 8 * 0.2835e-3, 1e-9);
  // A line per row passes 32 columns of eight cells of 0.35 fF.
  EXPECT_NEAR(energy_of(simulation, "activation lines"), 128 * 0.5 * 8 * (32 * 8 * 0.35 * 0.81 + 1.134) * 1e-3, 1e-9);
  // 32 columns, 23 bits, 8 planes: added at 1.3 of full switching, 0.37 of the bits stored anew, 0.31 of an XOR.
  EXPECT_NEAR(energy_of(simulation, "accumulators"), 32 * 23 * 8 * (1.3 * 3.402 + 0.37 * 1.134 + 0.31 * 0.8505) * 1e-3,
              0.5);
  // 128 words of 32 columns written, and read from the on-chip SRAM at 812.5 fJ per bit x (0.9/0.8)^2.
  EXPECT_NEAR(energy_of(simulation, "weight load"), 128 * 32 * 0.095, 1e-9);
  EXPECT_NEAR(energy_of(simulation, "weight SRAM"), 128 * 32 * 8 * 0.8125 * 1.265625, 1e-6);
  EXPECT_EQ(energy_of(simulation, "partial sums"), 0);
  // 4096 useful multiplies in 137 cycles of 64 macros.
  EXPECT_NEAR(simulation.utilization, 4096.0 * 8 / (64.0 * 4096 * 137), 1e-12);
}

TEST(Simulate, CountsOnlyNonZeroWeightsAsOperationsOfTopsPerWatt) {
  const Simulation simulation = simulated(kFlexcim, matrix({2, 8}));
  const double dense_operations = 2.0 * 512 * 1024 * 768;
  EXPECT_NEAR(simulation.tops_per_watt * simulation.energy_pj.nominal, dense_operations / 4, 1);
  EXPECT_NEAR(simulation.dense_equivalent_tops_per_watt, 4 * simulation.tops_per_watt, 1e-9);
}

TEST(Simulate, ComparesMachinesAtEqualMultipliersAndEqualSystems) {
  Json flexcim = kFlexcim.machine->parameters(), dense = kDenseDcim.machine->parameters();
  for (const auto& [key, value] : dense.items()) EXPECT_EQ(flexcim[key], value) << key;
  EXPECT_EQ(simulated(kFlexcim, matrix({})).macros, simulated(kDenseDcim, matrix({})).macros);
}

TEST(Simulate, LoadsWeightsAgainForTokensThatThePartialSumsHaveNoRoomFor) {
  const auto loads = [](std::int64_t tokens) {
    return energy_of(simulated(kDenseDcim, matrix({}, tokens, 1024, 768)), "weight SRAM");
  };
  EXPECT_DOUBLE_EQ(loads(512), loads(1));  // 64 KiB hold 512 tokens' sums of 32 outputs
  EXPECT_DOUBLE_EQ(loads(513), 2 * loads(512));
}

TEST(Simulate, TakesNoMoreForOneTokenTooManyForThePartialSumsThanThatTokensPasses) {
  const auto cycles = [](std::int64_t tokens) { return simulated(kDenseDcim, matrix({}, tokens, 1024, 768)).cycles; };
  EXPECT_EQ(cycles(513), cycles(512) + 3 * 8);  // 257 and 256 tokens, on 3 tiles in each macro
}

TEST(Simulate, IsBoundByLoadingUntilSixteenTokensShareATile) {
  const auto bound = [](std::int64_t tokens) {
    return simulated(kDenseDcim, matrix({}, tokens, 4096, 4096)).operations.front().bound;
  };
  EXPECT_EQ(bound(15), "weight load");  // 15 x 8 cycles are less than the 128 rows to load
  EXPECT_EQ(bound(16), "multiply");
}

TEST(Simulate, WithResidentWeightsTakesTheSameTimeForEveryPatternButForTheWayOfTheSums) {
  const auto resident = machine_with("flexcim", {{"weights: on_chip", "weights: resident"}});
  const Simulation dense = simulated(resident, matrix({})), sparse = simulated(resident, matrix({1, 8}));
  EXPECT_EQ(dense.macros, 8 * 24);
  EXPECT_EQ(sparse.macros, 24);
  EXPECT_EQ(sparse.cycles, 511 * 8 + 1 + 8 + 2);
  EXPECT_EQ(dense.cycles, sparse.cycles + 7 * (1 + 1)) << "an output's sums go through 8 macros";
  EXPECT_LT(sparse.area_um2.nominal, dense.area_um2.nominal);
  EXPECT_EQ(energy_of(sparse, "weight SRAM"), 0);
}

TEST(Simulate, DecodingFromDramTakesTheTimeOfTheStreamAndSaysSo) {
  const auto with_dram = [](const std::string& gb_per_s) {
    return machine_with("flexcim",
                        {{"weights: on_chip", "weights: dram"},
                         {"machine: flexcim", "machine: flexcim\ndram: {kind: hbm3, gb_per_s: " + gb_per_s + "}"}});
  };
  Operation token = matrix({2, 4}, 1, 4096, 4096);
  const Simulation slow = simulated(with_dram("51.2"), token);
  const double stored_bytes = 4096.0 * 2048 * 10 / 8;  // 8-bit weights with 2 position bits
  EXPECT_NEAR(slow.latency_ns, stored_bytes / 51.2, 0.01 * slow.latency_ns);
  EXPECT_EQ(slow.operations.front().bound, "dram");
  EXPECT_NEAR(energy_of(slow, "dram"), stored_bytes * 8 * 4.05, 1);
  // The 16 x 128 tiles are loaded and used in this many of the cycles; in the others the macros wait.
  const std::int64_t needed = simulated(kFlexcim, token).cycles;
  EXPECT_EQ(slow.operations.front().dram_wait_cycles, slow.operations.front().cycles - needed);
  const double share = 100.0 * static_cast<double>(slow.operations.front().dram_wait_cycles);
  EXPECT_THAT(slow.notes, Contains(fmt::format("DRAM-bound: in {:.0f} % of the time the macros only wait for weights",
                                               share / static_cast<double>(slow.cycles))));
  EXPECT_LT(slow.latency_ns_high, 1.01 * slow.latency_ns) << "slower gates do not slow the DRAM";
  const Simulation fast = simulated(with_dram("1000000"), token);
  EXPECT_EQ(fast.operations.front().dram_wait_cycles, 0);
  EXPECT_EQ(fast.operations.front().bound, "weight load");
  EXPECT_EQ(fast.cycles, simulated(kFlexcim, token).cycles);
  token.count = 10;
  EXPECT_NEAR(simulated(with_dram("51.2"), token).latency_ns, 10 * stored_bytes / 51.2, 0.01 * 10 * slow.latency_ns);
}

TEST(Simulate, ASmallerNodeIsSmallerFasterAndCheaper) {
  const Simulation at_28 = simulated(kFlexcim, matrix({2, 4}));
  const Simulation at_7 = simulated(machine_with("flexcim", {{"node_nm: 28", "node_nm: 7"}}), matrix({2, 4}));
  EXPECT_EQ(at_7.cycles, at_28.cycles);
  EXPECT_NEAR(at_7.clock_ns, at_28.clock_ns / 4, 1e-12);
  EXPECT_LT(at_7.energy_pj.nominal, at_28.energy_pj.nominal / 3);
  EXPECT_LT(at_7.area_um2.nominal, at_28.area_um2.nominal / 5);
}

TEST(Simulate, AttentionGoesToTheVectorUnitAndIsNotUsefulWorkOfTheMacros) {
  Workload workload = workload_of(matrix({}, 64));
  workload.operations.push_back({.name = "qk",
                                 .kind = Operation::Kind::kAttention,
                                 .n_tokens = 64,
                                 .n_inputs = 128,
                                 .n_outputs = 64,
                                 .count = 8});
  const Simulation with = simulate(workload, kDenseDcim).value(), without = simulated(kDenseDcim, matrix({}, 64));
  EXPECT_EQ(with.cycles, without.cycles + 64 * 128 * 64 * 8 / 4096);
  EXPECT_LT(with.utilization, without.utilization);
  EXPECT_GT(energy_of(with, "vector unit"), 0);
  EXPECT_EQ(with.operations.back().bound, "vector unit");
  EXPECT_DOUBLE_EQ(with.attention_cycles_share,
                   1 - static_cast<double>(without.cycles) / static_cast<double>(with.cycles));
  EXPECT_NEAR(with.macro_utilization, without.utilization, 1e-12);
  EXPECT_EQ(without.macro_utilization, without.utilization);
  workload.operations.back().count = 1000;
  EXPECT_THAT(simulate(workload, kDenseDcim).value().notes, Contains(StartsWith("attention takes ")));
}

TEST(Simulate, SizesTheActivationSramForWhatIsAliveAtOnce) {
  Operation first = matrix({}), second = matrix({}, 512, 1024, 512);
  second.held_values = 512 * 1000;
  const auto bits = [](const std::vector<Operation>& operations) {
    const Simulation simulation =
        simulate({.name = "two", .n_tokens = 512, .operations = operations}, kFlexcim).value();
    for (const PricedPart& part : simulation.parts)
      if (part.component == "activation SRAM") return part.instances;
    return 0.0;
  };
  EXPECT_EQ(bits({first}), 8 * 512 * (1024 + 768));
  EXPECT_EQ(bits({first, second}), 8 * 512 * (1024 + 512 + 1000)) << "held beside inputs and outputs";
  EXPECT_FALSE(simulate({.name = "w", .operations = {{.name = "up", .held_values = -1}}}, kFlexcim));
}

TEST(Simulate, ChangingPlanesAtRestAndPlanesHeldAreNotPaidFor) {
  Operation operation = matrix({2, 4});
  const MachineDescription hold = machine_with("flexcim", {{"weight_bits: 8,", "weight_bits: 8, zero_planes: hold,"}});
  const Simulation all = simulated(kFlexcim, operation);
  // Half of the planes are all zeros, and as many again follow each other: small positive activations.
  operation.activity = {.activation_toggle = 0.25, .held_toggle = 0.2, .zero_planes = 0.5, .idle_planes = 0.375};
  const Simulation some = simulated(kFlexcim, operation), held = simulated(hold, operation);
  EXPECT_LT(energy_of(some, "adder trees"), 0.7 * energy_of(all, "adder trees"));
  EXPECT_LT(energy_of(held, "adder trees"), energy_of(some, "adder trees"));
  EXPECT_LT(energy_of(held, "activation lines"), energy_of(some, "activation lines"));
  EXPECT_GT(energy_of(held, "zero-plane detection"), 0);
  EXPECT_EQ(energy_of(some, "zero-plane detection"), 0);
  EXPECT_GT(held.macro_area_um2.nominal, some.macro_area_um2.nominal);
  EXPECT_GT(held.clock_ns, some.clock_ns) << "a gate more before the accumulator";
  operation.activity = {.activation_toggle = 0, .held_toggle = 0, .zero_planes = 1, .idle_planes = 1};
  const Simulation silent = simulated(kFlexcim, operation);
  for (const char* component : {"adder trees", "multipliers", "activation lines", "pair selection"})
    EXPECT_EQ(energy_of(silent, component), 0) << component;
  operation.activity.idle_planes = 0.5;
  operation.activity.zero_planes = 0.4;
  EXPECT_FALSE(simulate(workload_of(operation), kFlexcim)) << "more idle planes than zero planes";
}

TEST(Simulate, CitesASourceForEveryConstantItUsed) {
  const Simulation simulation = simulated(kFlexcim, matrix({2, 4}));
  std::set<std::string> names;
  for (const UsedConstant& constant : simulation.constants) {
    EXPECT_GT(constant.source.size(), 20u) << constant.name;
    names.insert(constant.name);
  }
  for (const char* name : {"full adder", "NOR multiplier", "6T cell", "on-chip SRAM", "link", "leakage of logic"})
    EXPECT_TRUE(names.contains(name)) << name;
}

TEST(Simulate, WritesTheKeysOfTheContractAsPlainNumbers) {
  const Json json = to_json(simulated(kFlexcim, matrix({2, 4})));
  for (const char* key : {"latency_ns", "cycles", "energy_pj", "area_um2", "utilization", "tops_per_watt",
                          "energy_pj_low", "energy_pj_high", "area_um2_low", "area_um2_high", "latency_ns_low",
                          "latency_ns_high", "macro_utilization", "activation_toggle"}) {
    ASSERT_TRUE(json.contains(key)) << key;
    EXPECT_TRUE(json[key].is_number()) << key;
    EXPECT_GT(json[key].get<double>(), 0) << key;
  }
  EXPECT_EQ(json["parameters"]["sub_macros"], 4);
  EXPECT_EQ(json["parameters"]["pair_select"], "bitserial_per_cell");
  EXPECT_EQ(json["operations"][0]["runs_as"], "2:4");
}

TEST(Simulate, RefusesWhatCannotBeCounted) {
  EXPECT_FALSE(simulate(Workload{.name = "empty"}, kFlexcim));
  Operation huge = matrix({2, 4}, 1 << 20, 1 << 20, 1 << 13);
  EXPECT_TRUE(simulate(workload_of(huge), kFlexcim)) << "2^53 multiply-accumulates";
  huge.count = 2;
  EXPECT_FALSE(simulate(workload_of(huge), kFlexcim));
  Operation narrow = matrix({}, 1, 1, 1);
  narrow.count = std::int64_t{1} << 31;
  narrow.n_tokens = 1 << 22;
  const auto refused =
      simulate(workload_of(narrow), machine_with("dense-dcim", {{"bits_per_cycle: 1024", "bits_per_cycle: 8"}}));
  ASSERT_FALSE(refused) << "few products, but each takes a pass";
  EXPECT_NE(refused.error().what.find("cycles"), std::string::npos);
}

}  // namespace
}  // namespace sparsecim
