#pragma once

#include "hardware/dcim/schedule.hpp"
#include "stimulus.hpp"

namespace sparsecim::rtl {

/// A matrix cut into tiles for one macro, in the order of Tiling.
struct TiledMatrix {
  TiledMatrix(const RtlModel& model, Pattern pattern, std::span<const std::int8_t> weights,
              std::span<const std::int8_t> activations, std::int64_t n_inputs)
      : n_inputs_(n_inputs), activations_(activations) {
    const FlexcimLayout layout = FlexcimLayout::of(model.parameters, pattern);
    const std::int64_t n_outputs = std::ssize(weights) / n_inputs;
    work.tokens = std::ssize(activations) / n_inputs;
    work.tiling = Tiling::over(divide_up(n_inputs, layout.inputs()), divide_up(n_outputs, layout.columns), 1);
    work.rows_to_load = layout.rows;
    for (std::int64_t output = 0; output < n_outputs; output += layout.columns)
      for (std::int64_t input = 0; input < n_inputs; input += layout.inputs())
        add(store_tile(layout, weights, n_inputs,
                       {input, std::min(layout.inputs(), n_inputs - input), output,
                        std::min(layout.columns, n_outputs - output)})
                .value(),
            input);
    work.path = macro_path(model, tiles.front());
  }

  std::vector<TileRun> tiles;
  LinearWork work;

 private:
  void add(FlexcimImage image, std::int64_t first_input) {
    TileRun& tile = tiles.emplace_back();
    tile.fetched_inputs = std::min(n_inputs_, image.layout.inputs());
    for (std::int64_t token = 0; token < work.tokens; ++token) {
      const auto begin = activations_.begin() + token * n_inputs_ + first_input;
      tile.tokens.emplace_back(begin, begin + image.n_inputs);
    }
    tile.image = std::move(image);
  }

  std::int64_t n_inputs_;
  std::span<const std::int8_t> activations_;
};

}  // namespace sparsecim::rtl
