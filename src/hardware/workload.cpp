#include "hardware/workload.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/check.hpp"

namespace sparsecim {
namespace {

constexpr std::int64_t kLargestSize = std::int64_t{1} << 31;
constexpr double kMostMacs = 0x1p53;  // beyond it a double no longer counts exactly

double largest_magnitude(std::span<const float> row) {
  double largest = 0;
  for (const float weight : row) largest = std::max(largest, std::abs(static_cast<double>(weight)));
  return largest;
}

std::int64_t one_bits_of_row(std::span<const float> row) {
  const double largest = largest_magnitude(row);
  if (largest == 0) return 0;
  std::int64_t ones = 0;
  for (const float weight : row) {
    const auto quantised = static_cast<std::int8_t>(std::lround(127 * (weight / largest)));
    ones += std::popcount(static_cast<std::uint8_t>(quantised));
  }
  return ones;
}

int most_kept_in_groups_of(int size, std::span<const float> row) {
  int most = 0;
  for (std::size_t begin = 0; begin < row.size(); begin += static_cast<std::size_t>(size)) {
    const auto group = row.subspan(begin, std::min(static_cast<std::size_t>(size), row.size() - begin));
    most = std::max(most, static_cast<int>(std::ranges::count_if(group, [](float weight) { return weight != 0; })));
  }
  return most;
}

void add_row(MaskStatistics& statistics, std::span<const float> row) {
  statistics.nonzero += std::ranges::count_if(row, [](float weight) { return weight != 0; });
  statistics.one_bits += one_bits_of_row(row);
  for (std::size_t i = 0; i < statistics.most_kept.size(); ++i)
    statistics.most_kept[i] =
        std::max(statistics.most_kept[i], most_kept_in_groups_of(MaskStatistics::kGroupSizes[i], row));
}

bool is_share(double value) { return value >= 0 && value <= 1; }

Result<void> validate_sizes(const Operation& operation) {
  for (const auto& [name, size] : {std::pair{"tokens", operation.n_tokens},
                                   {"inputs", operation.n_inputs},
                                   {"outputs", operation.n_outputs},
                                   {"count", operation.count}})
    if (size < 1 || size > kLargestSize) return fail("{} is {}, outside 1 .. {}", name, size, kLargestSize);
  const double macs = 1.0 * operation.count * operation.n_tokens * operation.n_inputs * operation.n_outputs;
  if (macs > kMostMacs) return fail("{:.3g} multiply-accumulates are more than the {:.3g} counted", macs, kMostMacs);
  return {};
}

Result<void> validate_statistics(const Operation& operation) {
  if (!is_share(operation.activity.weight_ones)) return fail("weight_ones is outside 0 .. 1");
  if (!is_share(operation.activity.activation_toggle)) return fail("activation_toggle is outside 0 .. 1");
  if (!operation.weights) return {};
  const std::int64_t weights = operation.n_inputs * operation.n_outputs;
  const auto [nonzero, one_bits, most_kept] = *operation.weights;
  if (nonzero < 0 || nonzero > weights) return fail("{} non-zero weights of {}", nonzero, weights);
  if (one_bits < 0 || one_bits > 8 * nonzero) return fail("{} one bits in {} 8-bit weights", one_bits, nonzero);
  return {};
}

Result<void> validate(const Operation& operation) {
  SC_TRY(validate_sizes(operation));
  const auto [n, m] = operation.pattern;
  if (n < 1 || n > m || m > kLargestM) return fail("{}:{} is no pattern", n, m);
  return validate_statistics(operation);
}

}  // namespace

MaskStatistics mask_statistics(std::span<const float> weights, std::int64_t n_inputs) {
  const auto width = static_cast<std::size_t>(n_inputs);
  SC_CHECK(n_inputs > 0 && weights.size() % width == 0);
  MaskStatistics statistics{.most_kept = {}};
  for (std::size_t begin = 0; begin < weights.size(); begin += width)
    add_row(statistics, weights.subspan(begin, width));
  return statistics;
}

std::int64_t Operation::nonzero_weights() const {
  return weights ? weights->nonzero : n_outputs * kept_per_row(pattern, n_inputs);
}

double Operation::weight_one_bits() const {
  if (weights) return static_cast<double>(weights->one_bits);
  return 8 * activity.weight_ones * static_cast<double>(nonzero_weights());
}

Result<void> validate(const Workload& workload) {
  if (workload.operations.empty()) return fail("workload '{}' has no operations", workload.name);
  if (workload.n_tokens < 1) return fail("workload '{}' processes {} tokens", workload.name, workload.n_tokens);
  for (const Operation& operation : workload.operations) SC_TRY(within(operation.name, validate(operation)));
  return {};
}

}  // namespace sparsecim
