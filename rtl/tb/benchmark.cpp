// How long a layer takes in Verilator and in the models of time: the same macro, matrix and tokens, and the same
// cycles; a model whose cycles differ is not timed.

#include <fmt/core.h>

#include <CLI/CLI.hpp>

#include "cosimulation.hpp"
#include "hardware/dcim/closed_form.hpp"
#include "hardware/dcim/cycle_model.hpp"
#include "measure.hpp"
#include "random_tiles.hpp"
#include "tiled_matrix.hpp"

namespace sparsecim::rtl {
namespace {

struct Layer {
  std::int64_t inputs, outputs, tokens;
  Pattern pattern;
};

bool time_model(std::string_view name, Schedule& schedule, const LinearWork& work, std::int64_t cycles, double rtl_s) {
  if (schedule.clone()->linear(work).cycles != cycles) {
    fmt::print(stderr, "error: {}: not the RTL's {} cycles; not timed\n", name, cycles);
    return false;
  }
  constexpr int kCalls = 1000;  // of some microseconds each
  const bench::Times times = bench::measure(11, [&] {
    for (int call = 0; call < kCalls; ++call) schedule.clone()->linear(work);
  });
  const double seconds = times.median_s / kCalls;
  fmt::print("{:32} {:12.3f} us {:12.0f} times faster\n", name, 1e6 * seconds, rtl_s / seconds);
  return true;
}

bool run(const Layer& layer) {
  const RtlModel& model = full_models().front();
  std::mt19937_64 random(1);
  const FlexcimLayout layout = FlexcimLayout::of(model.parameters, layer.pattern);
  const auto weights = random_matrix(layout, layer.outputs, layer.inputs, Values::kRandom, random);
  const auto activations = random_values(layer.tokens * layer.inputs, Values::kRandom, random);
  const TiledMatrix matrix(model, layer.pattern, weights, activations, layer.inputs);
  const auto macro = model.make();
  Cosimulation cosimulation(model, *macro, 1);
  cosimulation.run(matrix.tiles, {});
  const Tally& tally = cosimulation.tally();
  fmt::print("{}; one thread\n{} x {}, {} tokens at {} through one macro of {} x {}: {} cycles, {} sums\n\n",
             bench::machine(), layer.inputs, layer.outputs, layer.tokens, layer.pattern.name(),
             model.parameters.array.rows, model.parameters.array.columns, tally.last_result_cycle, tally.sums);
  if (tally.mismatches() > 0) {
    fmt::print(stderr, "error: {}\n", tally.first_mismatch);
    return false;
  }
  fmt::print("{:32} {:12.0f} us {:12.0f} cycles/s\n", "Verilator", 1e6 * tally.last_run_s,
             static_cast<double>(tally.last_result_cycle) / tally.last_run_s);
  CycleModel every_pass(CycleModel::Walk::kEveryPass), until_it_repeats;
  ClosedForm closed_form;
  const auto time = [&](std::string_view name, Schedule& schedule) {
    return time_model(name, schedule, matrix.work, tally.last_result_cycle, tally.last_run_s);
  };
  const bool right = time("cycle model, every pass", every_pass);
  const bool repeats_right = time("cycle model, until it repeats", until_it_repeats);
  return time("closed form", closed_form) && repeats_right && right;
}

}  // namespace
}  // namespace sparsecim::rtl

int main(int argc, char** argv) {
  CLI::App app("Times a layer in Verilator and in the models of time");
  sparsecim::rtl::Layer layer{
      .inputs = 576, .outputs = 1536, .tokens = 16, .pattern = {2, 4}};  // SmolLM2-135M's up_proj
  app.add_option("--tokens", layer.tokens, "through the layer")->check(CLI::Range(1, 4096))->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return sparsecim::rtl::run(layer) ? 0 : 1;
}
