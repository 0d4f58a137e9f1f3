#include "hardware/analog/machine.hpp"

#include <gtest/gtest.h>

#include <random>

#include "hardware/machine_fixture.hpp"

namespace sparsecim {
namespace {

MachineDescription analog(const std::vector<std::pair<std::string, std::string>>& set) {
  std::vector<Setting> overrides;
  for (const auto& [key, value] : set) overrides.push_back({key, {value}, false, "test"});
  return parse_machine("arch/analog.yaml", shipped_description("analog"), overrides).value();
}

/// BERT-large's layers by shape.
Workload encoder(std::int64_t layers, std::int64_t tokens) {
  Workload workload{.name = "encoder", .n_tokens = tokens, .operations = {}};
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    const auto add = [&](const char* name, std::int64_t inputs, std::int64_t outputs, bool shares = false) {
      workload.operations.push_back({.name = fmt::format("layer.{}.{}", layer, name),
                                     .n_tokens = tokens,
                                     .n_inputs = inputs,
                                     .n_outputs = outputs,
                                     .shares_inputs = shares});
    };
    add("query", 1024, 1024);
    add("key", 1024, 1024, true);
    add("value", 1024, 1024, true);
    for (int product = 0; product < 2; ++product)
      workload.operations.push_back({.name = "attention",
                                     .kind = Operation::Kind::kAttention,
                                     .n_tokens = tokens,
                                     .n_inputs = product ? tokens : 64,
                                     .n_outputs = product ? 64 : tokens,
                                     .count = 16});
    add("output", 1024, 1024);
    add("up", 1024, 4096);
    add("down", 4096, 1024);
  }
  return workload;
}

Simulation bert(const std::string& mapping, std::vector<std::pair<std::string, std::string>> set = {},
                Fidelity fidelity = Fidelity::kClosedForm) {
  set.emplace_back("mapping", mapping);
  return simulate(encoder(24, 512), analog(set), fidelity).value();
}

TEST(AnalogMachine, NeedsAsManyArraysForBertLargeAsThePublishedPartition) {
  // Per layer 192, 96 and 20, which are 89.6 % and 79.2 % less.
  EXPECT_EQ(bert("linear").figures["arrays"], 24 * 192);
  EXPECT_EQ(bert("sparsemap").figures["arrays"], 24 * 96);
  EXPECT_EQ(bert("densemap").figures["arrays"], 24 * 20);
  EXPECT_EQ(bert("densemap-b").figures["arrays"], 24 * 20);
}

/// One matrix that is stored as factors, and one that is not.
Workload factored(const MonarchShape& shape) {
  Workload workload{.name = "factored", .n_tokens = 8, .operations = {}};
  for (const char* name : {"factors", "whole"})
    workload.operations.push_back({.name = name, .n_tokens = 8, .n_inputs = shape.n_in, .n_outputs = shape.n_out});
  workload.operations.front().monarch = shape;
  return workload;
}

TEST(AnalogMachine, HoldsTheFactorsThatAMatrixIsStoredAs) {
  const MonarchShape shape = monarch_of_blocks(512, 256, 8).value();  // blocks of 64 x 32 and 32 x 32
  const std::int64_t whole = monarch_of_squares(512, 256)->parameters();
  for (const char* mapping : {"sparsemap", "densemap"}) {
    const Workload workload = factored(shape);
    const auto simulation = simulate(workload, analog({{"mapping", mapping}}));
    ASSERT_TRUE(simulation) << simulation.error().line();
    EXPECT_EQ(simulation->figures["parameters"], shape.parameters() + whole) << mapping;
  }
  EXPECT_TRUE(simulate(factored(shape), analog({{"mapping", "sparsemap"}, {"monarch.blocks", "8"}})));
  EXPECT_EQ(
      simulate(factored(shape), analog({{"mapping", "sparsemap"}, {"monarch.blocks", "4"}})).error().line(),
      "arch/analog.yaml: factors: it is stored as factors of 8 blocks, not 4; leave monarch.blocks out, or choose 8");
  const Simulation linear = simulate(factored(shape), analog({{"mapping", "linear"}})).value();
  EXPECT_EQ(linear.figures["parameters"], shape.parameters() + 512 * 256) << "factors are never multiplied out";
}

TEST(AnalogMachine, CountsParametersAndOperationsAsThePublishedPartitionDoes) {
  const Simulation linear = bert("linear"), dense = bert("densemap");
  const auto ratio = [&](const char* key) {
    return linear.figures[key].get<double>() / dense.figures[key].get<double>();
  };
  EXPECT_NEAR(ratio("parameters"), 9.6, 0.001);
  EXPECT_NEAR(ratio("flops"), 5.78, 0.01);
  EXPECT_EQ(dense.figures["useful_parameters"], 24 * (4 * 65536 + 2 * 327680));
}

TEST(AnalogMachine, UtilizationIsTheShareOfCellsThatHoldWeights) {
  EXPECT_NEAR(bert("linear").utilization, 1, 1e-12);
  EXPECT_NEAR(bert("densemap").utilization, 1, 1e-12);
  EXPECT_NEAR(bert("densemap-b").utilization, 1, 1e-12);
  // A third of the arrays at 12.5 % (32 of 256), two thirds at 25 %.
  EXPECT_NEAR(bert("sparsemap").utilization, (32 * 0.125 + 64 * 0.25) / 96, 1e-12);
  const Simulation sparse = bert("sparsemap");
  for (const SimulatedOperation& operation : sparse.operations) {
    if (operation.attention) continue;
    const bool feed_forward = operation.name.ends_with("up") || operation.name.ends_with("down");
    EXPECT_NEAR(operation.utilization, feed_forward ? 0.25 : 0.125, 1e-12);
  }
}

TEST(AnalogMachine, OperationsFollowEachOtherAndTheirTimesAddUp) {
  for (const char* mapping : {"linear", "sparsemap", "densemap", "densemap-b"}) {
    const MachineDescription machine = analog({{"mapping", mapping}});
    const Workload workload = encoder(2, 100);
    const sparsecim::Run run =
        machine.machine->run(workload, machine.machine->map(workload).value(), Fidelity::kClosedForm);
    std::int64_t at = 0;
    for (const OperationRun& operation : run.operations) {
      EXPECT_EQ(operation.start_cycle, at);
      at += operation.cycles;
    }
    EXPECT_EQ(at, run.cycles);
    std::int64_t next = 0;
    for (const MacroUse& use : run.macro_use) {
      EXPECT_EQ(use.first_macro, next);
      EXPECT_LE(use.multiply_cycles, run.cycles);
      next = use.last_macro + 1;
    }
  }
}

TEST(AnalogMachine, MatricesThatReadTheSameRunSideBySide) {
  Workload together = encoder(1, 64), apart = together;
  for (Operation& operation : apart.operations) operation.shares_inputs = false;
  const MachineDescription linear = analog({{"mapping", "linear"}});
  const auto cycles = [&](const Workload& workload) { return simulate(workload, linear)->cycles; };
  // Of six equal passes for a token (each matrix' tiles have arrays of their own) two are saved.
  const std::int64_t attention = [&] {
    std::int64_t sum = 0;
    const Simulation simulation = simulate(together, linear).value();
    for (const SimulatedOperation& operation : simulation.operations)
      if (operation.attention) sum += operation.cycles;
    return sum;
  }();
  EXPECT_EQ((cycles(together) - attention) * 6, (cycles(apart) - attention) * 4);
}

TEST(AnalogMachine, TakesTheSameTimeByFormulaAndByExecutingItsCommands) {
  std::mt19937 random(11);
  const auto pick = [&](auto... values) {
    const std::vector<std::string> all = {values...};
    return all[random() % all.size()];
  };
  for (int trial = 0; trial < 60; ++trial) {
    const std::string side = pick("32", "48", "64", "128");
    const MachineDescription machine = analog({{"mapping", pick("linear", "sparsemap", "densemap", "densemap-b")},
                                               {"array.rows", side},
                                               {"array.columns", pick("64", "96", side)},
                                               {"array.adcs", pick("1", "2", "4", "16", "32")},
                                               {"cell.bits", pick("2", "8")},
                                               {"adc.rule", pick("rows", "exact")},
                                               {"placement.order", pick("first_fit", "contention_aware")},
                                               {"placement.packing", pick("full", "one_diagonal")},
                                               {"schedule.stages", pick("pipelined", "in_sequence")}});
    Workload workload{.name = "random", .n_tokens = 1, .operations = {}};
    for (std::size_t i = 0; i < 1 + random() % 4; ++i) {
      const auto shared = i > 0 && random() % 2 == 0;
      const Operation before =
          i > 0 ? workload.operations.back() : Operation{.n_tokens = static_cast<std::int64_t>(1 + random() % 9)};
      workload.operations.push_back({.name = fmt::format("m{}", i),
                                     .n_tokens = before.n_tokens,
                                     .n_inputs = static_cast<std::int64_t>(1 + random() % 500),
                                     .n_outputs = static_cast<std::int64_t>(1 + random() % 500),
                                     .count = before.count,
                                     .shares_inputs = shared});
    }
    const auto formula = simulate(workload, machine, Fidelity::kClosedForm);
    ASSERT_TRUE(formula) << formula.error().line();
    const auto executed = simulate(workload, machine, Fidelity::kCycle);
    EXPECT_EQ(formula->cycles, executed->cycles);
    for (std::size_t i = 0; i < formula->operations.size(); ++i)
      EXPECT_EQ(formula->operations[i].cycles, executed->operations[i].cycles);
    EXPECT_EQ(formula->energy_pj.nominal, executed->energy_pj.nominal);
  }
}

TEST(AnalogMachine, AvoidingContentionIsNeverSlowerThanFirstFitAndMuchFasterForDenseMap) {
  for (const char* mapping : {"linear", "sparsemap", "densemap", "densemap-b"}) {
    const Simulation aware = bert(mapping), first = bert(mapping, {{"placement.order", "first_fit"}});
    EXPECT_LE(aware.cycles, first.cycles) << mapping;
    EXPECT_EQ(aware.figures["arrays"], first.figures["arrays"]) << mapping;
    EXPECT_LE(aware.energy_pj.nominal, first.energy_pj.nominal * 1.01) << mapping;
  }
  EXPECT_LT(3 * bert("densemap").cycles, bert("densemap", {{"placement.order", "first_fit"}}).cycles);
}

TEST(AnalogMachine, SlicesOfWeightsTakeArraysOfTheirOwn) {
  EXPECT_EQ(bert("densemap", {{"cell.bits", "2"}}).figures["arrays"], 4 * 24 * 20);
  EXPECT_EQ(bert("densemap", {{"cell.bits", "2"}}).cycles, bert("densemap").cycles);
}

TEST(AnalogMachine, SizesThatDoNotFitAreRefusedWithTheNearestThatDo) {
  const auto refusal = [](const std::vector<std::pair<std::string, std::string>>& set) {
    std::vector<Setting> overrides;
    for (const auto& [key, value] : set) overrides.push_back({key, {value}, false, "test"});
    const auto machine = parse_machine("arch/analog.yaml", shipped_description("analog"), overrides);
    if (!machine) return machine.error().line();
    const auto simulation = simulate(encoder(1, 4), *machine);
    return simulation ? std::string("accepted") : simulation.error().line();
  };
  EXPECT_EQ(refusal({{"mapping", "densemap"}, {"array.rows", "48"}}),
            "arch/analog.yaml: layer.0.up: a block of 64 inputs and 64 outputs does not fit a 48 x 256 array; choose "
            "at least 86 blocks, "
            "or larger arrays");
  EXPECT_EQ(refusal({{"mapping", "densemap-b"}, {"monarch.blocks", "300"}}),
            "arch/analog.yaml: layer.0.query: 300 blocks do not fit the diagonals of 256 x 256 arrays; choose at most "
            "256 blocks, or "
            "larger arrays");
  EXPECT_EQ(
      refusal({{"mapping", "sparsemap"}, {"monarch.blocks", "1025"}}),
      "arch/analog.yaml: layer.0.query: a 1024 x 1024 matrix has no 1025 Monarch blocks; choose 1 .. 1024 blocks");
  EXPECT_NE(refusal({{"array.adcs", "12"}}).find("12 converters do not share 256 columns evenly; choose 8"),
            std::string::npos)
      << refusal({{"array.adcs", "12"}});
  EXPECT_NE(refusal({{"mapping", "densmap"}}).find("linear | sparsemap | densemap | densemap-b"), std::string::npos)
      << refusal({{"mapping", "densmap"}});
}

TEST(AnalogMachine, WritesTheStreamOfAMatrixAndDrawsItsArrays) {
  const MachineDescription machine = analog({{"mapping", "densemap"}});
  const Workload workload = encoder(1, 4);
  const CommandStream stream = analog_stream(*machine.machine, workload, "layer.0.key").value();
  EXPECT_TRUE(validate(stream));
  EXPECT_EQ(stream, analog_stream(*machine.machine, workload, first_matrix(workload)).value())
      << "q, k and v run at once";
  EXPECT_FALSE(analog_stream(*machine.machine, workload, "attention"));
  EXPECT_FALSE(analog_stream(*machine_with("flexcim").machine, workload, "layer.0.key"));
  const std::string svg = analog_picture(*machine.machine, workload, 2).value();
  EXPECT_NE(svg.find("layer.0.query, right factor: tile 0 at diagonal 0, step 1 of 8"), std::string::npos);
  EXPECT_EQ(svg.find("array 2,"), std::string::npos);
}

}  // namespace
}  // namespace sparsecim
