#include "hardware/tiling.hpp"

#include <algorithm>
#include <numeric>

namespace sparsecim {

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

std::int64_t Tiling::multicasts() const {
  // Input tile k is in step (q * input_tiles + k) mod tiles_per_macro for each output tile q: the residues repeat with
  // this period.
  return std::min(output_tiles, tiles_per_macro / std::gcd(input_tiles, tiles_per_macro));
}

}  // namespace sparsecim
