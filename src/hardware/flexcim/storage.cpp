#include "hardware/flexcim/storage.hpp"

#include <algorithm>
#include <bit>

#include "base/check.hpp"

namespace sparsecim {
namespace {

constexpr std::int64_t kWeightBits = 8;

std::size_t index(std::int64_t value) { return static_cast<std::size_t>(value); }

class TileWriter {
 public:
  TileWriter(const FlexcimLayout& layout, std::span<const std::int8_t> weights, std::int64_t matrix_inputs,
             const FlexcimTile& tile)
      : weights_(weights), matrix_inputs_(matrix_inputs), tile_(tile) {
    image_.layout = layout;
    image_.n_inputs = tile.n_inputs;
    image_.n_outputs = tile.n_outputs;
    image_.words.resize(index(layout.rows * layout.columns));
    image_.pairs.resize(index(layout.rows * layout.groups()));
  }

  Result<FlexcimImage> write() {
    for (std::int64_t block = 0; block < image_.blocks_used(); ++block)
      for (std::int64_t group = 0; group < layout().groups(); ++group) {
        if (layout().shares_pairs())
          SC_TRY(write_shared(block, group));
        else
          SC_TRY(write_column(block, group));
      }
    return std::move(image_);
  }

 private:
  const FlexcimLayout& layout() const { return image_.layout; }

  /// Of a block's input, zero beyond the tile's edges.
  std::int8_t weight(std::int64_t block, std::int64_t position, std::int64_t column) const {
    const std::int64_t input = block * layout().block_inputs() + position;
    if (input >= tile_.n_inputs || column >= tile_.n_outputs) return 0;
    return weights_[index((tile_.first_output + column) * matrix_inputs_ + tile_.first_input + input)];
  }

  std::int64_t row(std::int64_t block, std::int64_t slot) const {
    return layout().row_index(layout().row_of(block, slot));
  }

  void put(std::int64_t row, std::int64_t column, std::int64_t position, std::int8_t weight) {
    image_.words[index(row * layout().columns + column)] = {weight, static_cast<std::uint8_t>(position % 2)};
    image_.pairs[index(row * layout().groups() + column / layout().columns_per_group)] =
        static_cast<std::uint8_t>(position / 2);
  }

  Result<void> write_column(std::int64_t block, std::int64_t column) {
    std::int64_t slot = 0;
    for (std::int64_t position = 0; position < layout().block_inputs(); ++position) {
      const std::int8_t value = weight(block, position, column);
      if (value == 0) continue;
      if (slot == layout().block_slots())
        return fail(Remedy{"prune it to the pattern, or choose a denser one"},
                    "output {}: inputs {} .. {} keep more than {} weights, which {} does not hold",
                    tile_.first_output + column, first_input(block), last_input(block), slot, layout().pattern.name());
      put(row(block, slot++), column, position, value);
    }
    return {};
  }

  /// How often each pair needs a slot: as often as the column with most weights in it.
  std::vector<std::int64_t> slots_by_pair(std::int64_t block, std::int64_t group) const {
    std::vector<std::int64_t> slots(index(layout().block_inputs() / 2));
    for (std::int64_t column = group * layout().columns_per_group; column < (group + 1) * layout().columns_per_group;
         ++column)
      for (std::int64_t pair = 0; pair < std::ssize(slots); ++pair) {
        const std::int64_t kept = (weight(block, 2 * pair, column) != 0) + (weight(block, 2 * pair + 1, column) != 0);
        slots[index(pair)] = std::max(slots[index(pair)], kept);
      }
    return slots;
  }

  Result<void> write_shared(std::int64_t block, std::int64_t group) {
    const std::vector<std::int64_t> slots = slots_by_pair(block, group);
    std::int64_t used = 0;
    for (const std::int64_t count : slots) used += count;
    const std::int64_t first_column = group * layout().columns_per_group;
    if (used > layout().block_slots())
      return fail(Remedy{"prune for shared pairs, or choose another pair_select"},
                  "outputs {} .. {}: inputs {} .. {} need {} pairs between them, and {} has slots for {}",
                  tile_.first_output + first_column, tile_.first_output + first_column + layout().columns_per_group - 1,
                  first_input(block), last_input(block), used, layout().pattern.name(), layout().block_slots());
    std::int64_t slot = 0;
    for (std::int64_t pair = 0; pair < std::ssize(slots); ++pair) {
      if (slots[index(pair)] == 0) continue;
      for (std::int64_t column = first_column; column < first_column + layout().columns_per_group; ++column)
        put_pair(block, slot, slots[index(pair)], pair, column);
      slot += slots[index(pair)];
    }
    return {};
  }

  /// A pair's one slot holds whichever element the column keeps; of its two slots each has its element.
  void put_pair(std::int64_t block, std::int64_t slot, std::int64_t slots, std::int64_t pair, std::int64_t column) {
    const std::int8_t even = weight(block, 2 * pair, column), odd = weight(block, 2 * pair + 1, column);
    if (slots == 2) {
      put(row(block, slot), column, 2 * pair, even);
      put(row(block, slot + 1), column, 2 * pair + 1, odd);
    } else {
      put(row(block, slot), column, 2 * pair + (odd != 0), odd != 0 ? odd : even);
    }
  }

  std::int64_t first_input(std::int64_t block) const { return tile_.first_input + block * layout().block_inputs(); }
  std::int64_t last_input(std::int64_t block) const {
    return std::min(first_input(block) + layout().block_inputs(), tile_.first_input + tile_.n_inputs) - 1;
  }

  FlexcimImage image_;
  std::span<const std::int8_t> weights_;
  std::int64_t matrix_inputs_;
  FlexcimTile tile_;
};

}  // namespace

FlexcimLayout FlexcimLayout::of(const FlexcimParameters& parameters, Pattern pattern) {
  const bool shared = sparsecim::shares_pairs(parameters.pair_select) && !pattern.dense() && pattern.m > 2;
  return {.pattern = pattern,
          .rows = parameters.array.rows,
          .columns = parameters.array.columns,
          .sub_macros = parameters.array.sub_macros,
          .columns_per_group = shared ? parameters.columns_per_group : 1,
          .any_n = parameters.any_n};
}

std::int64_t FlexcimLayout::position_bits() const {
  return std::countr_zero(static_cast<std::uint64_t>(block_inputs()));
}

FlexcimLayout::Row FlexcimLayout::row_of(std::int64_t block, std::int64_t slot) const {
  if (any_n) {
    const std::int64_t word = block * block_slots() + slot;
    return {word % sub_macros, word / sub_macros};
  }
  if (block_slots() > sub_macros)
    return {slot % sub_macros, block * divide_up(block_slots(), sub_macros) + slot / sub_macros};
  const std::int64_t blocks_of_position = sub_macros / block_slots();
  return {block % blocks_of_position * block_slots() + slot, block / blocks_of_position};
}

std::int64_t FlexcimImage::blocks_used() const { return divide_up(n_inputs, layout.block_inputs()); }

std::int64_t FlexcimImage::stored_bits() const {
  const std::int64_t slots = blocks_used() * layout.block_slots();
  if (!layout.shares_pairs()) return slots * n_outputs * (kWeightBits + layout.position_bits());
  const std::int64_t groups = divide_up(n_outputs, layout.columns_per_group);
  return slots * (n_outputs * (kWeightBits + 1) + groups * (layout.position_bits() - 1));
}

Result<FlexcimImage> store_tile(const FlexcimLayout& layout, std::span<const std::int8_t> weights,
                                std::int64_t matrix_inputs, const FlexcimTile& tile) {
  SC_CHECK(tile.n_inputs <= layout.inputs() && tile.n_outputs <= layout.columns);
  SC_CHECK(tile.first_input % layout.inputs() == 0 && tile.first_input + tile.n_inputs <= matrix_inputs);
  SC_CHECK((tile.first_output + tile.n_outputs) * matrix_inputs <= std::ssize(weights));
  return TileWriter(layout, weights, matrix_inputs, tile).write();
}

std::vector<std::int8_t> decode(const FlexcimImage& image) {
  std::vector<std::int8_t> weights(index(image.n_outputs * image.n_inputs));
  const FlexcimLayout& layout = image.layout;
  for (std::int64_t block = 0; block < image.blocks_used(); ++block)
    for (std::int64_t slot = 0; slot < layout.block_slots(); ++slot)
      for (std::int64_t column = 0; column < image.n_outputs; ++column) {
        const std::int64_t row = layout.row_index(layout.row_of(block, slot));
        const FlexcimWord word = image.word(row, column);
        if (word.weight == 0) continue;
        const std::int64_t position = 2 * image.pair(row, column) + word.isel;
        weights[index(column * image.n_inputs + block * layout.block_inputs() + position)] = word.weight;
      }
  return weights;
}

}  // namespace sparsecim
