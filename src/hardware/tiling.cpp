#include "hardware/tiling.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

namespace sparsecim {
namespace {

struct Range {
  std::int64_t begin, end;
};

std::int64_t full_macros(const Tiling& tiling) { return tiling.tiles() / tiling.tiles_per_macro; }

/// The union of [first, first + tiles_per_macro) over all full macros, `first` being the input tile that the macro's
/// run begins with; in order, apart from each other.
std::vector<Range> covered(const Tiling& tiling) {
  const std::int64_t length = tiling.tiles_per_macro, inputs = tiling.input_tiles;
  const std::int64_t spacing = std::gcd(length, inputs);
  // Runs begin with every multiple of `spacing` before any of them comes again.
  if (full_macros(tiling) >= inputs / spacing) return {{0, inputs - spacing + length}};
  std::vector<std::int64_t> firsts;
  for (std::int64_t macro = 0; macro < full_macros(tiling); ++macro) firsts.push_back(macro * length % inputs);
  std::ranges::sort(firsts);
  std::vector<Range> ranges;
  for (const std::int64_t first : firsts)
    if (!ranges.empty() && first <= ranges.back().end)
      ranges.back().end = first + length;
    else
      ranges.push_back({first, first + length});
  return ranges;
}

/// Whether a full macro takes input tile k in this step.
bool meets_full_macro(const Tiling& tiling, const std::vector<Range>& ranges, std::int64_t k, std::int64_t step) {
  for (std::int64_t u = step; u < tiling.input_tiles + tiling.tiles_per_macro; u += tiling.tiles_per_macro)
    if (u % tiling.input_tiles == k)
      return std::ranges::any_of(ranges, [u](const Range& range) { return u >= range.begin && u < range.end; });
  return false;
}

}  // namespace

Tiling Tiling::over(std::int64_t input_tiles, std::int64_t output_tiles, std::int64_t macros) {
  return {input_tiles, output_tiles, divide_up(input_tiles * output_tiles, macros)};
}

std::int64_t Tiling::joins() const {
  // Macro i > 0 starts at tile i * tiles_per_macro; it starts a new output where that is a multiple of input_tiles.
  const std::int64_t boundaries = macros_used() - 1;
  const std::int64_t period = input_tiles / std::gcd(input_tiles, tiles_per_macro);
  return boundaries - boundaries / period;
}

std::int64_t Tiling::joins_of_last_output() const {
  return macros_used() - 1 - (output_tiles - 1) * input_tiles / tiles_per_macro;
}

std::vector<std::int64_t> Tiling::steps_of(std::int64_t macro) const {
  const std::int64_t first = macro * tiles_per_macro, count = std::min(tiles_per_macro, tiles() - first);
  std::vector<std::int64_t> steps;
  std::vector<bool> taken(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    steps.push_back((first % input_tiles + i) % tiles_per_macro);
    if (steps.back() < count) taken[static_cast<std::size_t>(steps.back())] = true;
  }
  auto free = taken.begin();
  for (std::int64_t& step : steps)
    if (step >= count) {
      free = std::find(free, taken.end(), false);
      step = free++ - taken.begin();
    }
  return steps;
}

Multicasts Tiling::multicasts() const {
  // A full macro takes input tile k = u mod input_tiles in step u mod tiles_per_macro for every u of a range that
  // begins with its first input tile. No two u of all ranges have both alike: they lie less than the least common
  // multiple of input_tiles and tiles_per_macro apart. So what counts is how many u the ranges cover.
  const std::vector<Range> ranges = covered(*this);
  Multicasts count;
  for (const Range& range : ranges) {
    count.all += range.end - range.begin;
    count.last_input += range.end / input_tiles - range.begin / input_tiles;  // u + 1 is a multiple of input_tiles
  }
  if (tiles() % tiles_per_macro == 0) return count;
  std::int64_t number = full_macros(*this) * tiles_per_macro;
  for (const std::int64_t step : steps_of(macros_used() - 1)) {
    const std::int64_t k = number++ % input_tiles;
    if (meets_full_macro(*this, ranges, k, step)) continue;
    ++count.all;
    count.last_input += k == input_tiles - 1;
  }
  return count;
}

}  // namespace sparsecim
