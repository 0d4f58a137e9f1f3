#include "stimulus.hpp"

#include <bit>

namespace sparsecim::rtl {
namespace {

bool by_plane(const RtlModel& model) { return carries_planes(model.parameters.pair_select); }

std::int64_t pair_groups(const RtlModel& model) {
  const bool shared = shares_pairs(model.parameters.pair_select);
  return model.parameters.array.columns / (shared ? model.parameters.columns_per_group : 1);
}

std::int64_t pair_bits(const RtlModel& model) {
  return std::max<std::int64_t>(1, std::countr_zero(static_cast<unsigned>(model.max_m)) - 1);
}

std::int64_t fetched_inputs(const TileRun& tile) {
  return tile.fetched_inputs > 0 ? tile.fetched_inputs : tile.image.n_inputs;
}

/// The inputs' bits in port order, in words: bit i of `plane` of all inputs, or all bits of all inputs.
void append_words(std::vector<IactWord>& words, const Bits& unit, std::int64_t unit_bits, const IactWord& sideband,
                  std::int64_t port_bits) {
  for (std::int64_t first = 0; first < unit_bits; first += port_bits) {
    IactWord word = sideband;
    word.bits = Bits(port_bits);
    for (std::int64_t bit = first; bit < std::min(first + port_bits, unit_bits); ++bit)
      word.bits.put(bit - first, 1, static_cast<std::uint32_t>(unit.get(bit, 1) & 1));
    words.push_back(std::move(word));
  }
}

}  // namespace

std::vector<LoadRow> load_rows(const RtlModel& model, const FlexcimImage& image) {
  const MacroArray& array = model.parameters.array;
  const std::int64_t groups = pair_groups(model);
  std::vector<LoadRow> rows;
  for (std::int64_t row = 0; row < array.rows; ++row) {
    LoadRow beat{Bits(array.columns * array.weight_bits), Bits(array.columns), Bits(groups * pair_bits(model))};
    for (std::int64_t column = 0; column < array.columns; ++column) {
      const FlexcimWord& word = image.word(row, column);
      beat.weights.put(column * array.weight_bits, array.weight_bits, static_cast<std::uint8_t>(word.weight));
      beat.isel.put(column, 1, word.isel);
    }
    for (std::int64_t group = 0; group < groups; ++group)
      beat.pairs.put(group * pair_bits(model), pair_bits(model), image.pair(row, group * (array.columns / groups)));
    rows.push_back(std::move(beat));
  }
  return rows;
}

std::vector<IactWord> iact_words(const RtlModel& model, const TileRun& tile, std::size_t token) {
  const std::int64_t port_bits = model.parameters.system.activation_bandwidth_bits, n = fetched_inputs(tile);
  const FlexcimLayout& layout = tile.image.layout;
  const std::vector<std::int8_t>& inputs = tile.tokens[token];
  IactWord sideband;
  sideband.switches = token == 0;
  sideband.n = static_cast<std::uint32_t>(layout.block_slots());
  sideband.log_m = static_cast<std::uint32_t>(layout.position_bits());
  std::vector<IactWord> words;
  const int planes = by_plane(model) ? 8 : 1;
  const std::int64_t bits_of_input = 8 / planes;
  sideband.words = static_cast<std::uint32_t>(divide_up(n * bits_of_input, port_bits));
  for (int plane = planes - 1; plane >= 0; --plane) {
    Bits unit(n * bits_of_input);
    for (std::int64_t i = 0; i < std::ssize(inputs); ++i)
      unit.put(i * bits_of_input, bits_of_input,
               static_cast<std::uint32_t>(static_cast<std::uint8_t>(inputs[static_cast<std::size_t>(i)]) >> plane));
    append_words(words, unit, n * bits_of_input, sideband, port_bits);
  }
  return words;
}

PassPath macro_path(const RtlModel& model, const TileRun& tile) {
  const FlexcimParameters& parameters = model.parameters;
  const PairGeometry geometry{.rows = parameters.array.rows,
                              .columns = parameters.array.columns,
                              .sub_macros = parameters.array.sub_macros,
                              .bandwidth_bits = parameters.system.activation_bandwidth_bits,
                              .largest_m = model.max_m,
                              .merges_planes = parameters.array.merges_planes()};
  return make_pair_select(parameters.pair_select, geometry, parameters.columns_per_cycle, parameters.columns_per_group)
      ->path(tile.image.layout.pattern, fetched_inputs(tile));
}

}  // namespace sparsecim::rtl
