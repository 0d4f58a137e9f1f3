#include "hardware/flexcim/storage.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "hardware/flexcim/test_matrices.hpp"
#include "sparsity/mask.hpp"

namespace sparsecim {
namespace {

FlexcimLayout layout_of(const MacroArray& array, Pattern pattern,
                        PairSelectKind kind = PairSelectKind::kBitserialPerCell, std::int64_t group = 1) {
  return FlexcimLayout::of({.array = array, .pair_select = kind, .columns_per_group = group}, pattern);
}

FlexcimTile whole(const FlexcimLayout& layout) { return {0, layout.inputs(), 0, layout.columns}; }

/// (sub-macro, row position) of a block's slot in a macro of 128 rows and 4 sub-macros.
std::pair<std::int64_t, std::int64_t> place(Pattern pattern, std::int64_t block, std::int64_t slot) {
  const auto row = layout_of({.sub_macros = 4}, pattern).row_of(block, slot);
  return {row.sub_macro, row.row_position};
}

TEST(FlexcimLayout, LaysBlocksSideBySideAndThenOnTheNextRowPosition) {
  using Place = std::pair<std::int64_t, std::int64_t>;
  EXPECT_EQ(place({2, 4}, 0, 1), Place(1, 0));
  EXPECT_EQ(place({2, 4}, 1, 0), Place(2, 0));
  EXPECT_EQ(place({2, 4}, 2, 0), Place(0, 1));
  EXPECT_EQ(place({3, 8}, 1, 0), Place(0, 1)) << "one sub-macro stays empty";
  EXPECT_EQ(place({6, 8}, 0, 5), Place(1, 1)) << "six weights take two row positions";
  EXPECT_EQ(place({6, 8}, 1, 0), Place(0, 2));
  EXPECT_EQ(place({}, 5, 0), Place(1, 1)) << "dense: four inputs a row position";
  const FlexcimLayout packed = FlexcimLayout::of({.array = {.sub_macros = 4}, .any_n = true}, {3, 8});
  EXPECT_EQ(packed.row_of(1, 0).sub_macro, 3) << "where block 0 ends";
  EXPECT_EQ(packed.row_of(1, 1).row_position, 1);
  EXPECT_EQ(packed.blocks(), 42) << "of three words each in 128";
}

TEST(FlexcimLayout, GivesEverySlotOfEveryBlockAWordOfItsOwnInsideTheMacro) {
  const auto check = [](const MacroArray& array, Pattern pattern, bool any_n) {
    const FlexcimLayout layout = FlexcimLayout::of({.array = array, .any_n = any_n}, pattern);
    std::set<std::int64_t> rows;
    for (std::int64_t block = 0; block < layout.blocks(); ++block)
      for (std::int64_t slot = 0; slot < layout.block_slots(); ++slot) {
        const auto row = layout.row_of(block, slot);
        ASSERT_TRUE(row.sub_macro < array.sub_macros && row.row_position < array.rows_per_sub_macro());
        rows.insert(layout.row_index(row));
      }
    EXPECT_EQ(std::ssize(rows), layout.blocks() * layout.block_slots()) << pattern.name();
    EXPECT_LE(layout.blocks() * layout.block_slots(), array.rows);
  };
  for (const MacroArray& array : some_arrays())
    for (const bool any_n : {false, true})
      for (const Pattern pattern : patterns_for(array, any_n)) check(array, pattern, any_n);
}

TEST(FlexcimStorage, DecodesToTheMatrixThatWasStored) {
  std::mt19937_64 random(1);
  for (const MacroArray& array : some_arrays())
    for (const FlexcimParameters& machine : all_pair_selections(array))
      for (const Pattern pattern : patterns_for(array, machine.any_n)) {
        const FlexcimLayout layout = FlexcimLayout::of(machine, pattern);
        // The last tile of a matrix of a tile and a bit in both directions.
        const FlexcimTile tile{
            layout.inputs(), 1 + static_cast<std::int64_t>(random()) % layout.inputs() / 2 + layout.inputs() / 2,
            array.columns, 1 + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(array.columns))};
        const std::int64_t inputs = tile.first_input + tile.n_inputs;
        const auto weights = random_matrix(layout, tile.first_output + tile.n_outputs, inputs, Values::kRandom, random);
        const auto image = store_tile(layout, weights, inputs, tile);
        ASSERT_TRUE(image) << image.error().line();
        const auto decoded = decode(*image);
        for (std::int64_t output = 0; output < tile.n_outputs; ++output)
          for (std::int64_t input = 0; input < tile.n_inputs; ++input)
            ASSERT_EQ(
                decoded[static_cast<std::size_t>(output * tile.n_inputs + input)],
                weights[static_cast<std::size_t>((tile.first_output + output) * inputs + tile.first_input + input)])
                << pattern.name();
      }
}

TEST(FlexcimStorage, PutsKeptWeightsInOrderAndSplitsTheirPositionIntoPairAndIsel) {
  // docs/flexcim.md shows this block: 4:8 keeps inputs 1, 2, 5 and 7.
  const FlexcimLayout layout = layout_of({.rows = 8, .columns = 1, .sub_macros = 4}, {4, 8});
  const std::vector<std::int8_t> weights = {0, 11, -22, 0, 0, 33, 0, -44};
  const FlexcimImage image = store_tile(layout, weights, 8, {0, 8, 0, 1}).value();
  const std::int8_t expected[] = {11, -22, 33, -44};
  const int pairs[] = {0, 1, 2, 3}, isels[] = {1, 0, 1, 1};
  for (std::int64_t slot = 0; slot < 4; ++slot) {
    const std::int64_t row = layout.row_index({slot, 0});
    EXPECT_EQ(image.word(row, 0).weight, expected[slot]);
    EXPECT_EQ(image.pair(row, 0), pairs[slot]);
    EXPECT_EQ(image.word(row, 0).isel, isels[slot]);
  }
  EXPECT_EQ(image.stored_bits(), 4 * (8 + 3));
}

TEST(FlexcimStorage, WithSharedPairsKeepsBothElementsOfAPairThatIsChosenTwice) {
  const FlexcimLayout layout =
      layout_of({.rows = 8, .columns = 2, .sub_macros = 4}, {3, 8}, PairSelectKind::kSharedPairs, 2);
  // Columns keep 2, 3 and 7; 3 and 6: pair 1 twice, pair 3 once.
  const std::vector<std::int8_t> weights = {0, 0, 5, 6, 0, 0, 0, 7, 0, 0, 0, 8, 0, 0, 9, 0};
  const FlexcimImage image = store_tile(layout, weights, 8, {0, 8, 0, 2}).value();
  const int pairs[] = {1, 1, 3};
  const std::int8_t expected[][2] = {{5, 0}, {6, 8}, {7, 9}};
  for (std::int64_t slot = 0; slot < 3; ++slot)
    for (std::int64_t column = 0; column < 2; ++column) {
      const std::int64_t row = layout.row_index({slot, 0});
      EXPECT_EQ(image.pair(row, column), pairs[slot]);
      EXPECT_EQ(image.word(row, column).weight, expected[slot][column]);
    }
  EXPECT_EQ(image.word(layout.row_index({2, 0}), 0).isel, 1);
  EXPECT_EQ(image.word(layout.row_index({2, 0}), 1).isel, 0);
  EXPECT_EQ(image.stored_bits(), 3 * (2 * (8 + 1) + 2)) << "a weight and isel per column, the pair once";
}

TEST(FlexcimStorage, RefusesABlockThatKeepsTooMuchAndSaysWhere) {
  const FlexcimLayout layout = layout_of({.rows = 8, .columns = 2, .sub_macros = 4}, {2, 4});
  std::vector<std::int8_t> weights(2 * 16, 0);
  for (const std::size_t input : {4u, 5u, 7u}) weights[16 + input] = 1;
  const auto refused = store_tile(layout, weights, 16, whole(layout));
  ASSERT_FALSE(refused);
  EXPECT_EQ(
      refused.error().line(),
      "output 1: inputs 4 .. 7 keep more than 2 weights, which 2:4 does not hold; prune it to the pattern, or choose "
      "a denser one");
}

TEST(FlexcimStorage, RefusesColumnsThatNeedMorePairsThanTheyHaveSlotsToShare) {
  const FlexcimLayout layout =
      layout_of({.rows = 8, .columns = 2, .sub_macros = 4}, {2, 8}, PairSelectKind::kSharedPairs, 2);
  // Each column keeps two weights, but of pairs 0 and 1, and of pairs 0 and 2.
  const std::vector<std::int8_t> weights = {1, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0};
  const auto refused = store_tile(layout, weights, 8, {0, 8, 0, 2});
  ASSERT_FALSE(refused);
  EXPECT_EQ(
      refused.error().line(),
      "outputs 0 .. 1: inputs 0 .. 7 need 3 pairs between them, and 2:8 has slots for 2; prune for shared pairs, or "
      "choose another pair_select");
}

/// The signs of weights pruned to `pattern` by rows that share pairs.
std::vector<std::int8_t> pruned_signs(std::size_t n_out, std::int64_t n_in, Pattern pattern, std::int64_t group) {
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  std::vector<float> weights(n_out * static_cast<std::size_t>(n_in));
  for (float& weight : weights) weight = normal(random);
  EXPECT_TRUE(apply_nm(weights, n_in, {}, pattern, {MaskSharing::Kind::kPairs, group}));
  std::vector<std::int8_t> signs;
  for (const float weight : weights) signs.push_back(static_cast<std::int8_t>((weight > 0) - (weight < 0)));
  return signs;
}

TEST(FlexcimStorage, TakesEveryMaskThatIsPrunedForItsSharedPairsAndNoMaskOfMoreRowsThanShare) {
  for (const Pattern pattern : {Pattern{2, 4}, {1, 4}, {1, 8}, {2, 8}, {4, 8}})
    for (const std::int64_t group : {4, 8, 32}) {
      const FlexcimLayout layout = layout_of({}, pattern, PairSelectKind::kSharedPairs, group);
      const FlexcimTile tile = whole(layout);
      const auto weights = pruned_signs(32, layout.inputs(), pattern, group);
      const auto image = store_tile(layout, weights, layout.inputs(), tile);
      ASSERT_TRUE(image) << pattern.name() << " " << image.error().line();
      EXPECT_EQ(decode(*image), weights);
      EXPECT_FALSE(store_tile(layout, pruned_signs(32, layout.inputs(), pattern, 2), layout.inputs(), tile));
    }
}

}  // namespace
}  // namespace sparsecim
