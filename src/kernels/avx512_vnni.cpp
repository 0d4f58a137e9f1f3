#ifdef __x86_64__

#include <immintrin.h>

#include "kernels/int8_kernel.hpp"
#include "kernels/quantise_row.hpp"
#include "kernels/register_tile.hpp"

namespace sparsecim {
namespace {

/// vpdpbusd adds four products of an unsigned and a signed byte to each 32-bit lane. The weights are the unsigned ones,
/// 128 too large: 128 times the sum of a token's activations is taken off at the start. A lane then holds the true sum
/// over the inputs that are done, less 128 times the activations that are not: both are within 128 * 128 an input, so
/// that up to kMostInt8Inputs no lane overflows on the way, and saturation (vpdpbusds) would change nothing.
struct Avx512Vnni {
  using Vector = __m512i;
  static constexpr int kLanes = 16, kVectors = 4, kTokens = 6;  // 24 sums and 4 weights of 32 registers
  static constexpr int kWeightBytes = 64;

  static Vector set1(std::int32_t value) { return _mm512_set1_epi32(value); }
  static Vector load(const std::int32_t* sums) { return _mm512_loadu_si512(sums); }
  static void store(std::int32_t* sums, Vector vector) { _mm512_storeu_si512(sums, vector); }
  static Vector weights(const std::uint8_t* weights) { return _mm512_load_si512(weights); }
  static Vector broadcast(const std::uint8_t* group) {
    std::int32_t four;
    __builtin_memcpy(&four, group, sizeof four);
    return _mm512_set1_epi32(four);
  }
  static Vector add(Vector sum, Vector weights, Vector group) { return _mm512_dpbusd_epi32(sum, weights, group); }
};

bool runs_here() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
}

}  // namespace

const Int8Kernel kAvx512VnniInt8 = {.name = "avx512_vnni",
                                    .runs_here = runs_here,
                                    .block_tokens = Avx512Vnni::kTokens,
                                    .panel_outputs = Avx512Vnni::kVectors * Avx512Vnni::kLanes,
                                    .group = 4,
                                    .weight_offset = 128,
                                    .activation_bytes = 1,
                                    .multiply = multiply_tile<Avx512Vnni>,
                                    .quantise_row = quantise_row};

}  // namespace sparsecim

#endif
