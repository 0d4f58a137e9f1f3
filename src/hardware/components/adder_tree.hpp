#pragma once

#include <cstdint>
#include <vector>

namespace sparsecim {

/// A tree that adds `inputs` (a power of two) operands of `bits` bits, of ripple-carry adders.
struct AdderTree {
  std::int64_t inputs;
  std::int64_t bits;

  int levels() const;  // log2(inputs)
  /// Width of an operand of level 1 .. levels().
  std::int64_t operand_bits(int level) const { return bits + level - 1; }
  /// Adders of level 1 .. levels() times their operand width; sums to full_adders().
  std::int64_t full_adders_of_level(int level) const;
  /// inputs * (bits + 1) - (bits + levels + 1).
  std::int64_t full_adders() const;
  std::int64_t result_bits() const { return bits + levels(); }
  /// Carry-to-carry steps on the longest path: bits + levels - 2. The rest of the path is levels - 1 sums and one
  /// input-to-carry.
  std::int64_t carries_on_path() const;
};

/// Switching in each level of a tree of ripple-carry adders, in full-adder events (kFullAdder) per full adder and
/// evaluation, when a share `first` of the first level's inputs changes. Above 1 in deep trees: sums and carries arrive
/// one after the other, so gates change several times before they settle.
///
/// Fit to a simulation of every gate with the delays of gates.hpp (adder_tree_test.cpp repeats it; trees of 2 to 16 bit
/// operands within 20 %): the first level sees its inputs; each further one sees q' = q + g (1 - exp(-q / g)), two
/// operands that change apart from each other (2 q) while little does, and `g` more changes than the level before, in
/// proportion to the length of its carry chains, when all is in motion.
std::vector<double> tree_activity(const AdderTree& tree, double first);

/// What the inputs of one more adder behind one of `operand_bits` see.
double activity_behind(double activity, std::int64_t operand_bits);

/// Full-adder events of one evaluation of the tree.
double tree_full_adder_events(const AdderTree& tree, double first);

/// Switching in the first level of adders whose operands come from registers with new, unrelated values: half of the
/// bits change, and the carries ripple (the same simulation, 21 bits).
inline constexpr double kFreshOperandActivity = 0.55;

}  // namespace sparsecim
