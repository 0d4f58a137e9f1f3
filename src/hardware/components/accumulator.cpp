#include "hardware/components/accumulator.hpp"

#include <cmath>

namespace sparsecim {
namespace {

/// Inverting: in two of the eight planes the control input changes (to invert, and back), one input of two.
constexpr double kInvertPlanes = 2.0 / 8;

double saturating(double value, double scale) { return 1 - std::exp(-value / scale); }

}  // namespace

AccumulatorActivity accumulator_activity(double tree) {
  const double register_bits = 0.37 * saturating(tree, 0.085);
  return {.full_adder = 0.2 + 1.35 * saturating(tree, 1),
          .register_bits = register_bits,
          .invert = (register_bits + kInvertPlanes) / 2};
}

double sum_change(double tree) { return 0.5 * saturating(tree, 0.01); }

}  // namespace sparsecim
