#include "hardware/flexcim/cell_inputs.hpp"

#include <bit>
#include <vector>

namespace sparsecim {
namespace {

constexpr std::int64_t kNoBlock = -1;

std::size_t at(std::int64_t value) { return static_cast<std::size_t>(value); }

int bit_of(std::int8_t value, int bit) { return (static_cast<std::uint8_t>(value) >> bit) & 1; }

int changed_bits(std::int8_t before, std::int8_t now) { return std::popcount(static_cast<std::uint8_t>(before ^ now)); }

/// The block whose input each row takes, kNoBlock where there is none.
std::vector<std::int64_t> blocks_of_rows(const FlexcimImage& image) {
  const FlexcimLayout& layout = image.layout;
  std::vector<std::int64_t> blocks(at(layout.rows), kNoBlock);
  for (std::int64_t block = 0; block < image.blocks_used(); ++block)
    for (std::int64_t slot = 0; slot < layout.block_slots(); ++slot)
      blocks[at(layout.row_index(layout.row_of(block, slot)))] = block;
  return blocks;
}

class ImageInputs : public CellInputs {
 public:
  explicit ImageInputs(const FlexcimImage& image) : image_(image), blocks_(blocks_of_rows(image)) {}

  void start_pass(std::span<const std::int8_t> inputs) override {
    inputs_.assign(at(layout().inputs()), 0);
    std::copy(inputs.begin(), inputs.end(), inputs_.begin());
  }

 protected:
  const FlexcimLayout& layout() const { return image_.layout; }
  std::int64_t columns() const { return layout().columns; }

  std::int8_t input(std::int64_t block, std::int64_t position) const {
    return inputs_[at(block * layout().block_inputs() + position)];
  }
  /// An element of a pair; in the dense mode both are the one input.
  std::int8_t pair_element(std::int64_t block, int pair, int element) const {
    return layout().pattern.dense() ? input(block, 0) : input(block, 2 * pair + element);
  }

  template <class Visit>  // visit(row, block) for the rows that have one
  void for_each_row(Visit visit) const {
    for (std::int64_t row = 0; row < layout().rows; ++row)
      if (blocks_[at(row)] != kNoBlock) visit(row, blocks_[at(row)]);
  }

  const FlexcimImage& image_;
  std::vector<std::int64_t> blocks_;  // [rows]
  std::vector<std::int8_t> inputs_;   // [layout.inputs()]
};

/// A row's M one-bit lines carry a plane of its block; every cell picks one by its position bits.
class BitserialLines : public ImageInputs {
 public:
  explicit BitserialLines(const FlexcimImage& image)
      : ImageInputs(image), lines_(at(layout().rows * layout().block_inputs())) {}

  void read_plane(int bit, std::span<std::uint8_t> cell_bits) override {
    for_each_row([&](std::int64_t row, std::int64_t block) {
      std::uint8_t* lines = lines_.data() + row * layout().block_inputs();
      for (std::int64_t position = 0; position < layout().block_inputs(); ++position) {
        const auto now = static_cast<std::uint8_t>(bit_of(input(block, position), bit));
        line_changes_ += lines[position] != now ? columns() : 0;
        lines[position] = now;
      }
      for (std::int64_t column = 0; column < columns(); ++column) {
        const int position = 2 * image_.pair(row, column) + image_.word(row, column).isel;
        cell_bits[at(row * columns() + column)] = lines[position];
      }
    });
  }

 private:
  std::vector<std::uint8_t> lines_;  // [rows][M]
};

/// Each of k units serves columns/k neighbouring columns, one a cycle: it puts their pairs on two 8-bit lines of every
/// row, and the cell latches the element that its isel picks. The latches are read out bit by bit.
class LatchedPairs : public ImageInputs {
 public:
  LatchedPairs(const FlexcimImage& image, std::int64_t columns_per_cycle)
      : ImageInputs(image),
        columns_per_unit_(divide_up(columns(), columns_per_cycle)),
        lines_(at(layout().rows * columns_per_cycle * 2)),
        latches_(at(layout().rows * columns())) {}

  void start_pass(std::span<const std::int8_t> inputs) override {
    ImageInputs::start_pass(inputs);
    for (std::int64_t cycle = 0; cycle < columns_per_unit_; ++cycle)
      for (std::int64_t column = cycle; column < columns(); column += columns_per_unit_)
        for_each_row([&](std::int64_t row, std::int64_t block) { serve(row, block, column); });
  }

  void read_plane(int bit, std::span<std::uint8_t> cell_bits) override {
    for (std::size_t cell = 0; cell < latches_.size(); ++cell)
      cell_bits[cell] = static_cast<std::uint8_t>(bit_of(latches_[cell], bit));
  }

 private:
  void serve(std::int64_t row, std::int64_t block, std::int64_t column) {
    const std::int64_t units = std::ssize(lines_) / (2 * layout().rows);
    std::int8_t* pair = lines_.data() + (row * units + column / columns_per_unit_) * 2;
    for (int element = 0; element < 2; ++element) {
      const std::int8_t now = pair_element(block, image_.pair(row, column), element);
      line_changes_ += changed_bits(pair[element], now) * columns_per_unit_;
      pair[element] = now;
    }
    latches_[at(row * columns() + column)] = pair[image_.word(row, column).isel];
  }

  std::int64_t columns_per_unit_;
  std::vector<std::int8_t> lines_;    // [rows][units][2]
  std::vector<std::int8_t> latches_;  // [rows][columns]
};

/// Lines carry the whole blocks of a row position past every column, whose own unit picks the pair, isel the element,
/// and a serialiser the bit.
class ColumnUnits : public ImageInputs {
 public:
  explicit ColumnUnits(const FlexcimImage& image) : ImageInputs(image), lines_(at(layout().inputs())) {}

  void start_pass(std::span<const std::int8_t> inputs) override {
    ImageInputs::start_pass(inputs);
    for (std::size_t i = 0; i < lines_.size(); ++i) line_changes_ += changed_bits(lines_[i], inputs_[i]) * columns();
    lines_ = inputs_;
  }

  void read_plane(int bit, std::span<std::uint8_t> cell_bits) override {
    for_each_row([&](std::int64_t row, std::int64_t block) {
      for (std::int64_t column = 0; column < columns(); ++column) {
        const std::int8_t word = pair_element(block, image_.pair(row, column), image_.word(row, column).isel);
        cell_bits[at(row * columns() + column)] = static_cast<std::uint8_t>(bit_of(word, bit));
      }
    });
  }

 private:
  std::vector<std::int8_t> lines_;  // [inputs]
};

/// A group of columns has two one-bit lines a row, which carry a plane of the pair that its unit chose; isel picks one
/// in each cell.
class SharedPairLines : public ImageInputs {
 public:
  SharedPairLines(const FlexcimImage& image, std::int64_t columns_per_group)
      : ImageInputs(image),
        columns_per_group_(columns_per_group),
        lines_(at(layout().rows * (columns() / columns_per_group) * 2)) {}

  void read_plane(int bit, std::span<std::uint8_t> cell_bits) override {
    for_each_row([&](std::int64_t row, std::int64_t block) {
      for (std::int64_t first = 0; first < columns(); first += columns_per_group_) {
        const std::uint8_t* pair = drive(row, block, first, bit);
        for (std::int64_t column = first; column < first + columns_per_group_; ++column)
          cell_bits[at(row * columns() + column)] = pair[image_.word(row, column).isel];
      }
    });
  }

 private:
  const std::uint8_t* drive(std::int64_t row, std::int64_t block, std::int64_t first_column, int bit) {
    std::uint8_t* pair =
        lines_.data() + (row * (columns() / columns_per_group_) + first_column / columns_per_group_) * 2;
    for (int element = 0; element < 2; ++element) {
      const auto now =
          static_cast<std::uint8_t>(bit_of(pair_element(block, image_.pair(row, first_column), element), bit));
      line_changes_ += pair[element] != now ? columns_per_group_ : 0;
      pair[element] = now;
    }
    return pair;
  }

  std::int64_t columns_per_group_;
  std::vector<std::uint8_t> lines_;  // [rows][groups][2]
};

/// The same behind multiplexers of planes: the row's M lines pass the columns up to the last group, where its pair
/// lines begin.
class PlanesToGroups : public SharedPairLines {
 public:
  PlanesToGroups(const FlexcimImage& image, std::int64_t columns_per_group)
      : SharedPairLines(image, columns_per_group),
        columns_passed_(columns() - columns_per_group),
        blocks_lines_(at(layout().rows * layout().block_inputs())) {}

  void read_plane(int bit, std::span<std::uint8_t> cell_bits) override {
    SharedPairLines::read_plane(bit, cell_bits);
    for_each_row([&](std::int64_t row, std::int64_t block) {
      for (std::int64_t position = 0; position < layout().block_inputs(); ++position) {
        std::uint8_t& line = blocks_lines_[at(row * layout().block_inputs() + position)];
        const auto now = static_cast<std::uint8_t>(bit_of(input(block, position), bit));
        line_changes_ += line != now ? columns_passed_ : 0;
        line = now;
      }
    });
  }

 private:
  std::int64_t columns_passed_;
  std::vector<std::uint8_t> blocks_lines_;  // [rows][M]
};

}  // namespace

std::unique_ptr<CellInputs> make_cell_inputs(const FlexcimParameters& parameters, const FlexcimImage& image) {
  switch (parameters.pair_select) {
    case PairSelectKind::kBitserialPerCell:
      return std::make_unique<BitserialLines>(image);
    case PairSelectKind::kColumnPipelined:
      return std::make_unique<LatchedPairs>(image, parameters.columns_per_cycle);
    case PairSelectKind::kPerColumn:
      return std::make_unique<ColumnUnits>(image);
    case PairSelectKind::kBitserialPerGroup:
      if (parameters.columns_per_group == 1) return std::make_unique<BitserialLines>(image);
      return std::make_unique<PlanesToGroups>(image, parameters.columns_per_group);
    case PairSelectKind::kSharedPairs:
      break;
  }
  return std::make_unique<SharedPairLines>(image, parameters.columns_per_group);
}

}  // namespace sparsecim
