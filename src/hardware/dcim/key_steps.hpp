#pragma once

#include <cstdint>
#include <vector>

#include "hardware/workload.hpp"

namespace sparsecim {

// Attention whose keys grow from step to step, without an entry for each step.

/// Steps first .. last of an attention product, whose tiles and passes are the same.
struct AlikeSteps {
  std::int64_t first, last;
  std::int64_t count() const { return last - first + 1; }
};

/// All steps, in order. Tiles hold inputs_per_tile x outputs_per_tile values of keys; a lone tile that is not full
/// gives passes as short as it is. Steps of several positions, whose queries differ in the tiles that they see, stay
/// alone.
std::vector<AlikeSteps> alike_steps(const Operation& operation, std::int64_t inputs_per_tile,
                                    std::int64_t outputs_per_tile);

/// Of all pairs of a query and a tile of `keys_per_tile` keys, in the first step: those in which the query sees a key
/// of the tile.
double seen_share(const Operation& operation, std::int64_t keys_per_tile);

/// Cycles in which `lanes` products a cycle do all steps, one after the other.
std::int64_t vector_cycles(const Operation& operation, std::int64_t lanes);

}  // namespace sparsecim
