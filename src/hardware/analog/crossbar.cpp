#include "hardware/analog/crossbar.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <numbers>

#include "base/check.hpp"

namespace sparsecim {
namespace {

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__clang__)
#define SC_CROSSBAR_CPUS __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define SC_CROSSBAR_CPUS
#endif

using Lanes = float __attribute__((vector_size(64)));  // in memory at any address: copied
constexpr std::int64_t kLanes = 16;
static_assert(kColumnsAtOnce == 2 * kLanes);

/// Planes whose sums of kColumnsAtOnce columns are eight registers of AVX-512, sixteen of AVX2.
constexpr std::int64_t kPlanesInRegisters = 4;
static_assert(kPlanesAtOnce % kPlanesInRegisters == 0);

/// For a whole block of kColumnsAtOnce columns.
SC_CROSSBAR_CPUS void block_sums(const float* cells, std::int64_t row_pitch, std::int64_t rows, const float* digits,
                                 float* sums) {
  for (std::int64_t first = 0; first < kPlanesAtOnce; first += kPlanesInRegisters) {
    Lanes left[kPlanesInRegisters] = {}, right[kPlanesInRegisters] = {};
    for (std::int64_t row = 0; row < rows; ++row) {
      const float* cell = cells + row * row_pitch;
      Lanes a, b;
      std::memcpy(&a, cell, sizeof a);
      std::memcpy(&b, cell + kLanes, sizeof b);
      for (std::int64_t plane = 0; plane < kPlanesInRegisters; ++plane) {
        const float digit = digits[row * kPlanesAtOnce + first + plane];
        left[plane] += digit * a;
        right[plane] += digit * b;
      }
    }
    for (std::int64_t plane = 0; plane < kPlanesInRegisters; ++plane) {
      float* out = sums + (first + plane) * kColumnsAtOnce;
      std::memcpy(out, &left[plane], sizeof(Lanes));
      std::memcpy(out + kLanes, &right[plane], sizeof(Lanes));
    }
  }
}

constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15ULL;

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
inline std::uint64_t mixed(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

/// ln(x), 2^-24 <= x <= 1, to a few units in the last place: ln(m) = 2 artanh((m - 1) / (m + 1)) of the mantissa m.
inline float logarithm(float x) {
  const auto bits = std::bit_cast<std::int32_t>(x);
  const std::int32_t exponent = (bits - std::bit_cast<std::int32_t>(0.70710678f)) >> 23;
  const float mantissa = std::bit_cast<float>(bits - exponent * (1 << 23));
  const float s = (mantissa - 1) / (mantissa + 1), q = s * s;
  const float series = s * (2 + q * (2.0f / 3 + q * (2.0f / 5 + q * (2.0f / 7 + q * (2.0f / 9)))));
  return static_cast<float>(exponent) * std::numbers::ln2_v<float> + series;
}

/// radius * cos and sin of `turns` of a circle, -0.5 .. 0.5: Taylor's series within an eighth of a turn.
inline void on_circle(float radius, float turns, float& x, float& y) {
  constexpr float kRounder = 0x1.8p23f;  // behind which a float's last bit is one
  const float rounded = turns * 4 + kRounder;
  const std::uint32_t quarter = std::bit_cast<std::uint32_t>(rounded);
  const float angle = (turns * 4 - (rounded - kRounder)) * (std::numbers::pi_v<float> / 2), q = angle * angle;
  const float sine = angle * (1 - q / 6 * (1 - q / 20 * (1 - q / 42 * (1 - q / 72))));
  const float cosine = 1 - q / 2 * (1 - q / 12 * (1 - q / 30 * (1 - q / 56)));
  const bool odd = (quarter & 1) != 0;
  x = radius * (odd ? sine : cosine) * (((quarter + 1) & 2) != 0 ? -1.0f : 1.0f);
  y = radius * (odd ? cosine : sine) * ((quarter & 2) != 0 ? -1.0f : 1.0f);
}

/// values[i] and values[pairs + i] from number i behind `state`.
SC_CROSSBAR_CPUS void fill_pairs(std::uint64_t state, std::int64_t pairs, float* values) {
  for (std::int64_t i = 0; i < pairs; ++i) {
    const std::uint64_t z = mixed(state + static_cast<std::uint64_t>(i + 1) * kGolden);
    const float uniform = static_cast<float>(static_cast<std::int32_t>(z >> 40) + 1) * 0x1p-24f;  // in (0, 1]
    const float turns = static_cast<float>(static_cast<std::int32_t>(z & 0xffffff)) * 0x1p-24f - 0.5f;
    on_circle(std::sqrt(-2 * logarithm(uniform)), turns, values[i], values[pairs + i]);
  }
}

/// add_converted for one plane, which counts 2^shift, or -2^shift.
SC_CROSSBAR_CPUS std::int64_t add_plane(const float* sums, std::int64_t columns, const Converter& converter,
                                        std::int64_t shift, bool negative, std::int64_t* totals) {
  const auto largest = static_cast<float>((std::int64_t{1} << converter.bits) - 1);
  const float per_step = std::ldexp(1.0f, static_cast<int>(-converter.shift));
  const std::int64_t sign = negative ? -1 : 1;
  std::int64_t clipped = 0;
  for (std::int64_t c = 0; c < columns; ++c) {
    const float code = std::nearbyint(sums[c] * per_step);
    clipped += code > largest;
    const float kept = code < 0 ? 0 : code > largest ? largest : code;
    totals[c] += sign * (static_cast<std::int64_t>(static_cast<std::int32_t>(kept)) << (shift + converter.shift));
  }
  return clipped;
}

}  // namespace

double NoiseSource::uniform() {
  state_ += kGolden;
  return (static_cast<double>(mixed(state_) >> 11) + 1) * 0x1p-53;
}

void NoiseSource::fill(std::span<float> values) {
  SC_CHECK(values.size() % 2 == 0);
  const std::size_t pairs = values.size() / 2;
  fill_pairs(state_, static_cast<std::int64_t>(pairs), values.data());
  state_ += pairs * kGolden;
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
    conductance *= std::pow(noise.seconds, -((noise.drift_compensated ? 0 : noise.drift_exponent) + spread));
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

void strip_sums(const float* cells, std::int64_t rows, const float* digits, float* sums) {
  block_sums(cells, kColumnsAtOnce, rows, digits, sums);
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

std::int64_t add_converted(const float* sums, const StripPlanes& strip, std::int64_t* totals) {
  std::int64_t clipped = 0;
  for (std::int64_t plane = 0; plane < strip.planes; ++plane)
    clipped +=
        add_plane(sums + plane * kColumnsAtOnce, strip.columns, strip.converter,
                  strip.shift + plane * strip.shift_per_plane, strip.last_is_sign && plane + 1 == strip.planes, totals);
  return clipped;
}

}  // namespace sparsecim
