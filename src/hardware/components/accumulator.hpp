#pragma once

namespace sparsecim {

/// Switching in a shift-accumulator, per bit of it and bit plane: sum = 2 * sum + tree result, most significant plane
/// first. The plane of the signs starts from zero, and is subtracted by inverting the running sum once behind it: an
/// XOR2 per bit at the register, off the longest path.
struct AccumulatorActivity {
  double full_adder;     // events of kFullAdder, with the ripples that the tree's result comes in with
  double register_bits;  // stored bits that change
  double invert;         // events of kXor2
};

/// Behind a tree whose last level has the activity `tree`. Fit to the same simulation of every gate as tree_activity
/// (adder_tree_test.cpp repeats it; 32 to 128 inputs of 8 bits, within 20 %).
AccumulatorActivity accumulator_activity(double tree);

/// Share of a sum's bits that differ from the sum of the token before; a half wherever anything changes at all.
double sum_change(double tree);

}  // namespace sparsecim
