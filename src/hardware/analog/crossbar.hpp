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

  bool any_read() const { return read > 0; }
};

/// The conductance, in levels, of a cell that was written as `level` of 0 .. largest.
float written_conductance(std::int64_t level, std::int64_t largest, const CellNoise& noise, NoiseSource& source);

inline constexpr std::int64_t kPlanesAtOnce = 8;

/// sums[p, c] = sum over rows r of digits[r, p] * cells[r, c]: what the columns of a crossbar carry in each of
/// kPlanesAtOnce bit planes. cells: rows of `row_pitch` floats, of which the first `columns` are used; digits [rows,
/// kPlanesAtOnce]; sums [kPlanesAtOnce, columns].
void column_sums(const float* cells, std::int64_t row_pitch, std::int64_t rows, std::int64_t columns,
                 const float* digits, float* sums);
/// The same, sum by sum: what column_sums is tested against.
void column_sums_plainly(const float* cells, std::int64_t row_pitch, std::int64_t rows, std::int64_t columns,
                         const float* digits, float* sums);

/// A converter: codes 0 .. 2^bits - 1, a code is 2^shift.
struct Converter {
  std::int64_t bits = 8, shift = 0;
};
/// The sum that the code of `sum` stands for; counts sums above the largest code. Halves round to the even code.
std::int64_t convert(float sum, const Converter& converter, std::int64_t& clipped);

}  // namespace sparsecim
