#include "int8_peak.hpp"

#ifdef __x86_64__
#include <immintrin.h>
#endif

namespace sparsecim::bench {
namespace {

#ifdef __x86_64__

constexpr int kSums = 12;  // vpdpbusd takes 4 to 5 cycles, and at most two start in one. Loops over them are unrolled:
                           // an array that is indexed stays in memory.

/// Keeps the compiler from knowing what a register holds.
template <class Vector>
void make_opaque(Vector& vector) {
  asm volatile("" : "+v"(vector));
}

__attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni"))) std::int64_t avx512_vnni(std::int64_t rounds) {
  __m512i sums[kSums] = {}, a = _mm512_set1_epi32(0x01020304), b = a;
  make_opaque(a);
  make_opaque(b);
#pragma GCC unroll 12
  for (auto& sum : sums) make_opaque(sum);  // or they would be known to be equal
  for (std::int64_t round = 0; round < rounds; ++round)
#pragma GCC unroll 12
    for (__m512i& sum : sums) sum = _mm512_dpbusd_epi32(sum, a, b);
#pragma GCC unroll 12
  for (__m512i& sum : sums) make_opaque(sum);
  return rounds * kSums * 64;
}

__attribute__((target("avx2,avxvnni"))) std::int64_t avx_vnni(std::int64_t rounds) {
  __m256i sums[kSums] = {}, a = _mm256_set1_epi32(0x01020304), b = a;
  make_opaque(a);
  make_opaque(b);
#pragma GCC unroll 12
  for (auto& sum : sums) make_opaque(sum);  // or they would be known to be equal
  for (std::int64_t round = 0; round < rounds; ++round)
#pragma GCC unroll 12
    for (__m256i& sum : sums) sum = _mm256_dpbusd_avx_epi32(sum, a, b);
#pragma GCC unroll 12
  for (__m256i& sum : sums) make_opaque(sum);
  return rounds * kSums * 32;
}

__attribute__((target("avx2"))) std::int64_t avx2(std::int64_t rounds) {
  __m256i sums[kSums] = {}, a = _mm256_set1_epi32(0x01020304), b = a;
#pragma GCC unroll 12
  for (auto& sum : sums) make_opaque(sum);
  for (std::int64_t round = 0; round < rounds; ++round)
#pragma GCC unroll 12
    for (__m256i& sum : sums) {
      make_opaque(a);  // or the product would be computed once
      sum = _mm256_add_epi32(sum, _mm256_madd_epi16(a, b));
    }
#pragma GCC unroll 12
  for (__m256i& sum : sums) make_opaque(sum);
  return rounds * kSums * 16;
}

#endif

}  // namespace

std::int64_t multiply_in_registers(std::string_view kernel, std::int64_t rounds) {
#ifdef __x86_64__
  if (kernel == "avx512_vnni") return avx512_vnni(rounds);
  if (kernel == "avx_vnni") return avx_vnni(rounds);
  if (kernel == "avx2") return avx2(rounds);
#endif
  return 0;
}

}  // namespace sparsecim::bench
