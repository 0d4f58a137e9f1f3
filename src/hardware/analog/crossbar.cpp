#include "hardware/analog/crossbar.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace sparsecim {
namespace {

/// Columns whose sums stay in registers over all rows: of 8 planes, four vectors each of AVX-512, eight of AVX2.
constexpr std::int64_t kColumnsAtOnce = 32;

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__clang__)
#define SC_CROSSBAR_CPUS __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define SC_CROSSBAR_CPUS
#endif

/// For a whole block of kColumnsAtOnce columns.
SC_CROSSBAR_CPUS void block_sums(const float* cells, std::int64_t row_pitch, std::int64_t rows, const float* digits,
                                 float* sums) {
  // Two planes at a time: their sums fit the registers of every width.
  for (std::int64_t plane = 0; plane < kPlanesAtOnce; plane += 2) {
    float first[kColumnsAtOnce] = {}, second[kColumnsAtOnce] = {};
    for (std::int64_t row = 0; row < rows; ++row) {
      const float* cell = cells + row * row_pitch;
      const float a = digits[row * kPlanesAtOnce + plane], b = digits[row * kPlanesAtOnce + plane + 1];
      for (std::int64_t c = 0; c < kColumnsAtOnce; ++c) {
        first[c] += a * cell[c];
        second[c] += b * cell[c];
      }
    }
    std::copy(first, first + kColumnsAtOnce, sums + plane * kColumnsAtOnce);
    std::copy(second, second + kColumnsAtOnce, sums + (plane + 1) * kColumnsAtOnce);
  }
}

}  // namespace

double NoiseSource::uniform() {
  // SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
  state_ += 0x9e3779b97f4a7c15ULL;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return (static_cast<double>((z ^ (z >> 31)) >> 11) + 1) * 0x1p-53;
}

float NoiseSource::normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  const double radius = std::sqrt(-2 * std::log(uniform())), angle = 2 * std::numbers::pi * uniform();
  spare_ = static_cast<float>(radius * std::sin(angle));
  has_spare_ = true;
  return static_cast<float>(radius * std::cos(angle));
}

float written_conductance(std::int64_t level, std::int64_t largest, const CellNoise& noise, NoiseSource& source) {
  auto conductance = static_cast<double>(level);
  if (noise.programming > 0) conductance += noise.programming * static_cast<double>(largest) * source.normal();
  conductance = std::max(conductance, 0.0);
  if (noise.drift_exponent > 0 || noise.drift_spread > 0) {
    const double spread = noise.drift_spread > 0 ? noise.drift_spread * source.normal() : 0;
    conductance *= std::pow(noise.seconds, -(noise.drift_exponent + spread));
  }
  return static_cast<float>(conductance);
}

void column_sums(const float* cells, std::int64_t row_pitch, std::int64_t rows, std::int64_t columns,
                 const float* digits, float* sums) {
  float block[kPlanesAtOnce * kColumnsAtOnce];
  std::int64_t column = 0;
  for (; column + kColumnsAtOnce <= columns; column += kColumnsAtOnce) {
    block_sums(cells + column, row_pitch, rows, digits, block);
    for (std::int64_t plane = 0; plane < kPlanesAtOnce; ++plane)
      std::copy_n(block + plane * kColumnsAtOnce, kColumnsAtOnce, sums + plane * columns + column);
  }
  for (std::int64_t plane = 0; plane < kPlanesAtOnce; ++plane)
    for (std::int64_t c = column; c < columns; ++c) {
      float sum = 0;
      for (std::int64_t row = 0; row < rows; ++row)
        sum += digits[row * kPlanesAtOnce + plane] * cells[row * row_pitch + c];
      sums[plane * columns + c] = sum;
    }
}

void column_sums_plainly(const float* cells, std::int64_t row_pitch, std::int64_t rows, std::int64_t columns,
                         const float* digits, float* sums) {
  for (std::int64_t plane = 0; plane < kPlanesAtOnce; ++plane)
    for (std::int64_t column = 0; column < columns; ++column) {
      double sum = 0;
      for (std::int64_t row = 0; row < rows; ++row)
        sum += static_cast<double>(digits[row * kPlanesAtOnce + plane]) * cells[row * row_pitch + column];
      sums[plane * columns + column] = static_cast<float>(sum);
    }
}

std::int64_t convert(float sum, const Converter& converter, std::int64_t& clipped) {
  const auto largest = static_cast<double>((std::int64_t{1} << converter.bits) - 1);
  const double code =
      std::nearbyint(static_cast<double>(sum) / static_cast<double>(std::int64_t{1} << converter.shift));
  clipped += code > largest;
  return static_cast<std::int64_t>(std::clamp(code, 0.0, largest)) << converter.shift;
}

}  // namespace sparsecim
