#ifdef __x86_64__

#include <immintrin.h>

#include "kernels/int8_kernel.hpp"
#include "kernels/quantise_row.hpp"
#include "kernels/register_tile.hpp"

namespace sparsecim {
namespace {

/// vpmaddwd adds two products of 16-bit numbers in each 32-bit lane, exactly. Its 8-bit relation vpmaddubsw saturates
/// at 16 bits, so weights are widened when they are loaded and activations when they are packed.
struct Avx2 {
  using Vector = __m256i;
  static constexpr int kLanes = 8, kVectors = 2, kTokens = 6;  // 12 sums, 2 weights and a group of 16 registers
  static constexpr int kWeightBytes = 16;

  static Vector set1(std::int32_t value) { return _mm256_set1_epi32(value); }
  static Vector load(const std::int32_t* sums) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(sums)); }
  static void store(std::int32_t* sums, Vector vector) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(sums), vector);
  }
  static Vector weights(const std::uint8_t* weights) {
    return _mm256_cvtepi8_epi16(_mm_load_si128(reinterpret_cast<const __m128i*>(weights)));
  }
  static Vector broadcast(const std::uint8_t* group) {
    std::int32_t two;
    __builtin_memcpy(&two, group, sizeof two);
    return _mm256_set1_epi32(two);
  }
  static Vector add(Vector sum, Vector weights, Vector group) {
    return _mm256_add_epi32(sum, _mm256_madd_epi16(weights, group));
  }
};

bool runs_here() { return __builtin_cpu_supports("avx2"); }

}  // namespace

const Int8Kernel kAvx2Int8 = {.name = "avx2",
                              .runs_here = runs_here,
                              .block_tokens = Avx2::kTokens,
                              .panel_outputs = Avx2::kVectors * Avx2::kLanes,
                              .group = 2,
                              .weight_offset = 0,
                              .activation_bytes = 2,
                              .multiply = multiply_tile<Avx2>,
                              .quantise_row = quantise_row};

}  // namespace sparsecim

#endif
