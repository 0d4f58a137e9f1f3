#pragma once

#include "kernels/int8_kernel.hpp"

namespace sparsecim {

/// The inner loop of all x86 kernels. `Isa` gives
///   Vector                 a register of kLanes int32 sums, one output each
///   kVectors, kTokens      registers of a panel, most tokens of a block: kTokens * kVectors sums and kVectors weights
///                          have to fit into the register file
///   kWeightBytes           of the stored weights that fill one Weights register
///   weights(pointer)       loads a register of them
///   broadcast(pointer)     one group of a token's activations (4 bytes), in every lane
///   add(sum, w, x)         sum plus the products of a group
///   set1, load, store      of Vector
/// Isa is local to the including file, and so are these functions: no two files share a copy.
template <class Isa, int Tokens>
static inline void multiply_register_tile(const Int8Tile& tile) {
  constexpr std::int64_t kVectors = Isa::kVectors, kSums = Tokens * kVectors;
  typename Isa::Vector sums[kSums];
#pragma GCC unroll 32
  for (std::int64_t i = 0; i < kSums; ++i)
    sums[i] = tile.start != nullptr ? Isa::set1(tile.start[i / kVectors])
                                    : Isa::load(tile.sums + i / kVectors * tile.stride + i % kVectors * Isa::kLanes);
  const std::uint8_t* weights = tile.weights;
  const auto* activations = static_cast<const std::uint8_t*>(tile.activations);
  for (std::int64_t step = 0; step < tile.n_steps; ++step) {
    typename Isa::Vector panel[kVectors];
#pragma GCC unroll 8
    for (std::int64_t v = 0; v < kVectors; ++v) panel[v] = Isa::weights(weights + v * Isa::kWeightBytes);
#pragma GCC unroll 32
    for (std::int64_t i = 0; i < kSums; ++i)
      sums[i] = Isa::add(sums[i], panel[i % kVectors], Isa::broadcast(activations + i / kVectors * 4));
    weights += kVectors * Isa::kWeightBytes;
    activations += std::int64_t{4} * Tokens;
  }
#pragma GCC unroll 32
  for (std::int64_t i = 0; i < kSums; ++i)
    Isa::store(tile.sums + i / kVectors * tile.stride + i % kVectors * Isa::kLanes, sums[i]);
}

/// Finds the instance for the tile's number of tokens.
template <class Isa, int Tokens = Isa::kTokens>
static inline void multiply_tile(const Int8Tile& tile) {
  if (tile.n_tokens == Tokens) return multiply_register_tile<Isa, Tokens>(tile);
  if constexpr (Tokens > 1) multiply_tile<Isa, Tokens - 1>(tile);
}

}  // namespace sparsecim
