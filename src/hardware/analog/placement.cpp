#include "hardware/analog/placement.hpp"

#include <algorithm>
#include <map>
#include <tuple>

#include "hardware/tiling.hpp"

namespace sparsecim {
namespace {

struct TileOfMatrix {
  std::size_t matrix = 0, stage = 0;
  std::int64_t tile = 0;
};

/// Tiles that may share arrays, in the order of computing.
struct ArrayPool {
  const Layout* like = nullptr;
  std::vector<TileOfMatrix> tiles;
};

std::vector<ArrayPool> pools_of(std::span<const MatrixLayouts> matrices) {
  std::vector<ArrayPool> pools;
  for (std::size_t m = 0; m < matrices.size(); ++m)
    for (std::size_t s = 0; s < matrices[m].stages.size(); ++s) {
      const Layout& layout = *matrices[m].stages[s];
      auto pool = std::ranges::find_if(pools, [&](const ArrayPool& p) { return p.like->alike(layout); });
      if (pool == pools.end()) pool = pools.insert(pool, {.like = &layout, .tiles = {}});
      for (std::int64_t tile = 0; tile < layout.tiles(); ++tile) pool->tiles.push_back({m, s, tile});
    }
  return pools;
}

/// Puts the tiles of one pool into `arrays` arrays, numbered from `first`.
class PoolPlacer {
 public:
  PoolPlacer(std::span<const MatrixLayouts> matrices, PlacedTiles& placed, std::int64_t first, std::int64_t arrays)
      : matrices_(matrices), placed_(placed), first_(first), filled_(static_cast<std::size_t>(arrays)) {}

  void first_fit(std::span<const TileOfMatrix> tiles, std::int64_t capacity) {
    for (std::size_t i = 0; i < tiles.size(); ++i) put(tiles[i], static_cast<std::int64_t>(i) / capacity);
  }

  /// Deals the tiles of every set that works at once out evenly, each set going on where the one before ended: no two
  /// arrays ever differ by more than one tile, of a set or in all.
  void evenly(std::vector<TileOfMatrix> tiles, bool stages_overlap) {
    const auto set_of = [&](const TileOfMatrix& t) {
      return std::tuple(matrices_[t.matrix].phase, stages_overlap ? 0 : t.stage);
    };
    std::ranges::stable_sort(tiles, {}, [&](const TileOfMatrix& t) {
      return std::tuple(set_of(t), t.stage, matrices_[t.matrix].stages[t.stage]->input_group(t.tile));
    });
    for (std::size_t begin = 0, end = 0; begin < tiles.size(); begin = end) {
      while (end < tiles.size() && set_of(tiles[end]) == set_of(tiles[begin])) ++end;
      deal(std::span(tiles).subspan(begin, end - begin));
    }
  }

 private:
  void put(const TileOfMatrix& t, std::int64_t array) {
    placed_.places[t.matrix][t.stage][static_cast<std::size_t>(t.tile)] = {first_ + array,
                                                                           filled_[static_cast<std::size_t>(array)]++};
  }
  /// In runs, so that neighbours, which read the same inputs, meet where an array must take several.
  void deal(std::span<const TileOfMatrix> set) {
    const auto arrays = filled_.size(), each = set.size() / arrays, more = set.size() % arrays;
    for (std::size_t i = 0, at = 0; i < arrays && at < set.size(); ++i)
      for (std::size_t k = 0; k < each + (i < more); ++k)
        put(set[at++], static_cast<std::int64_t>((next_ + i) % arrays));
    next_ = (next_ + more) % arrays;
  }

  std::span<const MatrixLayouts> matrices_;
  PlacedTiles& placed_;
  std::int64_t first_;
  std::vector<std::int64_t> filled_;  // tiles in each array
  std::size_t next_ = 0;
};

/// Tiles of equal key in one array are served together: those of one layout's group, and in the first stage, whose
/// inputs are the phase's, those of equal stages of all its matrices.
auto sharing_key(const Layout& layout, std::size_t stage, const ServedTile& tile) {
  const std::int64_t group = layout.input_group(tile.tile);
  const bool alone = group < 0;
  const ArrayStage& s = layout.stage();
  const auto inputs = std::tuple(s.blocks, s.inputs, s.in.per_block, s.in.per_channel);
  return std::tuple(layout.steps(tile.tile), stage == 0 && !alone ? -1 : static_cast<std::int64_t>(tile.matrix),
                    alone ? -1 - tile.tile : group, inputs);
}

}  // namespace

PlacedTiles place(std::span<const MatrixLayouts> matrices, const PlacementRules& rules) {
  PlacedTiles placed;
  for (const MatrixLayouts& matrix : matrices) {
    placed.places.emplace_back();
    for (const auto& layout : matrix.stages)
      placed.places.back().emplace_back(static_cast<std::size_t>(layout->tiles()));
  }
  for (const ArrayPool& pool : pools_of(matrices)) {
    const std::int64_t capacity = rules.packing == Packing::kOneDiagonal ? 1 : pool.like->diagonals();
    const std::int64_t arrays = divide_up(static_cast<std::int64_t>(pool.tiles.size()), capacity);
    PoolPlacer placer(matrices, placed, placed.arrays, arrays);
    if (rules.order == PlacementOrder::kFirstFit)
      placer.first_fit(pool.tiles, capacity);
    else
      placer.evenly(pool.tiles, rules.stages_overlap);
    placed.arrays += arrays;
  }
  return placed;
}

std::vector<ArrayPass> passes_of(std::span<const MatrixLayouts> matrices, const PlacedTiles& placed, std::int64_t phase,
                                 std::size_t stage) {
  std::vector<std::size_t> members;
  for (std::size_t m = 0; m < matrices.size(); ++m)
    if (matrices[m].phase == phase) members.push_back(m);
  return passes_of(matrices, placed, members, stage);
}

std::vector<ArrayPass> passes_of(std::span<const MatrixLayouts> matrices, const PlacedTiles& placed,
                                 std::span<const std::size_t> members, std::size_t stage) {
  using Key = decltype(sharing_key(std::declval<const Layout&>(), 0, ServedTile{}));
  std::map<std::pair<std::int64_t, Key>, ArrayPass> passes;
  for (const std::size_t m : members) {
    if (stage >= matrices[m].stages.size()) continue;
    const Layout& layout = *matrices[m].stages[stage];
    for (std::int64_t tile = 0; tile < layout.tiles(); ++tile) {
      const TilePlace& at = placed.places[m][stage][static_cast<std::size_t>(tile)];
      const ServedTile served{m, tile, at.diagonal};
      ArrayPass& pass = passes[{at.array, sharing_key(layout, stage, served)}];
      pass.array = at.array;
      pass.tiles.push_back(served);
    }
  }
  std::vector<ArrayPass> sorted;
  for (auto& [key, pass] : passes) sorted.push_back(std::move(pass));
  return sorted;
}

}  // namespace sparsecim
