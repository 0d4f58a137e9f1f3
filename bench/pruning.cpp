// What statistics, selection and pruning take beside three bare forward passes over the same samples, which is the
// least that they could: one pass to measure the dense model, and to prune each block one to see its inputs and one to
// go on with its outputs. docs/benchmarks.md.

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <filesystem>

#include "base/threads.hpp"
#include "measure.hpp"
#include "model/open.hpp"
#include "prune/measure.hpp"
#include "prune/prune.hpp"
#include "sparsity/select.hpp"
#include "text/corpus.hpp"

namespace sparsecim {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::string model = "smollm2-135m", text, method = "flow", importance = "wanda";
  double sparsity = 0.5;
  CalibrationOptions calibration;
  int threads = 0;  // 0: as many as there are cores
};

/// Wall time; of a single thread its processor time, which other programs on the machine do not lengthen.
double now_s() {
  timespec time{};
  ::clock_gettime(at::get_num_threads() == 1 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/// Runs `work` and adds what it takes to `seconds`.
template <class Work>
auto timed(double& seconds, Work work) {
  const double start = now_s();
  auto result = work();
  seconds += now_s() - start;
  return result;
}

/// All samples through all blocks, which are in memory. Gives a number that depends on every state.
Result<double> forward_pass(const Llama& model, const Calibration& calibration) {
  double sum = 0;
  for (const at::Tensor& batch : calibration.batches) {
    SC_TRY_ASSIGN(const at::Tensor states, model.forward(batch));
    sum += states.sum(at::kDouble).item<double>();
  }
  return sum;
}

struct Seconds {
  double bare = 0, statistics = 0, selection = 0, pruning = 0;
};

/// Errors: a result that is not the one that was asked for.
Result<void> check(const Plan& plan, double sparsity, const fs::path& directory) {
  SC_TRY_ASSIGN(const auto pruned, open_checkpoint(directory));
  const PlannedMatrix& matrix = plan.matrices.at(0);
  std::vector<float> values(static_cast<std::size_t>(matrix.weights()));
  SC_TRY(pruned->read(*pruned->find(matrix.name + ".weight"), values));
  const auto zeros = std::ranges::count(values, 0.0F);
  if (plan.sparsity() >= sparsity - 1e-9 && zeros >= matrix.weights() - matrix.kept()) return {};
  return fail("the pruned model is wrong: {} of {} weights of {} are zero", zeros, matrix.weights(), matrix.name);
}

Result<Seconds> measure(const Options& options, const OpenModel& model, const Calibration& calibration,
                        const fs::path& directory) {
  SelectionRequest request;
  SC_TRY_ASSIGN(request.method, parse_method(options.method));
  request.sparsity = options.sparsity;
  request.options = default_options(request.method);
  request.granularity = default_granularity(request.method);
  request.tau = default_tau(request.method);
  SC_TRY_ASSIGN(const Importance importance, parse_importance(options.importance));
  SC_TRY_ASSIGN(const Llama loaded, Llama::load(*model.checkpoint, model.llama.compute()));
  const auto bare = [&] { return guarded([&] { return forward_pass(loaded, calibration); }); };
  Seconds seconds;
  SC_TRY(timed(seconds.bare, bare));  // in turns, so that what else the machine does falls on both alike
  SC_TRY_ASSIGN(const Statistics statistics, timed(seconds.statistics, [&] {
                  return measure_statistics(model.llama, *model.checkpoint, calibration, scope_of(request));
                }));
  SC_TRY_ASSIGN(const Plan plan, timed(seconds.selection, [&] { return select_by_statistics(statistics, request); }));
  SC_TRY(timed(seconds.bare, bare));
  SC_TRY(timed(seconds.pruning, [&]() -> Result<void> {
    SC_TRY_ASSIGN(auto output, PruneOutput::create(*model.checkpoint, directory, plan_metadata(plan)));
    return prune(model.llama, plan, importance, &calibration, output);
  }));
  SC_TRY(timed(seconds.bare, bare));
  SC_TRY(check(plan, options.sparsity, directory));
  return seconds;
}

Result<void> run(const Options& options, const fs::path& directory) {
  if (options.threads > 0) set_thread_count(options.threads);
  at::set_num_threads(thread_count());
  SC_TRY_ASSIGN(const Compute compute, choose_compute("cpu", "float32"));
  SC_TRY_ASSIGN(const OpenModel model, open_model(options.model, compute));
  SC_TRY_ASSIGN(const Corpus corpus, read_corpus(options.text, {}));
  SC_TRY_ASSIGN(const Calibration calibration,
                make_calibration(*model.tokenizer, model.checkpoint->config(), corpus, options.calibration));
  SC_TRY_ASSIGN(const Seconds seconds, measure(options, model, calibration, directory));
  const double ours = seconds.statistics + seconds.selection + seconds.pruning;
  fmt::print("{}, {} thread(s); {}, {} and {}, {} samples of {} tokens\n\n", bench::machine(), at::get_num_threads(),
             options.model, options.method, options.importance, options.calibration.samples,
             options.calibration.length);
  fmt::print("| statistics, s | selection, s | pruning, s | together, s | three bare passes, s | ratio |\n");
  fmt::print("|---|---|---|---|---|---|\n| {:.1f} | {:.3f} | {:.1f} | {:.1f} | {:.1f} | {:.2f} |\n", seconds.statistics,
             seconds.selection, seconds.pruning, ours, seconds.bare, ours / seconds.bare);
  return {};
}

}  // namespace
}  // namespace sparsecim

int main(int argc, char** argv) {
  sparsecim::Options options;
  CLI::App app{"bench_pruning: statistics, selection and pruning against three bare forward passes"};
  app.add_option("model", options.model, "as sparsecim takes it")->capture_default_str();
  app.add_option("--text", options.text, "calibration text")->required();
  app.add_option("--method", options.method)->capture_default_str();
  app.add_option("--importance", options.importance)->capture_default_str();
  app.add_option("--sparsity", options.sparsity)->check(CLI::Range(0.0, 0.99))->capture_default_str();
  app.add_option("--samples", options.calibration.samples)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--length", options.calibration.length)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--threads", options.threads, "0: one per core; 1: times are the processor's")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  std::string folder = (std::filesystem::temp_directory_path() / "bench-pruning-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) return fmt::print(stderr, "error: cannot make {}\n", folder), 1;
  const auto done = sparsecim::run(options, folder);
  std::error_code error;
  std::filesystem::remove_all(folder, error);
  if (!done) fmt::print(stderr, "error: {}\n", done.error().line());
  return done ? 0 : 1;
}
