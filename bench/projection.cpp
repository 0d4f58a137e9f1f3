// How long it takes to find the Monarch matrix nearest to a large one. What is farther away than its discarded singular
// values say is not printed.

#include <c10/core/InferenceMode.h>
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <cmath>

#include "measure.hpp"
#include "prune/projection.hpp"

namespace sparsecim::bench {
namespace {

/// ||W - M||_F / ||W||_F, added up in float64: there are tens of millions of squares.
double error_of(const at::Tensor& weight, const MonarchLinear& factors) {
  const at::Tensor whole = weight.to(at::kDouble);
  return ((whole - dense_of(factors)).norm() / whole.norm()).item<double>();
}

bool run(const at::Tensor& weight, const MonarchShape& shape, int repetitions) {
  Result<Projection> projection = project(weight, shape);
  if (!projection) {
    fmt::print(stderr, "error: {}\n", projection.error().line());
    return false;
  }
  const double predicted = std::sqrt(projection->squared_error / projection->squared_norm);
  const double error = error_of(weight, projection->factors);
  if (std::abs(error - predicted) > 1e-4) {
    fmt::print(stderr, "error: {} blocks: {} away, {} predicted\n", shape.blocks, error, predicted);
    return false;
  }
  const Times times = measure(repetitions, [&] { projection = project(weight, shape); });
  fmt::print("{:>10} {:10.2f} {:10.2f} {:>12.2f} %\n", shape.blocks, times.least_s, times.median_s, 100 * error);
  return true;
}

bool run_all(std::int64_t n_out, std::int64_t n_in, int repetitions) {
  const c10::InferenceMode no_gradients;
  at::manual_seed(1);
  const at::Tensor weight = at::randn({n_out, n_in});
  fmt::print("{}; {} x {}, random; {} repetitions\n\n", bench::machine(), n_out, n_in, repetitions);
  fmt::print("{:>10} {:>10} {:>10} {:>14}\n", "blocks", "least, s", "median, s", "error");
  for (const std::int64_t blocks : {2, 4, 8, 16, 32})
    if (!run(weight, monarch_of_blocks(n_out, n_in, blocks).value(), repetitions)) return false;
  return run(weight, monarch_of_squares(n_out, n_in).value(), repetitions);
}

}  // namespace
}  // namespace sparsecim::bench

int main(int argc, char** argv) {
  CLI::App app("Times the projection of a matrix onto Monarch matrices");
  std::int64_t n_out = 4096, n_in = 11008;
  int repetitions = 1;
  app.add_option("--outputs", n_out)->check(CLI::Range(32, 1 << 20))->capture_default_str();
  app.add_option("--inputs", n_in)->check(CLI::Range(32, 1 << 20))->capture_default_str();
  app.add_option("--repetitions", repetitions, "measured calls")->check(CLI::Range(1, 1000))->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return sparsecim::bench::run_all(n_out, n_in, repetitions) ? 0 : 1;
}
