// How long the models of time take: a whole LLaMA-3-8B by closed form, and matrices by the cycle model, with and
// without skipping what repeats. A model whose cycles differ from the other's is not timed.

#include <fmt/core.h>

#include <CLI/CLI.hpp>

#include "base/check.hpp"
#include "hardware/dcim/closed_form.hpp"
#include "hardware/dcim/cycle_model.hpp"
#include "hardware/simulate.hpp"
#include "measure.hpp"
#include "workload/model_workload.hpp"

namespace sparsecim::bench {
namespace {

Workload llama_3_8b(Phase phase, std::int64_t tokens) {
  SparsityRequest sparsity;
  sparsity.pattern = Pattern{2, 4};
  const WorkloadRequest request{.phase = phase, .tokens = tokens};
  return workload_from_shapes(read_shapes("llama-3-8b").value(), sparsity, request).value().workload;
}

/// Both matrices of a GPT-2-small block's feed-forward part.
Workload gpt2_feed_forward(std::int64_t tokens) {
  Workload workload{.name = fmt::format("GPT-2-small FFN, {} tokens", tokens), .n_tokens = tokens};
  workload.operations = {{.name = "c_fc", .n_tokens = tokens, .n_inputs = 768, .n_outputs = 3072, .pattern = {2, 4}},
                         {.name = "c_proj", .n_tokens = tokens, .n_inputs = 3072, .n_outputs = 768, .pattern = {2, 4}}};
  return workload;
}

bool time_simulation(const Workload& workload, const MachineDescription& machine, int repetitions) {
  const std::int64_t expected = simulate(workload, machine, Fidelity::kCycle).value().cycles;
  bool right = true;
  for (const Fidelity fidelity : {Fidelity::kClosedForm, Fidelity::kCycle}) {
    const std::string_view name = kFidelityNames[static_cast<std::size_t>(fidelity)];
    Simulation simulation;
    const Times times = measure(repetitions, [&] { simulation = simulate(workload, machine, fidelity).value(); });
    if (simulation.cycles != expected) {
      fmt::print(stderr, "error: {}, {}: {} cycles instead of {}; not timed\n", workload.name, name, simulation.cycles,
                 expected);
      right = false;
      continue;
    }
    fmt::print("{:48} {:12} {:14} {:10.3f} {:10.3f}\n", workload.name, name, expected, 1e3 * times.least_s,
               1e3 * times.median_s);
  }
  return right;
}

/// 768 x 3072 dense on one macro: 6 x 96 tiles.
LinearWork feed_forward_of_one_macro(std::int64_t tokens) {
  return {.path = {.fetch = PassPath::Fetch::kByPlane, .inputs = 128, .registers = 2, .sum_cycles = 8},
          .tiling = Tiling::over(6, 96, 1),
          .tokens = tokens,
          .rows_to_load = 128};
}

bool time_walk(CycleModel::Walk walk, std::string_view name, std::int64_t tokens, int repetitions) {
  const LinearWork work = feed_forward_of_one_macro(tokens);
  std::int64_t cycles = 0;
  const Times times = measure(repetitions, [&] { cycles = CycleModel(walk).linear(work).cycles; });
  if (cycles != ClosedForm().linear(work).cycles) {
    fmt::print(stderr, "error: {}: not the closed form's cycles; not timed\n", name);
    return false;
  }
  const double passes = static_cast<double>(tokens * work.tiling.tiles());
  fmt::print("{:6} tokens, {:18} {:10.4f} {:10.4f} {:9.1f}\n", tokens, name, 1e3 * times.least_s, 1e3 * times.median_s,
             passes / times.least_s / 1e6);
  return true;
}

bool run(int repetitions) {
  const MachineDescription machine = open_machine("flexcim").value();
  fmt::print("{}; one thread; times of {} repetitions\n\n", bench::machine(), repetitions);
  fmt::print("{:48} {:12} {:>14} {:>10} {:>10}\n", "simulate on flexcim", "fidelity", "cycles", "least, ms",
             "median, ms");
  bool right = true;
  for (const Workload& workload : {llama_3_8b(Phase::kPrefill, 512), llama_3_8b(Phase::kDecode, 128),
                                   gpt2_feed_forward(64), gpt2_feed_forward(65536)})
    right = time_simulation(workload, machine, repetitions) && right;
  fmt::print("\nthe cycle model alone, 768 x 3072 on one macro\n{:33} {:>10} {:>10} {:>9}\n", "", "least, ms",
             "median, ms", "Mpass/s");
  for (const std::int64_t tokens : {64, 4096}) {
    right = time_walk(CycleModel::Walk::kEveryPass, "every pass", tokens, repetitions) && right;
    right = time_walk(CycleModel::Walk::kUntilItRepeats, "until it repeats", tokens, repetitions) && right;
  }
  return right;
}

}  // namespace
}  // namespace sparsecim::bench

int main(int argc, char** argv) {
  CLI::App app("Times the closed form and the cycle model; each must take the other's cycles");
  int repetitions = 15;
  app.add_option("--repetitions", repetitions, "measured calls")->check(CLI::Range(1, 100000))->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return sparsecim::bench::run(repetitions) ? 0 : 1;
}
