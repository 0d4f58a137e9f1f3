#include "hardware/workload.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/check.hpp"
#include "hardware/tiling.hpp"

namespace sparsecim {
namespace {

constexpr std::int64_t kLargestSize = std::int64_t{1} << 31;
constexpr std::size_t kChunk = 1 << 16;
constexpr double kMostMacs = 0x1p53;  // beyond it a double no longer counts exactly
constexpr std::int64_t kMostHeld = std::int64_t{1} << 53;

/// Ones among the low eight bits, in operations that compilers vectorise.
std::uint32_t ones_of_byte(std::uint32_t value) {
  value &= 0xff;
  value -= (value >> 1) & 0x55;
  value = (value & 0x33) + ((value >> 2) & 0x33);
  return (value + (value >> 4)) & 0x0f;
}

std::int64_t one_bits_of_row(std::span<const float> row) {
  float largest = 0;
  for (const float weight : row) largest = std::max(largest, std::abs(weight));
  if (largest == 0) return 0;
  std::int64_t total = 0;
  for (std::size_t begin = 0; begin < row.size(); begin += kChunk) {
    std::uint32_t ones = 0;  // 32-bit sums vectorise better; a chunk cannot overflow them
    for (const float weight : row.subspan(begin, std::min(kChunk, row.size() - begin))) {
      const float scaled = 127 * (weight / largest);  // in this order: 127 / largest may overflow
      const auto quantised = static_cast<std::int32_t>(scaled + (scaled < 0 ? -0.5f : 0.5f));
      ones += ones_of_byte(static_cast<std::uint32_t>(quantised));
    }
    total += ones;
  }
  return total;
}

/// By the fullest of each part's groups of four.
void count_row_parts(std::span<const std::uint8_t> kept_of_four, std::array<std::int64_t, 3>& row_parts) {
  constexpr std::size_t kGroups = MaskStatistics::kRowPart / 4;
  for (std::size_t begin = 0; begin < kept_of_four.size(); begin += kGroups) {
    const std::uint8_t fullest =
        std::ranges::max(kept_of_four.subspan(begin, std::min(kGroups, kept_of_four.size() - begin)));
    ++row_parts[fullest <= 1 ? 0 : fullest == 2 ? 1 : 2];
  }
}

/// Raises most_kept to the fullest groups of this row. Groups double in size, so counts are added up in pairs.
void count_groups(std::span<const float> row, std::vector<std::uint8_t>& kept, MaskStatistics& statistics) {
  kept.resize(row.size() + 1);
  for (std::size_t i = 0; i < row.size(); ++i) kept[i] = row[i] != 0;
  std::size_t size = row.size();
  for (std::size_t level = 0; level < statistics.most_kept.size(); ++level) {
    kept[size] = 0;  // the missing half of a last short group
    size = (size + 1) / 2;
    std::uint8_t fullest = 0;
    for (std::size_t i = 0; i < size; ++i) {
      kept[i] = static_cast<std::uint8_t>(kept[2 * i] + kept[2 * i + 1]);
      fullest = std::max(fullest, kept[i]);
    }
    statistics.most_kept[level] = std::max<int>(statistics.most_kept[level], fullest);
    if (MaskStatistics::kGroupSizes[level] == 4) count_row_parts(std::span(kept).first(size), statistics.row_parts);
  }
}

bool is_share(double value) { return value >= 0 && value <= 1; }

/// Counts what rows need of pairs together, row after row.
class PairCounter {
 public:
  explicit PairCounter(std::size_t n_inputs) : of_row_((n_inputs + 1) / 2) { together_.fill(of_row_); }

  void add(std::span<const float> row, bool last) {
    for (std::size_t p = 0; p < of_row_.size(); ++p) {
      const bool right = 2 * p + 1 < row.size() && row[2 * p + 1] != 0;
      of_row_[p] = static_cast<std::uint8_t>((row[2 * p] != 0) + right);
    }
    ++rows_;
    for (std::size_t g = 0; g < together_.size(); ++g) {
      std::vector<std::uint8_t>& most = together_[g];
      for (std::size_t p = 0; p < most.size(); ++p) most[p] = std::max(most[p], of_row_[p]);
      if (rows_ % MaskStatistics::kSharingOutputs[g] == 0 || last) take_group(g);
    }
  }
  const std::array<std::array<int, 4>, 6>& most() const { return most_; }

 private:
  /// The rows of a group are complete.
  void take_group(std::size_t g) {
    std::vector<std::uint8_t>& pairs = together_[g];
    for (std::size_t i = 0; i < MaskStatistics::kGroupSizes.size(); ++i) {
      const auto width = static_cast<std::size_t>(MaskStatistics::kGroupSizes[i] / 2);
      for (std::size_t p = 0; p < pairs.size(); p += width) {
        int sum = 0;
        for (std::size_t k = p; k < std::min(p + width, pairs.size()); ++k) sum += pairs[k];
        most_[g][i] = std::max(most_[g][i], sum);
      }
    }
    std::ranges::fill(pairs, 0);
  }

  std::vector<std::uint8_t> of_row_;                   // kept of each pair
  std::array<std::vector<std::uint8_t>, 6> together_;  // the most of the rows so far
  std::array<std::array<int, 4>, 6> most_ = {};
  std::int64_t rows_ = 0;
};

Result<void> validate_sizes(const Operation& operation) {
  for (const auto& [name, size] : {std::pair{"tokens", operation.n_tokens},
                                   {"inputs", operation.n_inputs},
                                   {"outputs", operation.n_outputs},
                                   {"count", operation.count}})
    if (size < 1 || size > kLargestSize) return fail("{} is {}, outside 1 .. {}", name, size, kLargestSize);
  if (operation.independent < 1 || operation.count % operation.independent != 0)
    return fail("{} independent products do not divide {}", operation.independent, operation.count);
  const double more_keys = static_cast<double>(operation.keys.per_step) * static_cast<double>(operation.steps() - 1);
  const double growth = 1 + more_keys / static_cast<double>(operation.n_keys());
  const double macs = growth * operation.count * operation.n_tokens * operation.n_inputs * operation.n_outputs;
  if (macs > kMostMacs) return fail("{:.3g} multiply-accumulates are more than the {:.3g} counted", macs, kMostMacs);
  return {};
}

Result<void> validate_keys(const Operation& operation) {
  const std::int64_t positions = operation.keys.per_step;
  if (positions == 0) return {};
  if (operation.kind != Operation::Kind::kAttention) return fail("weights do not grow by keys");
  if (positions < 0 || operation.n_tokens % positions != 0 || operation.n_keys() < positions)
    return fail("{} new positions do not fit {} queries and {} keys", positions, operation.n_tokens,
                operation.n_keys());
  return {};
}

Result<void> validate_statistics(const Operation& operation) {
  if (!is_share(operation.activity.weight_ones)) return fail("weight_ones is outside 0 .. 1");
  const Activity& activity = operation.activity;
  for (const auto& [name, share] : {std::pair{"activation_toggle", activity.activation_toggle},
                                    {"held_toggle", activity.held_toggle},
                                    {"zero_planes", activity.zero_planes},
                                    {"idle_planes", activity.idle_planes},
                                    {"word_toggle", activity.word_toggle}})
    if (!is_share(share)) return fail("{} is outside 0 .. 1", name);
  if (activity.idle_planes > activity.zero_planes)
    return fail("{} idle planes of {} zero planes", activity.idle_planes, activity.zero_planes);
  if (operation.held_values < 0 || operation.held_values > kMostHeld)
    return fail("{} values held, outside 0 .. {}", operation.held_values, kMostHeld);
  if (!operation.weights) return {};
  const std::int64_t weights = operation.n_inputs * operation.n_outputs;
  const std::int64_t nonzero = operation.weights->nonzero, one_bits = operation.weights->one_bits;
  if (nonzero < 0 || nonzero > weights) return fail("{} non-zero weights of {}", nonzero, weights);
  if (one_bits < 0 || one_bits > 8 * nonzero) return fail("{} one bits in {} 8-bit weights", one_bits, nonzero);
  const auto& row_parts = operation.weights->row_parts;
  const std::int64_t parts = std::accumulate(row_parts.begin(), row_parts.end(), std::int64_t{0});
  const std::int64_t all_parts = operation.n_outputs * divide_up(operation.n_inputs, MaskStatistics::kRowPart);
  if (std::ranges::min(row_parts) < 0 || (parts != 0 && parts != all_parts))
    return fail("{} parts of rows, of {}", parts, all_parts);
  return {};
}

Result<void> validate_factors(const Operation& operation) {
  if (!operation.monarch) return {};
  SC_TRY(sparsecim::validate(*operation.monarch));
  if (operation.kind != Operation::Kind::kLinear || !operation.pattern.dense() || operation.weights)
    return fail("Monarch factors have no pattern, and only weights are stored so");
  if (operation.monarch->n_out != operation.n_outputs || operation.monarch->n_in != operation.n_inputs)
    return fail("Monarch factors of a {} x {} matrix stand for one of {} x {}", operation.monarch->n_out,
                operation.monarch->n_in, operation.n_outputs, operation.n_inputs);
  return {};
}

Result<void> validate(const Operation& operation) {
  SC_TRY(validate_sizes(operation));
  SC_TRY(validate_factors(operation));
  SC_TRY(validate_keys(operation));
  const auto [n, m] = operation.pattern;
  if (n < 1 || n > m || m > kLargestM) return fail("{}:{} is no pattern", n, m);
  return validate_statistics(operation);
}

}  // namespace

MaskStatistics mask_statistics(std::span<const float> weights, std::int64_t n_inputs) {
  const auto width = static_cast<std::size_t>(n_inputs);
  SC_CHECK(n_inputs > 0 && weights.size() % width == 0);
  MaskStatistics statistics{.most_kept = {}, .most_pairs = {}};
  std::vector<std::uint8_t> kept;
  PairCounter pairs(width);
  for (std::size_t begin = 0; begin < weights.size(); begin += width) {
    const auto row = weights.subspan(begin, width);
    statistics.nonzero += std::ranges::count_if(row, [](float weight) { return weight != 0; });
    statistics.one_bits += one_bits_of_row(row);
    count_groups(row, kept, statistics);
    pairs.add(row, begin + width == weights.size());
  }
  statistics.most_pairs = pairs.most();
  return statistics;
}

int MaskStatistics::pairs_needed(std::int64_t outputs, int inputs) const {
  for (std::size_t i = 0; i < kGroupSizes.size(); ++i) {
    if (kGroupSizes[i] != inputs) continue;
    if (outputs == 1) return most_kept[i];
    for (std::size_t g = 0; g < kSharingOutputs.size(); ++g)
      if (kSharingOutputs[g] == outputs) return most_pairs[g][i];
  }
  return inputs;
}

Operation Operation::step(std::int64_t step) const {
  Operation alone = *this;
  alone.count = independent;
  (keys.along_inputs ? alone.n_inputs : alone.n_outputs) += step * keys.per_step;
  return alone;
}

std::int64_t Operation::dense_macs() const {
  // Pairs of queries and keys grow by n_tokens * per_step from step to step.
  const std::int64_t more_pairs = n_tokens * keys.per_step * (steps() * (steps() - 1) / 2);
  return independent * (keys.along_inputs ? n_outputs : n_inputs) * (steps() * visible_pairs() + more_pairs);
}

std::int64_t Operation::nonzero_weights() const {
  return weights ? weights->nonzero : n_outputs * kept_per_row(pattern, n_inputs);
}

double Operation::weight_one_bits() const {
  if (weights) return static_cast<double>(weights->one_bits);
  return 8 * activity.weight_ones * static_cast<double>(nonzero_weights());
}

Activity Activity::of_groups(std::int64_t inputs) const {
  Activity wide = *this;
  const double groups = std::max(1.0, static_cast<double>(inputs) / static_cast<double>(kPlaneGroup));
  wide.zero_planes = std::pow(zero_planes, groups);
  wide.idle_planes = std::pow(idle_planes, groups);
  // What holding still saves shrinks with the planes in which lines hold still.
  if (zero_planes > 0)
    wide.held_toggle = activation_toggle - (activation_toggle - held_toggle) * wide.zero_planes / zero_planes;
  return wide;
}

Result<void> validate(const Workload& workload) {
  if (workload.operations.empty()) return fail("workload '{}' has no operations", workload.name);
  if (workload.n_tokens < 1) return fail("workload '{}' processes {} tokens", workload.name, workload.n_tokens);
  for (const Operation& operation : workload.operations) SC_TRY(within(operation.name, validate(operation)));
  return {};
}

}  // namespace sparsecim
