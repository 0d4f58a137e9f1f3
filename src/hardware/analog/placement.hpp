#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "hardware/analog/layout.hpp"

namespace sparsecim {

/// A matrix as the stages that it goes through, one after the other. Matrices of one phase read the same inputs and run
/// at once (q, k and v); phases are numbered in the order of computing.
struct MatrixLayouts {
  std::vector<std::shared_ptr<const Layout>> stages;
  std::int64_t phase = 0;
};

enum class PlacementOrder {
  kFirstFit,         // arrays are filled one after the other, in the order of the tiles
  kContentionAware,  // tiles that work at once go to different arrays; where there are too few, those that read the
                     // same
};
inline constexpr std::string_view kPlacementOrderNames[] = {"first_fit", "contention_aware"};
enum class Packing {
  kFull,         // an array holds as many tiles as it has diagonals
  kOneDiagonal,  // an array for each tile: nothing waits, most cells are empty
};
inline constexpr std::string_view kPackingNames[] = {"full", "one_diagonal"};

struct PlacementRules {
  PlacementOrder order = PlacementOrder::kContentionAware;
  Packing packing = Packing::kFull;
  /// Whether stages of one phase work at once, each on a token of its own.
  bool stages_overlap = true;
  bool operator==(const PlacementRules&) const = default;
};

struct TilePlace {
  std::int64_t array = 0, diagonal = 0;
  bool operator==(const TilePlace&) const = default;
};

struct PlacedTiles {
  std::vector<std::vector<std::vector<TilePlace>>> places;  // [matrix][stage][tile]
  std::int64_t arrays = 0;
};

/// Needs as few arrays as there can be with the packing asked for: tiles of layouts that are alike share arrays,
/// whatever the order.
PlacedTiles place(std::span<const MatrixLayouts> matrices, const PlacementRules& rules);

/// A tile that an array serves.
struct ServedTile {
  std::size_t matrix = 0;
  std::int64_t tile = 0, diagonal = 0;
};
/// Tiles of an array that are served by the same activations, step by step: one, or several of the same inputs.
struct ArrayPass {
  std::int64_t array = 0;
  std::vector<ServedTile> tiles;
};

/// What arrays do for one token in stage `stage` of `phase`, by array; a pass's tiles have equal numbers of steps.
std::vector<ArrayPass> passes_of(std::span<const MatrixLayouts> matrices, const PlacedTiles& placed, std::int64_t phase,
                                 std::size_t stage);
/// The same for `members`, the positions of the phase's matrices.
std::vector<ArrayPass> passes_of(std::span<const MatrixLayouts> matrices, const PlacedTiles& placed,
                                 std::span<const std::size_t> members, std::size_t stage);

}  // namespace sparsecim
