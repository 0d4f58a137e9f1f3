#include "hardware/analog/run_stream.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hardware/machine_fixture.hpp"

namespace sparsecim {
namespace {

using ::testing::HasSubstr;

MachineDescription analog_with(const std::vector<std::pair<std::string, std::string>>& set) {
  std::vector<Setting> overrides;
  for (const auto& [key, value] : set) overrides.push_back({key, {value}, false, "test"});
  return parse_machine("arch/analog.yaml", shipped_description("analog"), overrides).value();
}

Workload two_matrices() {
  Workload workload{.name = "two", .n_tokens = 2, .operations = {}};
  workload.operations.push_back({.name = "query", .n_tokens = 2, .n_inputs = 100, .n_outputs = 90});
  workload.operations.push_back(
      {.name = "key", .n_tokens = 2, .n_inputs = 100, .n_outputs = 90, .shares_inputs = true});
  workload.operations.push_back({.name = "down", .n_tokens = 2, .n_inputs = 90, .n_outputs = 300});
  return workload;
}

const std::vector<std::pair<std::string, std::string>> kExact = {{"adc.rule", "exact"}, {"mapping", "densemap"}};

TEST(RunStream, GivesThePlainProductInTheTimeOfTheSchedule) {
  const Workload workload = two_matrices();
  for (const std::string mapping : {"linear", "sparsemap", "densemap", "densemap-b"}) {
    const MachineDescription machine = analog_with({{"adc.rule", "exact"}, {"mapping", mapping}});
    const CommandStream stream = analog_stream(*machine.machine, workload, "key").value();
    const StreamRun run = run_stream(*machine.machine, workload, "query", stream, 3).value();
    EXPECT_EQ(run.tokens, 1);
    EXPECT_GE(run.outputs, 2 * 90) << mapping;
    EXPECT_EQ(run.wrong, 0) << mapping;
    EXPECT_EQ(run.commands, std::ssize(stream.commands));
    EXPECT_GT(run.busy_arrays, 0);
    const auto* analog = dynamic_cast<const AnalogMachine*>(machine.machine.get());
    EXPECT_DOUBLE_EQ(run.latency_ns, static_cast<double>(time_of(stream, analog->times()).total) * analog->step_ns());
  }
}

TEST(RunStream, TellsOutputsThatACommandSpoiled) {
  const Workload workload = two_matrices();
  const MachineDescription machine = analog_with({{"adc.rule", "exact"}});
  CommandStream stream = analog_stream(*machine.machine, workload, "down").value();
  for (Command& command : stream.commands)
    if (command.kind == Command::Kind::kConvert) command.shift = 12;
  ASSERT_TRUE(validate(stream));
  const StreamRun run = run_stream(*machine.machine, workload, "down", stream, 3).value();
  EXPECT_GT(run.wrong, 0);
  EXPECT_GT(run.largest_error, 0);
  EXPECT_EQ(to_json(run)["wrong"], run.wrong);
}

TEST(RunStream, TellsTheTimeAlsoWhereAStageReadsWhatDoesNotFitItsPlanes) {
  const Workload workload = two_matrices();
  const MachineDescription machine = analog_with({{"mapping", "densemap"}, {"adc.bits", "2"}});
  const CommandStream stream = analog_stream(*machine.machine, workload, "down").value();
  const StreamRun run = run_stream(*machine.machine, workload, "down", stream, 3).value();
  EXPECT_THAT(run.not_computed, HasSubstr("does not fit 8 bits"));
  EXPECT_GT(run.latency_ns, 0);
  EXPECT_TRUE(to_json(run).contains("not_computed"));
}

TEST(RunStream, RefusesStreamsThatDoNotBelongToThePlanWithWhatWouldDo) {
  const Workload workload = two_matrices();
  const MachineDescription machine = analog_with(kExact);
  const CommandStream stream = analog_stream(*machine.machine, workload, "query").value();
  const auto refusal = [&](const MachineDescription& on, std::string_view operation, const CommandStream& what) {
    const auto run = run_stream(*on.machine, workload, operation, what, 0);
    return run ? std::string() : run.error().line();
  };
  EXPECT_THAT(refusal(analog_with({{"mapping", "sparsemap"}}), "query", stream),
              HasSubstr("the stream was made for another plan"));
  EXPECT_EQ(
      refusal(analog_with({{"adc.rule", "exact"}, {"mapping", "densemap"}, {"array.adcs", "4"}}), "query", stream),
      "the stream is for 8 converters, not 4; choose --adcs 8");
  EXPECT_EQ(refusal(machine, "down", stream), "the stream's vectors are not those of down; try --stream-of query");
  EXPECT_EQ(refusal(machine, "up", stream), "no operation 'up' on arrays; the first is query");
  EXPECT_EQ(refusal(open_machine("flexcim").value(), "query", stream),
            "flexcim has no analog arrays; use --arch analog");
  CommandStream cut = stream;
  cut.buffers.pop_back();
  EXPECT_NE(refusal(machine, "query", cut), "");
}

TEST(AnalogTimeline, ShowsEveryArrayAtWorkForTheStagesThatItHolds) {
  const Workload workload = two_matrices();
  const MachineDescription machine = analog_with(kExact);
  const std::string svg = analog_timeline(*machine.machine, workload, 16, 8).value();
  for (const char* name : {"query, right factor, token 1", "key, left factor, token 3", "down, right factor, token 2"})
    EXPECT_THAT(svg, HasSubstr(name));
  EXPECT_THAT(svg, HasSubstr("query and 1 more"));
  EXPECT_THAT(analog_picture(*machine.machine, workload, 16).value(), HasSubstr("key, left factor"));
  Workload nothing = workload;
  nothing.operations.clear();
  EXPECT_FALSE(analog_timeline(*machine.machine, nothing, 16, 8));
  EXPECT_FALSE(analog_picture(*machine.machine, nothing, 16));
}

}  // namespace
}  // namespace sparsecim
