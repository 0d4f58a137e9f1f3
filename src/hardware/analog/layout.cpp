#include "hardware/analog/layout.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "hardware/tiling.hpp"

namespace sparsecim {
namespace {

bool same_kind(const Layout& a, const Layout& b) { return a.mapping() == b.mapping() && a.array() == b.array(); }

/// Tile number = output tile * input tiles + input tile.
class LinearLayout : public Layout {
 public:
  LinearLayout(const ArrayStage& stage, ArraySize array)
      : Layout(CellMapping::kLinear, stage, array),
        input_tiles_(divide_up(stage.inputs, array.rows)),
        output_tiles_(divide_up(stage.outputs, array.columns)) {}

  std::int64_t tiles() const override { return input_tiles_ * output_tiles_; }
  std::int64_t diagonals() const override { return 1; }
  std::int64_t steps(std::int64_t) const override { return 1; }
  LayoutStep step(std::int64_t tile, std::int64_t, std::int64_t) const override {
    const std::int64_t input = first_input(tile), output = first_output(tile);
    const std::int64_t rows = std::min(array().rows, stage().inputs - input);
    const std::int64_t columns = std::min(array().columns, stage().outputs - output);
    return {{.first = 0, .count = rows},
            {.first = stage().in.at(0, input), .count = rows, .stride = stage().in.per_channel},
            {.first = 0, .count = columns},
            {.first = stage().out.at(0, output), .count = columns, .stride = stage().out.per_channel}};
  }
  std::int64_t input_group(std::int64_t tile) const override { return tile % input_tiles_; }
  bool accumulates() const override { return input_tiles_ > 1; }
  std::int64_t summed_rows() const override { return std::min(array().rows, stage().inputs); }
  void for_each_cell(std::int64_t tile, std::int64_t, const Visit& visit) const override {
    const std::int64_t input = first_input(tile), output = first_output(tile);
    for (std::int64_t row = 0; row < std::min(array().rows, stage().inputs - input); ++row)
      for (std::int64_t column = 0; column < std::min(array().columns, stage().outputs - output); ++column)
        visit(row, column, stage().weight(0, output + column, input + row));
  }
  bool alike(const Layout& other) const override { return same_kind(*this, other); }

 private:
  std::int64_t first_input(std::int64_t tile) const { return tile % input_tiles_ * array().rows; }
  std::int64_t first_output(std::int64_t tile) const { return tile / input_tiles_ * array().columns; }

  std::int64_t input_tiles_, output_tiles_;
};

/// Layouts of whole blocks: a grid of row strips x column strips of places for them in an array, of which a tile takes
/// a diagonal.
class BlockLayout : public Layout {
 public:
  BlockLayout(CellMapping mapping, const ArrayStage& stage, ArraySize array)
      : Layout(mapping, stage, array),
        row_strips_(array.rows / stage.inputs),
        column_strips_(array.columns / stage.outputs),
        blocks_per_tile_(std::min({row_strips_, column_strips_, stage.blocks})) {}

  std::int64_t tiles() const override { return divide_up(stage().blocks, blocks_per_tile_); }
  std::int64_t input_group(std::int64_t tile) const override { return tile; }
  bool accumulates() const override { return false; }
  std::int64_t summed_rows() const override { return stage().inputs; }
  void for_each_cell(std::int64_t tile, std::int64_t diagonal, const Visit& visit) const override {
    for (std::int64_t i = 0; i < blocks_of(tile); ++i)
      for (std::int64_t row = 0; row < stage().inputs; ++row)
        for (std::int64_t column = 0; column < stage().outputs; ++column)
          visit(row_strip(i, diagonal) * stage().inputs + row, column_strip(i, diagonal) * stage().outputs + column,
                stage().weight(first_block(tile) + i, column, row));
  }
  bool alike(const Layout& other) const override {
    return same_kind(*this, other) && stage().inputs == other.stage().inputs &&
           stage().outputs == other.stage().outputs;
  }

 protected:
  std::int64_t first_block(std::int64_t tile) const { return tile * blocks_per_tile_; }
  std::int64_t blocks_of(std::int64_t tile) const {
    return std::min(blocks_per_tile_, stage().blocks - first_block(tile));
  }
  std::int64_t row_strips() const { return row_strips_; }
  std::int64_t column_strips() const { return column_strips_; }
  /// Diagonals turn the longer side, so that a tile's block i stays in strip i of the shorter one.
  std::int64_t row_strip(std::int64_t i, std::int64_t diagonal) const {
    return row_strips_ > column_strips_ ? (i + diagonal) % row_strips_ : i;
  }
  std::int64_t column_strip(std::int64_t i, std::int64_t diagonal) const {
    return row_strips_ > column_strips_ ? i : (i + diagonal) % column_strips_;
  }

 private:
  std::int64_t row_strips_, column_strips_, blocks_per_tile_;
};

class SparseLayout : public BlockLayout {
 public:
  SparseLayout(const ArrayStage& stage, ArraySize array) : BlockLayout(CellMapping::kSparse, stage, array) {}

  std::int64_t diagonals() const override { return 1; }
  std::int64_t steps(std::int64_t) const override { return 1; }
  LayoutStep step(std::int64_t tile, std::int64_t, std::int64_t) const override {
    const std::int64_t rows = blocks_of(tile) * stage().inputs, columns = blocks_of(tile) * stage().outputs;
    return {{.first = 0, .count = rows},
            addresses(stage().in, tile, stage().inputs, rows),
            {.first = 0, .count = columns},
            addresses(stage().out, tile, stage().outputs, columns)};
  }

 private:
  Strided addresses(const ArrayStage::Order& order, std::int64_t tile, std::int64_t run, std::int64_t count) const {
    return {order.at(first_block(tile), 0), count, order.per_channel, run, order.per_block};
  }
};

class DenseBlockLayout : public BlockLayout {
 public:
  DenseBlockLayout(const ArrayStage& stage, ArraySize array) : BlockLayout(CellMapping::kDenseBlocks, stage, array) {}

  std::int64_t diagonals() const override { return std::max(row_strips(), column_strips()); }
  std::int64_t steps(std::int64_t tile) const override { return blocks_of(tile); }
  LayoutStep step(std::int64_t tile, std::int64_t diagonal, std::int64_t step) const override {
    const ArrayStage& s = stage();
    const std::int64_t block = first_block(tile) + step;
    return {{.first = row_strip(step, diagonal) * s.inputs, .count = s.inputs},
            {.first = s.in.at(block, 0), .count = s.inputs, .stride = s.in.per_channel},
            {.first = column_strip(step, diagonal) * s.outputs, .count = s.outputs},
            {.first = s.out.at(block, 0), .count = s.outputs, .stride = s.out.per_channel}};
  }
  std::int64_t input_group(std::int64_t tile) const override {
    // Where diagonals turn the rows, tiles that read the same do it on other rows.
    return row_strips() > column_strips() ? -1 : tile;
  }
};

/// P F P of a factor F of k blocks is a grid of diagonal k x k blocks: block (l, j) holds weight [j, l] of every block
/// of F on its diagonal. A tile is a piece of the grid, its blocks' diagonals turned by the diagonal that it takes.
/// Tile number = output piece * input pieces + input piece.
class ElementLayout : public Layout {
 public:
  ElementLayout(const ArrayStage& stage, ArraySize array)
      : Layout(CellMapping::kDenseElements, stage, array),
        inputs_per_tile_(std::min(array.rows / stage.blocks, stage.inputs)),
        outputs_per_tile_(std::min(array.columns / stage.blocks, stage.outputs)),
        input_pieces_(divide_up(stage.inputs, inputs_per_tile_)),
        output_pieces_(divide_up(stage.outputs, outputs_per_tile_)) {}

  std::int64_t tiles() const override { return input_pieces_ * output_pieces_; }
  std::int64_t diagonals() const override { return stage().blocks; }
  std::int64_t steps(std::int64_t) const override { return stage().blocks; }
  LayoutStep step(std::int64_t tile, std::int64_t diagonal, std::int64_t block) const override {
    const ArrayStage& s = stage();
    return {{.first = block, .count = inputs_of(tile), .stride = s.blocks},
            {.first = s.in.at(block, first_input(tile)), .count = inputs_of(tile), .stride = s.in.per_channel},
            {.first = (block + diagonal) % s.blocks, .count = outputs_of(tile), .stride = s.blocks},
            {.first = s.out.at(block, first_output(tile)), .count = outputs_of(tile), .stride = s.out.per_channel}};
  }
  std::int64_t input_group(std::int64_t tile) const override { return tile % input_pieces_; }
  bool accumulates() const override { return input_pieces_ > 1; }
  std::int64_t summed_rows() const override { return inputs_per_tile_; }
  void for_each_cell(std::int64_t tile, std::int64_t diagonal, const Visit& visit) const override {
    for (std::int64_t block = 0; block < stage().blocks; ++block)
      for (std::int64_t l = 0; l < inputs_of(tile); ++l)
        for (std::int64_t j = 0; j < outputs_of(tile); ++j)
          visit(l * stage().blocks + block, j * stage().blocks + (block + diagonal) % stage().blocks,
                stage().weight(block, first_output(tile) + j, first_input(tile) + l));
  }
  bool alike(const Layout& other) const override {
    return same_kind(*this, other) && stage().blocks == other.stage().blocks;
  }

 private:
  std::int64_t first_input(std::int64_t tile) const { return tile % input_pieces_ * inputs_per_tile_; }
  std::int64_t first_output(std::int64_t tile) const { return tile / input_pieces_ * outputs_per_tile_; }
  std::int64_t inputs_of(std::int64_t tile) const {
    return std::min(inputs_per_tile_, stage().inputs - first_input(tile));
  }
  std::int64_t outputs_of(std::int64_t tile) const {
    return std::min(outputs_per_tile_, stage().outputs - first_output(tile));
  }

  std::int64_t inputs_per_tile_, outputs_per_tile_, input_pieces_, output_pieces_;
};

}  // namespace

ArrayStage::Channel ArrayStage::channel_at(const Order& order, std::int64_t address) const {
  std::int64_t block = 0;
  if (blocks > 1)
    block = order.per_block >= order.per_channel ? address / order.per_block : address % order.per_channel;
  return {block, (address - block * order.per_block) / order.per_channel};
}

ArrayStage dense_stage(std::int64_t n_out, std::int64_t n_in) {
  return {.blocks = 1, .inputs = n_in, .outputs = n_out};
}

std::vector<ArrayStage> stages_of(const MonarchShape& shape) {
  const auto order = [&](std::int64_t size, bool strided) {
    return strided ? ArrayStage::Order{1, shape.blocks} : ArrayStage::Order{size, 1};
  };
  const ArrayStage right{.blocks = shape.blocks,
                         .inputs = shape.inputs,
                         .outputs = shape.middle,
                         .in = order(shape.inputs, shape.strided_inputs),
                         .out = order(shape.middle, false)};
  const ArrayStage left{.blocks = shape.blocks,
                        .inputs = shape.middle,
                        .outputs = shape.outputs,
                        .in = order(shape.middle, true),
                        .out = order(shape.outputs, true)};
  return {right, left};
}

Result<std::unique_ptr<Layout>> Layout::make(CellMapping mapping, const ArrayStage& stage, ArraySize array) {
  SC_CHECK(stage.blocks > 0 && stage.inputs > 0 && stage.outputs > 0 && array.rows > 0 && array.columns > 0);
  const std::int64_t side = std::min(array.rows, array.columns);
  if (mapping == CellMapping::kLinear) {
    SC_CHECK(stage.blocks == 1);
    return std::make_unique<LinearLayout>(stage, array);
  }
  if (mapping == CellMapping::kDenseElements) {
    if (stage.blocks > side)
      return fail(Remedy{fmt::format("choose at most {} blocks, or larger arrays", side)},
                  "{} blocks do not fit the diagonals of {} x {} arrays", stage.blocks, array.rows, array.columns);
    return std::make_unique<ElementLayout>(stage, array);
  }
  if (stage.inputs > array.rows || stage.outputs > array.columns) {
    const std::int64_t enough =
        std::max(divide_up(stage.read(), array.rows), divide_up(stage.written(), array.columns));
    return fail(Remedy{fmt::format("choose at least {} blocks, or larger arrays", enough)},
                "a block of {} inputs and {} outputs does not fit a {} x {} array", stage.inputs, stage.outputs,
                array.rows, array.columns);
  }
  if (mapping == CellMapping::kSparse) return std::make_unique<SparseLayout>(stage, array);
  return std::make_unique<DenseBlockLayout>(stage, array);
}

}  // namespace sparsecim
