#include "kernels/int8_kernel.hpp"
#include "kernels/quantise_row.hpp"

namespace sparsecim {
namespace {

constexpr std::int64_t kOutputs = 4, kGroup = 64;  // long enough for the compiler's own vector code

std::int32_t dot(const std::int8_t* a, const std::int8_t* b) {
  std::int32_t sum = 0;
  for (std::int64_t i = 0; i < kGroup; ++i) sum += static_cast<std::int32_t>(a[i]) * b[i];
  return sum;
}

void multiply(const Int8Tile& tile) {
  const auto* activations = static_cast<const std::int8_t*>(tile.activations);
  const auto* weights = reinterpret_cast<const std::int8_t*>(tile.weights);
  for (std::int64_t token = 0; token < tile.n_tokens; ++token)
    for (std::int64_t output = 0; output < kOutputs; ++output) {
      std::int32_t& result = tile.sums[token * tile.stride + output];
      std::int32_t sum = tile.start != nullptr ? tile.start[token] : result;
      for (std::int64_t step = 0; step < tile.n_steps; ++step)
        sum +=
            dot(activations + (step * tile.n_tokens + token) * kGroup, weights + (step * kOutputs + output) * kGroup);
      result = sum;
    }
}

bool runs_everywhere() { return true; }

}  // namespace

const Int8Kernel kPortableInt8 = {.name = "portable",
                                  .runs_here = runs_everywhere,
                                  .block_tokens = 4,
                                  .panel_outputs = kOutputs,
                                  .group = kGroup,
                                  .weight_offset = 0,
                                  .activation_bytes = 1,
                                  .multiply = multiply,
                                  .quantise_row = quantise_row};

}  // namespace sparsecim
