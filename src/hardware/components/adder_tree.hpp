#pragma once

#include <cstdint>
#include <vector>

namespace sparsecim {

/// A tree that adds `inputs` (a power of two) operands of `bits` bits, of ripple-carry adders.
struct AdderTree {
  std::int64_t inputs;
  std::int64_t bits;

  int levels() const;  // log2(inputs)
  /// Adders of level 1 .. levels() times their operand width; sums to full_adders().
  std::int64_t full_adders_of_level(int level) const;
  /// inputs * (bits + 1) - (bits + levels + 1).
  std::int64_t full_adders() const;
  std::int64_t result_bits() const { return bits + levels(); }
  /// Carry-to-carry steps on the longest path: bits + levels - 2. The rest of the path is levels - 1 sums and one
  /// input-to-carry.
  std::int64_t carries_on_path() const;
};

/// Share of a full adder's inputs that change from one bit plane to the next, for each level of a tree of ripple-carry
/// adders over products weight * bit, when a share `weight_ones` of the weight bits is one and a share
/// `activation_toggle` of the activations changes. Zero where either is zero; tends to 0.45 in deep trees.
///
/// Fit to a bit-true simulation of such trees (adder_tree_test.cpp repeats it; error below 15 %, no glitches):
/// level 1 sees the product bits, which change with p = ones * toggle, and a carry that needs two of them; each further
/// level sees q' = 2 q (1 - q / 0.9), the sum of two operands that saturates at 0.45.
std::vector<double> tree_activity(int levels, double weight_ones, double activation_toggle);

/// What one more adder behind the tree sees.
double activity_behind(double activity);

/// Full-adder events of one evaluation of the tree: full adders by level times the share of inputs that change.
double tree_full_adder_events(const AdderTree& tree, double weight_ones, double activation_toggle);

}  // namespace sparsecim
