#include "hardware/dcim/key_steps.hpp"

#include <algorithm>

#include "hardware/tiling.hpp"

namespace sparsecim {
namespace {

/// What a filling tile's trees do is not quite linear in what it holds: within 1 % over so many keys more.
constexpr std::int64_t kMostMore = 7;

std::int64_t sum_to(std::int64_t n) { return n * (n - 1) / 2; }  // 0 + 1 + .. + (n - 1)

/// The sum of floor((start + slope * i) / divisor) over i = 0 .. n - 1: whole parts are taken out, and what is left
/// counts points below a line, which are counted along the other axis.
std::int64_t floor_sum(std::int64_t n, std::int64_t divisor, std::int64_t slope, std::int64_t start) {
  std::int64_t sum = sum_to(n) * (slope / divisor) + n * (start / divisor);
  slope %= divisor;
  start %= divisor;
  const std::int64_t end = slope * n + start;
  if (end < divisor) return sum;
  sum += floor_sum(end / divisor, slope, divisor, end % divisor);
  return sum;
}

}  // namespace

std::vector<AlikeSteps> alike_steps(const Operation& operation, std::int64_t inputs_per_tile,
                                    std::int64_t outputs_per_tile) {
  const auto [along_inputs, per_step] = operation.keys;
  const std::int64_t steps = operation.steps();
  if (per_step == 0) return {{0, steps - 1}};
  const std::int64_t width = along_inputs ? inputs_per_tile : outputs_per_tile;
  std::vector<AlikeSteps> alike;
  for (std::int64_t first = 0; first < steps; first = alike.back().last + 1) {
    const std::int64_t keys = operation.n_keys() + first * per_step;
    const bool lone = per_step > 1 || (along_inputs && keys < width);
    const std::int64_t same_tiles = lone ? 0 : divide_up(keys, width) * width - keys;
    const std::int64_t more = along_inputs ? std::min(same_tiles, kMostMore) : same_tiles;
    alike.push_back({first, std::min(steps - 1, first + more)});
  }
  return alike;
}

double seen_share(const Operation& operation, std::int64_t keys_per_tile) {
  const std::int64_t positions = operation.keys.per_step, keys = operation.n_keys();
  if (positions <= 1) return 1;
  // The tile whose first key is f is seen by the last min(positions, keys - f) positions.
  const std::int64_t tiles = divide_up(keys, keys_per_tile), by_all = (keys - positions) / keys_per_tile + 1;
  const std::int64_t by_some = tiles - by_all;
  const std::int64_t seen =
      by_all * positions + by_some * (keys - by_all * keys_per_tile) - keys_per_tile * sum_to(by_some);
  return static_cast<double>(seen) / (static_cast<double>(tiles) * static_cast<double>(positions));
}

std::int64_t vector_cycles(const Operation& operation, std::int64_t lanes) {
  const std::int64_t first = operation.step(0).dense_macs();
  const std::int64_t more = operation.steps() > 1 ? operation.step(1).dense_macs() - first : 0;
  return floor_sum(operation.steps(), lanes, more, first + lanes - 1);
}

}  // namespace sparsecim
