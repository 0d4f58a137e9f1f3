#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "hardware/analog/crossbar.hpp"
#include "hardware/analog/schedule.hpp"

namespace sparsecim {

/// How a stage's numbers meet cells.
struct StageNumbers {
  NumberFormat format;
  std::size_t stage = 0;  // of its matrix: decides the bits of its inputs
  Converters converters;
};

/// What converters did.
struct ConversionCount {
  std::int64_t conversions = 0;
  std::int64_t clipped = 0;  // sums above the largest code

  ConversionCount& operator+=(const ConversionCount& other) {
    conversions += other.conversions;
    clipped += other.clipped;
    return *this;
  }
};

/// The weights of one stage in the cells of its tiles, for products with many tokens: the numbers that a ProgrammedChip
/// computes from the stage's stream, without the commands and many times as fast. Where there is noise, it is drawn by
/// token and tile: other numbers than the chip's, the same for any number of threads.
class ProgrammedStage {
 public:
  /// weights: the factor, blocks x [outputs, inputs]. Errors: another number of weights; a weight that does not fit its
  /// bits; sums that single precision does not hold.
  static Result<ProgrammedStage> program(std::shared_ptr<const Layout> layout, const StageNumbers& numbers,
                                         std::span<const std::int64_t> weights, const CellNoise& noise,
                                         std::uint64_t seed);

  /// outputs [tokens, written()] from inputs [tokens, read()], at the addresses of the stage's orders. `first_token`
  /// numbers them for the noise. REQUIRES: those sizes; inputs fit their bits.
  ConversionCount multiply(std::span<const std::int64_t> inputs, std::int64_t first_token,
                           std::span<std::int64_t> outputs) const;

  const Layout& layout() const { return *layout_; }
  const ConverterCode& code() const { return code_; }

 private:
  /// What one step reads of one block: its cells in all slices, with the addresses of rows and columns.
  struct Piece {
    std::vector<std::int64_t> inputs, outputs;
    std::vector<float> cells;  // [slices, strips, rows, kColumnsAtOnce]

    std::int64_t rows() const { return std::ssize(inputs); }
    std::int64_t strips() const { return (std::ssize(outputs) + kColumnsAtOnce - 1) / kColumnsAtOnce; }
    const float* strip(std::int64_t slice, std::int64_t strip) const {
      return cells.data() + (slice * strips() + strip) * rows() * kColumnsAtOnce;
    }
  };
  class Reader;

  ProgrammedStage(std::shared_ptr<const Layout> layout, const StageNumbers& numbers, const CellNoise& noise,
                  std::uint64_t seed);
  void cut_into_pieces();
  void write(std::span<const std::int64_t> weights, Piece& piece, NoiseSource& source) const;

  std::shared_ptr<const Layout> layout_;
  StageNumbers numbers_;
  ConverterCode code_;
  CellNoise noise_;
  std::uint64_t seed_;
  std::vector<Piece> pieces_;
};

}  // namespace sparsecim
