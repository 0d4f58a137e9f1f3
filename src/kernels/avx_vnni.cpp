#ifdef __x86_64__

#include <immintrin.h>

#include "kernels/int8_kernel.hpp"
#include "kernels/quantise_row.hpp"
#include "kernels/register_tile.hpp"

namespace sparsecim {
namespace {

/// As avx512_vnni.cpp, on the 256-bit registers of processors without AVX-512.
struct AvxVnni {
  using Vector = __m256i;
  static constexpr int kLanes = 8, kVectors = 2, kTokens = 6;  // 12 sums, 2 weights and a group of 16 registers
  static constexpr int kWeightBytes = 32;

  static Vector set1(std::int32_t value) { return _mm256_set1_epi32(value); }
  static Vector load(const std::int32_t* sums) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(sums)); }
  static void store(std::int32_t* sums, Vector vector) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(sums), vector);
  }
  static Vector weights(const std::uint8_t* weights) {
    return _mm256_load_si256(reinterpret_cast<const __m256i*>(weights));
  }
  static Vector broadcast(const std::uint8_t* group) {
    std::int32_t four;
    __builtin_memcpy(&four, group, sizeof four);
    return _mm256_set1_epi32(four);
  }
  static Vector add(Vector sum, Vector weights, Vector group) { return _mm256_dpbusd_avx_epi32(sum, weights, group); }
};

bool runs_here() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("avxvnni"); }

}  // namespace

const Int8Kernel kAvxVnniInt8 = {.name = "avx_vnni",
                                 .runs_here = runs_here,
                                 .block_tokens = AvxVnni::kTokens,
                                 .panel_outputs = AvxVnni::kVectors * AvxVnni::kLanes,
                                 .group = 4,
                                 .weight_offset = 128,
                                 .activation_bytes = 1,
                                 .multiply = multiply_tile<AvxVnni>,
                                 .quantise_row = quantise_row};

}  // namespace sparsecim

#endif
