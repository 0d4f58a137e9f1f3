// How long patterns take to be chosen for a model of 224 matrices (7 of each of 32 blocks, LLaMA-3-8B's shapes) among 9
// options: one budget by dynamic programming, two by CBC. A plan that breaks its budget, or costs that differ between
// the two solvers where they solve the same program, are not timed.

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <random>

#include "base/threads.hpp"
#include "measure.hpp"
#include "sparsity/select.hpp"

namespace sparsecim::bench {
namespace {

/// Every N of 8, and 2:4.
std::vector<Pattern> nine_options() { return parse_patterns("n:8,2:4").value(); }

Plan model() {
  constexpr std::pair<int, int> kShapes[] = {{4096, 4096},  {1024, 4096},  {1024, 4096}, {4096, 4096},
                                             {14336, 4096}, {14336, 4096}, {4096, 14336}};
  Plan plan;
  for (int block = 0; block < 32; ++block)
    for (const auto& [n_out, n_in] : kShapes)
      plan.matrices.push_back(
          {.name = fmt::format("matrix{}", plan.matrices.size()), .block = block, .n_out = n_out, .n_in = n_in});
  return plan;
}

/// Errors that grow with sparsity, each matrix in its own way.
std::vector<std::vector<double>> costs_of(const Plan& plan, const std::vector<Pattern>& options) {
  std::mt19937 random(4);
  std::uniform_real_distribution<> uniform(0.2, 1);
  std::vector<std::vector<double>> costs(plan.matrices.size());
  for (auto& matrix : costs) {
    const double scale = uniform(random), power = 1 + 2 * uniform(random);
    for (const Pattern& option : options)
      matrix.push_back(scale * std::pow(option.sparsity(), power) * uniform(random));
  }
  return costs;
}

bool is_right(const Result<Plan>& plan, const SelectionRequest& request) {
  if (!plan) fmt::print(stderr, "error: {}\n", plan.error().line());
  if (!plan || plan->sparsity() < request.sparsity) return false;
  for (const Ceiling& ceiling : request.ceilings)
    if (plan->stored_bytes() > ceiling.most) return false;
  return true;
}

bool time_one(const char* what, const SelectionRequest& request, int repetitions) {
  const Plan dense = model();
  const auto costs = costs_of(dense, request.options);
  if (!is_right(select_least_cost(dense, costs, request), request)) {
    fmt::print(stderr, "error: {}: no plan within its budgets; not timed\n", what);
    return false;
  }
  Result<Plan> plan;
  const Times times = measure(repetitions, [&] { plan = select_least_cost(dense, costs, request); });
  fmt::print("{:44} {:10.3f} {:10.3f}  {:.6f}  {:.1e}  {}\n", what, 1e3 * times.least_s, 1e3 * times.median_s,
             plan->proof->cost, plan->proof->gap, plan->proof->solver);
  return true;
}

bool run(int repetitions) {
  fmt::print("{}, 224 matrices x 9 options; times of {} repetitions\n\n", machine(), repetitions);
  fmt::print("{:44} {:>10} {:>10}  {:8}  {:7}  {}\n", "budgets", "least, ms", "median, ms", "cost", "gap", "solver");
  SelectionRequest request{.method = Method::kErrorDiag, .sparsity = 0.6, .options = nine_options()};
  request.granularity = Granularity::kMatrix;
  bool right = time_one("sparsity 0.6", request, repetitions);
  request.ceilings = {stored_bytes_ceiling(INT64_C(1) << 40)};
  right = time_one("sparsity 0.6, and bytes that bind nothing", request, repetitions) && right;
  request.ceilings = {stored_bytes_ceiling(3'700'000'000)};
  return time_one("sparsity 0.6, and at most 3.7 GB", request, repetitions) && right;
}

}  // namespace
}  // namespace sparsecim::bench

int main(int argc, char** argv) {
  CLI::App app("Times the selection of patterns; plans are checked first");
  int repetitions = 5;
  app.add_option("--repetitions", repetitions, "measured calls")->check(CLI::Range(1, 100000))->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return sparsecim::bench::run(repetitions) ? 0 : 1;
}
