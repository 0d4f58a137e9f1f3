#include "sparsity/allocate.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

#include "base/check.hpp"

namespace sparsecim {
namespace {

using Price = std::int64_t;
constexpr Price kUnreachable = Price{1} << 62;
constexpr std::int64_t kLargestTable = std::int64_t{1} << 28;  // bytes

/// A choice as the dynamic program sees it.
struct Step {
  std::int64_t units = 0;  // zeros beyond the layer's fewest, over the greatest common divisor
  Price price = 0;         // cost, and in its low bits how far M is from the largest
  std::uint8_t choice = 0;
};

struct Program {
  std::vector<std::vector<Step>> layers;  // the step that wins a tie comes first
  Goal goal = Goal::kFewestZeros;
  std::int64_t target = 0;  // units to reach
  std::int64_t limit = 0;   // no useful sum lies beyond it
};

std::int64_t fewest_zeros(const std::vector<Choice>& layer) {
  return std::ranges::min_element(layer, {}, &Choice::zeros)->zeros;
}

std::int64_t common_divisor(std::span<const std::vector<Choice>> layers) {
  std::int64_t divisor = 0;
  for (const auto& layer : layers)
    for (const Choice& choice : layer) divisor = std::gcd(divisor, choice.zeros - fewest_zeros(layer));
  return std::max<std::int64_t>(divisor, 1);
}

/// Turns costs into integers: a power of two times the cost, so that exact binary fractions stay exact.
class Pricing {
 public:
  explicit Pricing(std::span<const std::vector<Choice>> layers)
      : tie_bits_(static_cast<int>(std::bit_width(layers.size() * kLargestM))) {
    double sum = 0;
    for (const auto& layer : layers) sum += std::ranges::max_element(layer, {}, &Choice::cost)->cost;
    SC_CHECK(std::isfinite(sum));
    if (sum > 0) exponent_ = 59 - tie_bits_ - std::ilogb(sum);
  }
  Price operator()(const Choice& choice) const {
    SC_CHECK(choice.cost >= 0 && choice.pattern.m <= kLargestM);
    const Price cost = std::llround(std::scalbn(choice.cost, exponent_));
    return (cost << tie_bits_) + kLargestM - choice.pattern.m;
  }

 private:
  int tie_bits_, exponent_ = 0;
};

bool wins_a_tie(const Pattern& left, const Pattern& right) {
  return left.m != right.m ? left.m > right.m : left.n > right.n;
}

/// Of choices with equal zeros only the best is left.
std::vector<Step> steps_of(const std::vector<Choice>& layer, const Pricing& pricing, std::int64_t divisor) {
  SC_CHECK(!layer.empty() && layer.size() <= kMostChoices);
  std::vector<Step> steps;
  const std::int64_t base = fewest_zeros(layer);
  for (std::size_t c = 0; c < layer.size(); ++c)
    steps.push_back({(layer[c].zeros - base) / divisor, pricing(layer[c]), static_cast<std::uint8_t>(c)});
  const auto preferred = [&](const Step& left, const Step& right) {
    return wins_a_tie(layer[left.choice].pattern, layer[right.choice].pattern);
  };
  std::ranges::stable_sort(steps, preferred);
  std::ranges::stable_sort(steps, {}, &Step::price);
  std::ranges::stable_sort(steps, {}, &Step::units);
  const auto repeated = std::ranges::unique(steps, {}, &Step::units);
  steps.erase(repeated.begin(), repeated.end());
  std::ranges::stable_sort(steps, preferred);
  return steps;
}

std::vector<std::int64_t> sorted_units(const std::vector<Step>& steps) {
  std::vector<std::int64_t> units;
  for (const Step& step : steps) units.push_back(step.units);
  std::ranges::sort(units);
  return units;
}

/// No sum beyond target + widest gap can be the smallest one that reaches the target: while a sum exceeds zero, some
/// layer can go down by one step, which takes away no more than the widest gap.
/// Where only the cost counts, all sums beyond the target are as good as the target itself.
Program make_program(std::span<const std::vector<Choice>> layers, std::int64_t min_zeros, Goal goal) {
  const std::int64_t divisor = common_divisor(layers);
  const Pricing pricing(layers);
  Program program{.goal = goal};
  std::int64_t base = 0, reach = 0, widest_gap = 0;
  for (const auto& layer : layers) {
    base += fewest_zeros(layer);
    program.layers.push_back(steps_of(layer, pricing, divisor));
    const auto units = sorted_units(program.layers.back());
    for (std::size_t s = 1; s < units.size(); ++s) widest_gap = std::max(widest_gap, units[s] - units[s - 1]);
    reach += units.back();
  }
  program.target = min_zeros <= base ? 0 : (min_zeros - base + divisor - 1) / divisor;
  SC_CHECK(program.target <= reach);
  program.limit = goal == Goal::kLeastCost ? program.target : std::min(reach, program.target + widest_gap);
  return program;
}

/// The best decision for every layer and every sum of units that it and the layers behind it may make up.
class Table {
 public:
  explicit Table(const Program& program)
      : program_(program),
        width_(static_cast<std::size_t>(program.limit) + 1),
        decisions_(program.layers.size() * width_),
        prices_(width_, kUnreachable) {
    prices_[0] = 0;
    std::vector<Price> here(width_);
    for (std::size_t layer = program.layers.size(); layer-- > 0; std::swap(prices_, here)) decide(layer, here);
  }

  /// The choices that make up the smallest reachable sum at the target or above, the best of them.
  std::vector<std::size_t> best() const {
    auto units = static_cast<std::size_t>(program_.target);
    while (units < width_ && prices_[units] >= kUnreachable) ++units;
    SC_CHECK(units < width_);
    std::vector<std::size_t> chosen;
    for (std::size_t layer = 0; layer < program_.layers.size(); ++layer) {
      const Step& step = program_.layers[layer][decisions_[layer * width_ + units]];
      chosen.push_back(step.choice);
      units -= std::min(units, static_cast<std::size_t>(step.units));
    }
    return chosen;
  }

 private:
  /// here[u] = the least price at which `layer` and those behind it, whose prices are prices_, make up u units: exactly
  /// where the sum counts, at least where it does not.
  void decide(std::size_t layer, std::vector<Price>& here) {
    std::ranges::fill(here, kUnreachable);
    std::uint8_t* decisions = decisions_.data() + layer * width_;
    const std::vector<Step>& steps = program_.layers[layer];
    for (std::size_t s = 0; s < steps.size(); ++s) {
      const auto offset = static_cast<std::size_t>(steps[s].units);
      const std::size_t first = program_.goal == Goal::kLeastCost ? 0 : std::min(offset, width_);
      for (std::size_t units = first; units < width_; ++units) {
        const Price candidate = prices_[units - std::min(units, offset)] + steps[s].price;
        if (candidate >= here[units]) continue;
        here[units] = candidate;
        decisions[units] = static_cast<std::uint8_t>(s);
      }
    }
  }

  const Program& program_;
  std::size_t width_;
  std::vector<std::uint8_t> decisions_;
  std::vector<Price> prices_;
};

}  // namespace

Result<Allocation> allocate(std::span<const std::vector<Choice>> layers, std::int64_t min_zeros, Goal goal) {
  const Program program = make_program(layers, min_zeros, goal);
  const std::int64_t bytes_per_sum = static_cast<std::int64_t>(layers.size() + 2 * sizeof(Price));
  if (program.limit >= kLargestTable / bytes_per_sum)
    return fail(Remedy{"choose by block, or among fewer patterns"},
                "the sizes of the matrices allow {} different numbers of zeros, too many to compare", program.limit);
  Allocation allocation{.chosen = Table(program).best()};
  for (std::size_t layer = 0; layer < layers.size(); ++layer) {
    allocation.zeros += layers[layer][allocation.chosen[layer]].zeros;
    allocation.cost += layers[layer][allocation.chosen[layer]].cost;
  }
  return allocation;
}

}  // namespace sparsecim
