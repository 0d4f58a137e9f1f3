#include "hardware/analog/layout.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace sparsecim {
namespace {

using Ints = std::vector<std::int64_t>;

Ints random_ints(std::int64_t n, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_int_distribution<std::int64_t> uniform(-8, 7);
  Ints values(static_cast<std::size_t>(n));
  for (std::int64_t& value : values) value = uniform(random);
  return values;
}

/// y = F x through the cells of an array that holds the tile alone, at `diagonal` (modulo those that there are).
void add_tile(const Layout& layout, std::int64_t tile, std::int64_t diagonal, const Ints& factor, const Ints& x,
              Ints& y) {
  const ArraySize array = layout.array();
  Ints cells(static_cast<std::size_t>(array.cells()));
  layout.for_each_cell(tile, diagonal, [&](std::int64_t row, std::int64_t column, std::int64_t weight) {
    ASSERT_TRUE(row >= 0 && row < array.rows && column >= 0 && column < array.columns);
    cells[static_cast<std::size_t>(row * array.columns + column)] = factor.at(static_cast<std::size_t>(weight));
  });
  for (std::int64_t s = 0; s < layout.steps(tile); ++s) {
    const LayoutStep step = layout.step(tile, diagonal, s);
    ASSERT_EQ(step.rows.count, step.inputs.count);
    ASSERT_EQ(step.columns.count, step.outputs.count);
    for (std::int64_t c = 0; c < step.columns.count; ++c)
      for (std::int64_t r = 0; r < step.rows.count; ++r)
        y.at(static_cast<std::size_t>(step.outputs.at(c))) +=
            cells.at(static_cast<std::size_t>(step.rows.at(r) * array.columns + step.columns.at(c))) *
            x.at(static_cast<std::size_t>(step.inputs.at(r)));
  }
}

Ints through_arrays(const Layout& layout, const Ints& factor, const Ints& x) {
  Ints y(static_cast<std::size_t>(layout.stage().written()));
  for (std::int64_t tile = 0; tile < layout.tiles(); ++tile)
    add_tile(layout, tile, (7 * tile + 3) % layout.diagonals(), factor, x, y);
  return y;
}

/// The whole product, stage after stage; x is padded, y cut to what is real.
Ints monarch_through_arrays(CellMapping mapping, const MonarchShape& shape, ArraySize array, const Ints& left,
                            const Ints& right, Ints x) {
  const std::vector<ArrayStage> stages = stages_of(shape);
  x.resize(static_cast<std::size_t>(shape.padded_inputs()));
  const Ints middle = through_arrays(*Layout::make(mapping, stages[0], array).value(), right, x);
  Ints y = through_arrays(*Layout::make(mapping, stages[1], array).value(), left, middle);
  y.resize(static_cast<std::size_t>(shape.n_out));
  return y;
}

constexpr CellMapping kMonarchMappings[] = {CellMapping::kSparse, CellMapping::kDenseBlocks,
                                            CellMapping::kDenseElements};

/// Squares of several sizes, below and beyond the array, and rectangles with blocks of other sides.
std::vector<MonarchShape> shapes() {
  return {monarch_of_squares(16, 16).value(),    monarch_of_squares(64, 64).value(),
          monarch_of_squares(100, 37).value(),   monarch_of_squares(9, 64).value(),
          monarch_of_squares(256, 256).value(),  monarch_of_blocks(24, 24, 4).value(),
          monarch_of_blocks(40, 23, 5).value(),  monarch_of_blocks(17, 60, 6).value(),
          monarch_of_blocks(96, 32, 16).value(), monarch_of_blocks(5, 5, 5).value()};
}

TEST(AnalogLayout, EveryMappingComputesTheMonarchProductThroughItsCells) {
  int computed = 0;
  for (const MonarchShape& shape : shapes())
    for (const ArraySize array : {ArraySize{16, 16}, {32, 32}, {20, 20}, {16, 48}, {40, 16}, {64, 64}, {256, 256}})
      for (const CellMapping mapping : kMonarchMappings) {
        const auto stages = stages_of(shape);
        if (!Layout::make(mapping, stages[0], array) || !Layout::make(mapping, stages[1], array)) continue;
        const Ints left = random_ints(shape.left_parameters(), 1), right = random_ints(shape.right_parameters(), 2);
        const Ints x = random_ints(shape.n_in, 3);
        EXPECT_EQ(monarch_through_arrays(mapping, shape, array, left, right, x),
                  monarch_product<std::int64_t>(shape, left, right, x))
            << kCellMappingNames[static_cast<int>(mapping)] << ", " << to_json(shape).dump() << " in " << array.rows
            << " x " << array.columns;
        ++computed;
      }
  EXPECT_GT(computed, 150);
}

TEST(AnalogLayout, LinearComputesTheDenseProductThroughItsCells) {
  for (const auto& [n_out, n_in] : {std::pair{64, 64}, {40, 100}, {7, 3}, {65, 17}}) {
    const auto layout = Layout::make(CellMapping::kLinear, dense_stage(n_out, n_in), {16, 24}).value();
    const Ints weights = random_ints(std::int64_t{n_out} * n_in, 4), x = random_ints(n_in, 5);
    Ints y(static_cast<std::size_t>(n_out));
    for (std::size_t row = 0; row < y.size(); ++row)
      for (std::size_t column = 0; column < x.size(); ++column) y[row] += weights[row * x.size() + column] * x[column];
    EXPECT_EQ(through_arrays(*layout, weights, x), y);
  }
}

TEST(AnalogLayout, DiagonalsOfAnArrayNeverShareACell) {
  for (const MonarchShape& shape : shapes())
    for (const ArraySize array : {ArraySize{32, 32}, {20, 20}, {16, 48}, {48, 16}})
      for (const CellMapping mapping : {CellMapping::kDenseBlocks, CellMapping::kDenseElements})
        for (const ArrayStage& stage : stages_of(shape)) {
          const auto layout = Layout::make(mapping, stage, array);
          if (!layout) continue;
          std::set<std::pair<std::int64_t, std::int64_t>> used;
          for (std::int64_t diagonal = 0; diagonal < (*layout)->diagonals(); ++diagonal)
            (*layout)->for_each_cell(0, diagonal, [&](std::int64_t row, std::int64_t column, std::int64_t) {
              EXPECT_TRUE(used.emplace(row, column).second);
            });
        }
}

TEST(AnalogLayout, TilesOfOneGroupDriveTheSameInputsOnTheSameRows) {
  for (const MonarchShape& shape : shapes())
    for (const CellMapping mapping : kMonarchMappings)
      for (const ArrayStage& stage : stages_of(shape)) {
        const auto layout = Layout::make(mapping, stage, {32, 48});
        if (!layout) continue;
        for (std::int64_t tile = 1; tile < (*layout)->tiles(); ++tile) {
          if ((*layout)->input_group(tile) < 0 || (*layout)->input_group(tile) != (*layout)->input_group(0)) continue;
          for (std::int64_t s = 0; s < (*layout)->steps(tile); ++s) {
            const LayoutStep a = (*layout)->step(0, 0, s);
            const LayoutStep b = (*layout)->step(tile, (*layout)->diagonals() - 1, s);
            EXPECT_EQ(a.rows, b.rows);
            EXPECT_EQ(a.inputs, b.inputs);
          }
        }
      }
}

/// d = 1024 in blocks of 32 and feed-forward matrices in blocks of 64, arrays of 256: what the published partition
/// gives.
TEST(AnalogLayout, HoldsAFactorOfBertLargeInAsManyArraysAsThePartitionSays) {
  const auto arrays = [](CellMapping mapping, std::int64_t n_out, std::int64_t n_in) {
    double sum = 0;
    for (const ArrayStage& stage : stages_of(monarch_of_squares(n_out, n_in).value())) {
      const auto layout = Layout::make(mapping, stage, {}).value();
      sum += static_cast<double>(layout->tiles()) / static_cast<double>(layout->diagonals());
    }
    return sum;
  };
  EXPECT_EQ(arrays(CellMapping::kSparse, 1024, 1024), 8);
  EXPECT_EQ(arrays(CellMapping::kSparse, 4096, 1024), 32);
  for (const CellMapping dense : {CellMapping::kDenseBlocks, CellMapping::kDenseElements}) {
    EXPECT_EQ(arrays(dense, 1024, 1024), 1);
    EXPECT_EQ(arrays(dense, 1024, 4096), 8);
  }
}

TEST(AnalogLayout, RefusesBlocksThatAreLargerThanAnArrayAndNamesTheNearestNumber) {
  const ArrayStage stage = stages_of(monarch_of_blocks(4096, 4096, 8).value())[0];
  EXPECT_EQ(
      Layout::make(CellMapping::kSparse, stage, {}).error().line(),
      "a block of 512 inputs and 512 outputs does not fit a 256 x 256 array; choose at least 16 blocks, or larger "
      "arrays");
  EXPECT_TRUE(Layout::make(CellMapping::kDenseBlocks, stages_of(monarch_of_blocks(4096, 4096, 16).value())[0], {}));
  const ArrayStage many = stages_of(monarch_of_blocks(4096, 4096, 257).value())[0];
  EXPECT_EQ(Layout::make(CellMapping::kDenseElements, many, {}).error().line(),
            "257 blocks do not fit the diagonals of 256 x 256 arrays; choose at most 256 blocks, or larger arrays");
  EXPECT_TRUE(Layout::make(CellMapping::kDenseElements, stage, {}));
}

}  // namespace
}  // namespace sparsecim
