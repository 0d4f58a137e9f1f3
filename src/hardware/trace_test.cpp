#include <gtest/gtest.h>

#include <map>
#include <set>

#include "hardware/machine_fixture.hpp"

namespace sparsecim {
namespace {

constexpr Fidelity kBoth[] = {Fidelity::kClosedForm, Fidelity::kCycle};

Simulation simulated_blocks(Fidelity fidelity, const Changes& changes = {}) {
  Workload workload = llama_3_8b(64);
  workload.operations.resize(18);  // two blocks
  return simulate(workload, machine_with("flexcim", changes), fidelity).value();
}

struct Lane {
  std::string name;
  double end_us = 0;
};

/// Every event has what Chrome's trace event format asks of its kind; returns the lanes, when each is last busy.
std::map<int, Lane> checked_lanes(const Json& trace) {
  std::map<int, Lane> lanes;
  for (const Json& event : trace["traceEvents"]) {
    SCOPED_TRACE(event.dump());
    EXPECT_TRUE(event["name"].is_string());
    EXPECT_TRUE(event["pid"].is_number_integer());
    EXPECT_TRUE(event["tid"].is_number_integer());
    EXPECT_TRUE(event["args"].is_object());
    const int lane = event["tid"].get<int>();
    if (event["ph"] == "M") {
      if (event["name"] == "thread_name") lanes[lane].name = event["args"]["name"].get<std::string>();
      continue;
    }
    EXPECT_EQ(event["ph"], "X");
    EXPECT_TRUE(event["cat"].is_string());
    EXPECT_TRUE(event["ts"].is_number());
    EXPECT_GT(event["dur"].get<double>(), 0);
    EXPECT_TRUE(lanes.contains(lane)) << "announced before it is used";
    EXPECT_GE(event["ts"].get<double>(), lanes[lane].end_us - 1e-6) << "on " << lanes[lane].name;
    lanes[lane].end_us = event["ts"].get<double>() + event["dur"].get<double>();
  }
  return lanes;
}

TEST(Trace, HoldsCompleteEventsThatFollowEachOtherOnNamedLanes) {
  for (const Fidelity fidelity : kBoth)
    for (const char* weights : {"weights: on_chip", "weights: resident", "weights: dram"}) {
      SCOPED_TRACE(weights);
      const Simulation simulation = simulated_blocks(fidelity, {{"weights: on_chip", weights}});
      double end_us = 0;
      std::set<std::string> names;
      for (const auto& [number, lane] : checked_lanes(to_trace(simulation))) {
        end_us = std::max(end_us, lane.end_us);
        EXPECT_TRUE(names.insert(lane.name).second || lane.name.empty()) << lane.name;
      }
      EXPECT_NEAR(end_us, simulation.latency_ns / 1000, 1e-6);
      EXPECT_TRUE(names.contains("vector unit"));
      EXPECT_EQ(names.contains("dram"), weights == std::string_view("weights: dram"));
    }
}

TEST(Trace, ShowsEveryOperation) {
  for (const Fidelity fidelity : kBoth) {
    const Simulation simulation = simulated_blocks(fidelity);
    std::set<std::string> shown;
    const Json trace = to_trace(simulation);
    for (const Json& event : trace["traceEvents"])
      if (event["ph"] == "X") shown.insert(event["name"].get<std::string>());
    for (const SimulatedOperation& operation : simulation.operations)
      EXPECT_TRUE(shown.contains(operation.name)) << operation.name;
  }
}

TEST(Trace, OfTheCycleModelShowsLoadingBesideComputingAndSumsUpWhatRepeats) {
  const Json trace = to_trace(simulated(machine_with("flexcim"), matrix({}, 512, 4096, 4096), Fidelity::kCycle));
  // 32 x 128 tiles, 64 in each macro: loaded in 128 cycles, at work for 512 passes of 8.
  std::vector<std::pair<std::string, std::int64_t>> computing, loading;
  for (const Json& event : trace["traceEvents"])
    if (event["ph"] == "X" && event["cat"] != "join partial sums")
      (event["cat"] == "compute" ? computing : loading)
          .emplace_back(event["args"].value("repeats", ""), event["args"]["cycles"].get<std::int64_t>());
  ASSERT_GE(computing.size(), 2u);
  EXPECT_EQ(computing.front(), std::pair(std::string(), std::int64_t{512 * 8}));
  EXPECT_EQ(loading.front(), std::pair(std::string(), std::int64_t{128}));
  const auto left = 64 - static_cast<std::int64_t>(computing.size() - 1);
  EXPECT_EQ(computing.back(), std::pair(fmt::format("{} more tiles, 4096 cycles each", left), left * 4096));
}

TEST(Trace, IsBoundedAndSaysWhatItLeftOut) {
  const Simulation simulation = simulate(llama_3_8b(64), machine_with("flexcim"), Fidelity::kCycle).value();
  EXPECT_LT(simulation.timeline.size(), 20 * simulation.operations.size());
  const Json trace = to_trace(simulation, 10);
  EXPECT_EQ(std::ranges::count_if(trace["traceEvents"], [](const Json& event) { return event["ph"] == "X"; }), 10);
  EXPECT_EQ(trace["otherData"]["spans_left_out"], simulation.timeline.size() - 10);
}

TEST(MacroUse, AddsUpToTheTilesOfEveryMacroAndIsTheSameFromBothModels) {
  for (const char* weights : {"weights: on_chip", "weights: resident", "weights: dram"}) {
    SCOPED_TRACE(weights);
    const Simulation formula = simulated_blocks(Fidelity::kClosedForm, {{"weights: on_chip", weights}});
    const Simulation walked = simulated_blocks(Fidelity::kCycle, {{"weights: on_chip", weights}});
    EXPECT_EQ(formula.macro_use, walked.macro_use);
    std::int64_t tiles = 0, next = 0, multiply_cycles = 0;
    for (const SimulatedOperation& operation : formula.operations) tiles += operation.tiles;
    for (const MacroUse& use : formula.macro_use) {
      EXPECT_EQ(use.first_macro, next);
      next = use.last_macro + 1;
      multiply_cycles += (use.last_macro - use.first_macro + 1) * use.multiply_cycles;
      EXPECT_LE(use.multiply_cycles, formula.cycles);
      EXPECT_LE(use.load_cycles, formula.cycles);
      EXPECT_EQ(use.load_cycles == 0, weights == std::string_view("weights: resident"));
    }
    EXPECT_EQ(next, formula.macros);
    EXPECT_EQ(multiply_cycles, tiles * 64 * 8);
  }
}

}  // namespace
}  // namespace sparsecim
