#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace sparsecim {

/// Gaussian noise from a seed, the same everywhere.
class NoiseSource {
 public:
  explicit NoiseSource(std::uint64_t seed) : state_(seed) {}
  /// Of mean 0 and variance 1, by Box and Muller's transformation.
  float normal();
  /// Many at once, by the same transformation in single precision, within +-5.8; other numbers than normal()'s.
  /// REQUIRES: an even number of values.
  void fill(std::span<float> values);

 private:
  double uniform();  // in (0, 1]
  std::uint64_t state_;
  float spare_ = 0;
  bool has_spare_ = false;
};

/// What makes a cell differ from its level. Shares are of the largest level's conductance.
struct CellNoise {
  double programming = 0;  // standard deviation of the conductance as written
  double read = 0;         // of each cell in each read
  /// Conductance falls as (seconds / 1 s)^-exponent, the exponents spread from cell to cell. Le Gallo et al., HERMES
  /// (14 nm phase-change memory): 0.06.
  double drift_exponent = 0, drift_spread = 0;
  double seconds = 1;  // since the cells were written
  /// Whether the converters' range follows the exponent, so that only the spread is left.
  bool drift_compensated = false;

  bool any_read() const { return read > 0; }
  bool as_written() const { return programming == 0 && (seconds == 1 || (drift_exponent == 0 && drift_spread == 0)); }
};

/// The conductance, in levels, of a cell that was written as `level` of 0 .. largest.
float written_conductance(std::int64_t level, std::int64_t largest, const CellNoise& noise, NoiseSource& source);

inline constexpr std::int64_t kPlanesAtOnce = 8;
/// Columns whose sums stay in registers over all rows.
inline constexpr std::int64_t kColumnsAtOnce = 32;

/// sums[p, c] = sum over rows r of digits[r, p] * cells[r, c]: what the columns of a crossbar carry in each of
/// kPlanesAtOnce bit planes. cells: rows of `row_pitch` floats, of which the first `columns` are used; digits [rows,
/// kPlanesAtOnce]; sums [kPlanesAtOnce, columns].
void column_sums(const float* cells, std::int64_t row_pitch, std::int64_t rows, std::int64_t columns,
                 const float* digits, float* sums);
/// The same, sum by sum: what column_sums is tested against.
void column_sums_plainly(const float* cells, std::int64_t row_pitch, std::int64_t rows, std::int64_t columns,
                         const float* digits, float* sums);

/// column_sums of a strip of cells that lie one behind the other: cells [rows, kColumnsAtOnce], digits [rows,
/// kPlanesAtOnce], sums [kPlanesAtOnce, kColumnsAtOnce].
void strip_sums(const float* cells, std::int64_t rows, const float* digits, float* sums);

/// A converter: codes 0 .. 2^bits - 1, a code is 2^shift.
struct Converter {
  std::int64_t bits = 8, shift = 0;
};
/// The sum that the code of `sum` stands for; counts sums above the largest code. Halves round to the even code.
std::int64_t convert(float sum, const Converter& converter, std::int64_t& clipped);

/// The sums of a strip in bit planes that are converted and added up.
struct StripPlanes {
  std::int64_t planes = 0, columns = 0;  // of those in `sums`, at most kPlanesAtOnce and kColumnsAtOnce
  Converter converter;
  std::int64_t shift = 0, shift_per_plane = 1;  // plane p counts 2^(shift + p * shift_per_plane)
  bool last_is_sign = false;                    // and is subtracted
};
/// totals[c] += what the codes of column c stand for. Returns how many sums clipped. sums as strip_sums'.
std::int64_t add_converted(const float* sums, const StripPlanes& strip, std::int64_t* totals);

}  // namespace sparsecim
