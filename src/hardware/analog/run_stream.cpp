#include "hardware/analog/run_stream.hpp"

#include <algorithm>
#include <random>

#include "base/check.hpp"
#include "hardware/analog/functional.hpp"
#include "hardware/analog/picture.hpp"

namespace sparsecim {
namespace {

using Signs = std::vector<std::int64_t>;

Signs random_signs(std::int64_t n, std::mt19937_64& random) {
  Signs signs(static_cast<std::size_t>(n));
  for (std::int64_t& sign : signs) sign = static_cast<std::int64_t>(random() % 3) - 1;
  return signs;
}

/// What a stage makes of `x`, block by block.
Signs stage_product(const ArrayStage& stage, const Signs& weights, const Signs& x) {
  Signs y(static_cast<std::size_t>(stage.written()));
  for (std::int64_t block = 0; block < stage.blocks; ++block)
    for (std::int64_t output = 0; output < stage.outputs; ++output) {
      std::int64_t sum = 0;
      for (std::int64_t input = 0; input < stage.inputs; ++input)
        sum += weights[static_cast<std::size_t>(stage.weight(block, output, input))] *
               x[static_cast<std::size_t>(stage.in.at(block, input))];
      y[static_cast<std::size_t>(stage.out.at(block, output))] = sum;
    }
  return y;
}

/// The position of the phase that `operation` is in.
Result<std::size_t> phase_of(const AnalogWork& work, const Workload& workload, std::string_view operation) {
  for (std::size_t phase = 0; phase < work.phases.size(); ++phase)
    for (const std::size_t matrix : work.phases[phase])
      if (workload.operations[work.operations[matrix]].name == operation) return phase;
  return fail(Remedy{fmt::format("the first is {}", first_matrix(workload))}, "no operation '{}' on arrays", operation);
}

/// The operation whose vectors the stream's are; empty where there is none.
std::string operation_with(const AnalogWork& work, const Workload& workload, const std::vector<std::int64_t>& buffers) {
  for (const auto& phase : work.phases) {
    const CommandStream one = schedule(work.plan, phase, 1);
    const bool whole = !one.buffers.empty() && buffers.size() % one.buffers.size() == 0;
    if (whole && std::equal(one.buffers.begin(), one.buffers.end(), buffers.begin()))
      return workload.operations[work.operations[phase.front()]].name;
  }
  return {};
}

Result<void> check_belongs(const CommandStream& stream, const AnalogWork& work, const Workload& workload,
                           const std::vector<std::size_t>& phase, std::string_view operation) {
  const CommandStream own = schedule(work.plan, phase, 1);
  if (stream.plan != own.plan)
    return fail(Remedy{"write one by --stream with these options, or give those that it was written with"},
                "the stream was made for another plan ({}..., here {}...)", stream.plan.substr(0, 12),
                own.plan.substr(0, 12));
  if (stream.adcs != own.adcs)
    return fail(Remedy{fmt::format("choose --adcs {}", stream.adcs)}, "the stream is for {} converters, not {}",
                stream.adcs, own.adcs);
  bool alike = !stream.buffers.empty() && stream.buffers.size() % own.buffers.size() == 0;
  for (std::size_t i = 0; alike && i < stream.buffers.size(); ++i)
    alike = stream.buffers[i] == own.buffers[i % own.buffers.size()];
  if (alike) return {};
  const std::string fitting = operation_with(work, workload, stream.buffers);
  return fail(Remedy{fitting.empty() ? std::string("write one by --stream") : "try --stream-of " + fitting},
              "the stream's vectors are not those of {}", operation);
}

/// Weights of the phase's matrices; the others' cells stay empty.
std::vector<std::vector<Signs>> weights_of(const AnalogWork& work, const std::vector<std::size_t>& phase,
                                           std::mt19937_64& random) {
  std::vector<std::vector<Signs>> weights(work.plan.matrices.size());
  for (const std::size_t matrix : phase)
    for (const auto& layout : work.plan.matrices[matrix].stages)
      weights[matrix].push_back(random_signs(layout->stage().weights(), random));
  return weights;
}

void compare(const Signs& got, const Signs& expected, StreamRun& run) {
  SC_CHECK(got.size() == expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    ++run.outputs;
    run.wrong += got[i] != expected[i];
    run.largest_error = std::max(run.largest_error, std::abs(got[i] - expected[i]));
  }
}

}  // namespace

Result<StreamRun> run_stream(const Machine& machine, const Workload& workload, std::string_view operation,
                             const CommandStream& stream, std::uint64_t seed) {
  SC_TRY_ASSIGN(const AnalogMachine* analog, analog_of(machine));
  SC_TRY_ASSIGN(const AnalogWork work, analog->place_all(workload));
  SC_TRY_ASSIGN(const std::size_t number, phase_of(work, workload, operation));
  const std::vector<std::size_t>& phase = work.phases[number];
  SC_TRY(check_belongs(stream, work, workload, phase, operation));
  const PhaseBuffers buffers = buffers_of(work.plan, phase);
  std::mt19937_64 random(seed);
  const auto weights = weights_of(work, phase, random);
  StreamRun run{.commands = std::ssize(stream.commands), .tokens = std::ssize(stream.buffers) / buffers.per_token()};
  std::vector<Signs> inputs(stream.buffers.size());
  for (std::int64_t token = 0; token < run.tokens; ++token) {
    const auto at = static_cast<std::size_t>(buffers.input(token));
    inputs[at] = random_signs(stream.buffers[at], random);
  }
  SC_TRY_ASSIGN(ProgrammedChip chip, ProgrammedChip::program(work.plan, weights));
  const StreamTime time = time_of(stream, analog->times());
  run.busy_arrays = std::ranges::count_if(time.busy, [](std::int64_t busy) { return busy > 0; });
  run.latency_ns = static_cast<double>(time.total) * analog->step_ns();
  const Result<Executed> executed = chip.execute(stream, inputs);
  if (!executed) {
    run.not_computed = executed.error().line();
    return run;
  }
  for (std::int64_t token = 0; token < run.tokens; ++token)
    for (std::size_t m = 0; m < phase.size(); ++m) {
      const auto& stages = work.plan.matrices[phase[m]].stages;
      Signs values = inputs[static_cast<std::size_t>(buffers.input(token))];
      for (std::size_t s = 0; s < stages.size(); ++s)
        values = stage_product(stages[s]->stage(), weights[phase[m]][s], values);
      compare(executed->buffers[static_cast<std::size_t>(buffers.output(token, m, stages.size() - 1))], values, run);
    }
  run.conversions = executed->conversions;
  run.clipped = executed->clipped;
  return run;
}

Json to_json(const StreamRun& run) {
  Json json = {{"commands", run.commands},
               {"tokens", run.tokens},
               {"busy_arrays", run.busy_arrays},
               {"latency_ns", run.latency_ns}};
  if (!run.not_computed.empty())
    json["not_computed"] = run.not_computed;
  else
    json.update({{"conversions", run.conversions},
                 {"clipped", run.clipped},
                 {"outputs", run.outputs},
                 {"wrong", run.wrong},
                 {"largest_error", run.largest_error}});
  return json;
}

}  // namespace sparsecim
