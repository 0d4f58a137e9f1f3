#include "sparsity/integer_program.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/check.hpp"
#include "sparsity/cbc/cbc.hpp"

namespace sparsecim {
namespace {

/// Opened where nobody else sees its LAPACK and BLAS (sparsity/cbc/cbc.cpp).
Result<const CbcModule*> cbc_module() {
  void* library = ::dlopen("libsparsecim_cbc.so", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return fail(Remedy{"build again"}, "the integer solver cannot be opened: {}", ::dlerror());
  const auto entry = reinterpret_cast<const CbcModule* (*)()>(::dlsym(library, "sparsecim_cbc_module"));
  if (entry == nullptr) return fail(Remedy{"build again"}, "libsparsecim_cbc.so is of another version");
  return entry();
}

/// A demand in its smallest whole numbers: each layer's gains from 0 on, over their greatest common divisor. CBC's
/// tolerances are absolute, about 1e-6.
Demand reduced(Demand demand) {
  std::int64_t divisor = 0;
  for (auto& layer : demand.gains) {
    const std::int64_t least = std::ranges::min(layer);
    demand.needed -= least;
    for (std::int64_t& gain : layer) divisor = std::gcd(divisor, gain -= least);
  }
  if (divisor == 0) return demand;
  for (auto& layer : demand.gains)
    for (std::int64_t& gain : layer) gain /= divisor;
  demand.needed = demand.needed <= 0 ? 0 : (demand.needed - 1) / divisor + 1;
  return demand;
}

void add_entry(BinaryProgram& program, std::size_t row, double value) {
  if (value == 0) return;
  program.rows.push_back(static_cast<int>(row));
  program.values.push_back(value);
}

/// What brings a demand's numbers to the size of costs: 1 to 1000.
double scale_of(const Demand& demand) {
  std::int64_t most = 1;
  for (const auto& layer : demand.gains) most = std::max(most, std::ranges::max(layer));
  return std::min(1.0, 1000 / static_cast<double>(most));
}

/// A variable for each choice, laid out layer after layer. Row l takes one choice of layer l; the demands are the rows
/// behind.
BinaryProgram program_of(const Costs& costs, std::span<const Demand> demands, double cost_scale) {
  BinaryProgram program;
  std::vector<double> scales;
  for (const Demand& demand : demands) scales.push_back(scale_of(demand));
  for (std::size_t layer = 0; layer < costs.size(); ++layer)
    for (std::size_t choice = 0; choice < costs[layer].size(); ++choice) {
      add_entry(program, layer, 1);
      for (std::size_t d = 0; d < demands.size(); ++d)
        add_entry(program, costs.size() + d, scales[d] * static_cast<double>(demands[d].gains[layer][choice]));
      program.starts.push_back(static_cast<int>(program.rows.size()));
      program.costs.push_back(costs[layer][choice] * cost_scale);
    }
  program.row_low.assign(costs.size(), 1);
  program.row_high.assign(costs.size(), 1);
  for (std::size_t d = 0; d < demands.size(); ++d) {
    program.row_low.push_back(scales[d] * static_cast<double>(demands[d].needed));
    program.row_high.push_back(std::numeric_limits<double>::max());
  }
  return program;
}

/// The variable nearest to 1 of each layer.
std::vector<std::size_t> choices_of(const std::vector<double>& values, const Costs& costs) {
  std::vector<std::size_t> chosen;
  auto begin = values.begin();
  for (const auto& layer : costs) {
    const auto end = begin + std::ssize(layer);
    chosen.push_back(static_cast<std::size_t>(std::max_element(begin, end) - begin));
    begin = end;
  }
  return chosen;
}

bool meets(const std::vector<std::size_t>& chosen, std::span<const Demand> demands) {
  return std::ranges::all_of(demands, [&](const Demand& demand) {
    std::int64_t gain = 0;
    for (std::size_t layer = 0; layer < chosen.size(); ++layer) gain += demand.gains[layer][chosen[layer]];
    return gain >= demand.needed;
  });
}

double largest(const Costs& costs) {
  double most = 0;
  for (const auto& layer : costs)
    for (const double cost : layer) {
      SC_CHECK(cost >= 0 && std::isfinite(cost));
      most = std::max(most, cost);
    }
  return most;
}

tl::unexpected<Error> no_proof(bool found, double gap, double time_limit_s) {
  const Remedy remedy{"give more by --time-limit, choose by block, or among fewer patterns"};
  if (!found) return fail(remedy, "no plan was found within {} s", time_limit_s);
  return fail(remedy, "the best plan found within {} s is not proven: the least cost may be {:.3g} % lower",
              time_limit_s, 100 * gap);
}

}  // namespace

Result<std::string> integer_solver() {
  SC_TRY_ASSIGN(const CbcModule* cbc, cbc_module());
  return fmt::format("CBC {}", cbc->version);
}

Result<std::optional<IntegerSolution>> solve_integer_program(const Costs& costs, std::span<const Demand> demands,
                                                             double time_limit_s) {
  SC_TRY_ASSIGN(const CbcModule* cbc, cbc_module());
  std::vector<Demand> small;
  for (const Demand& demand : demands) small.push_back(reduced(demand));
  const double most = largest(costs), scale = most > 0 ? 1000 / most : 1;
  const BinarySolution found = cbc->solve(program_of(costs, small, scale), kProvenGap, time_limit_s);
  if (found.infeasible) return std::nullopt;
  const double gap = found.cost > 0 ? std::clamp((found.cost - found.bound) / found.cost, 0.0, 1.0) : 0;
  if (!found.proven || found.values.empty() || gap > kProvenGap)
    return no_proof(!found.values.empty(), gap, time_limit_s);
  IntegerSolution solution{.chosen = choices_of(found.values, costs), .cost = found.cost / scale, .gap = gap};
  if (!meets(solution.chosen, small))
    return fail(Remedy{"ask for a little less"}, "the integer program's answer breaks a bound by rounding");
  return solution;
}

}  // namespace sparsecim
