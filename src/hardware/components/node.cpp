#include "hardware/components/node.hpp"

#include <array>
#include <cmath>
#include <cstddef>
#include <span>

#include "base/check.hpp"
#include "hardware/components/leakage.hpp"

namespace sparsecim {
namespace {

struct Point {
  double node_nm, value;
};

/// Straight lines between points in falling order of node; the end segments' lines beyond them.
double interpolate(std::span<const Point> points, double node_nm) {
  SC_CHECK(node_nm >= kSmallestNode_nm && node_nm <= kLargestNode_nm);
  std::size_t i = 1;
  while (i + 1 < points.size() && points[i].node_nm > node_nm) ++i;
  const auto [high_nm, high] = points[i - 1];
  const auto [low_nm, low] = points[i];
  return low + (high - low) * (node_nm - low_nm) / (high_nm - low_nm);
}

constexpr std::array<double, 10> kNodes_nm = {130, 90, 65, 45, 32, 20, 16, 14, 10, 7};

/// Area factors from the row's node to the column's. The published rows are rounded to two digits and contradict each
/// other by a few per cent (45 to 32: 0.46; 65 to 32 over 65 to 45: 0.47), so none of them is a scale by itself.
constexpr std::array<std::array<double, 10>, 6> kAreaRows = {{
    {4.3, 1.9, 1, .66, .31, .14, .13, .12, .068, .039},  // from 65 nm
    {6.4, 2.8, 1.5, 1, .46, .21, .19, .17, .1, .059},    // 45
    {14, 6.1, 3.3, 2.2, 1, .46, .41, .38, .22, .13},     // 32
    {30, 13, 7.1, 4.7, 2.2, 1, .89, .82, .48, .28},      // 20
    {34, 15, 7.9, 5.3, 2.4, 1.1, 1, .91, .54, .31},      // 16
    {110, 48, 25, 17, 7.8, 3.6, 3.2, 2.9, 1.7, 1},       // 7
}};

/// Relative area of each node: the least-squares fit of all rows in logarithms, which for a full table is the mean over
/// its rows. Factors taken from it obey a to b to c = a to c, which interpolating rows and columns apart does not.
std::array<Point, 10> relative_areas() {
  std::array<Point, 10> areas;
  for (std::size_t column = 0; column < kNodes_nm.size(); ++column) {
    double sum = 0;
    for (const auto& row : kAreaRows) sum += std::log(row[column]);
    areas[column] = {kNodes_nm[column], std::exp(sum / kAreaRows.size())};
  }
  return areas;
}

double relative_area(double node_nm) {
  static const std::array<Point, 10> kAreas = relative_areas();
  return interpolate(kAreas, node_nm);
}

/// Energy of a node at supply V: a V^2 + b V + c.
constexpr std::array<Point, 10> kEnergyA = {{{130, 7.171},
                                             {90, 4.762},
                                             {65, 3.755},
                                             {45, 1.103},
                                             {32, .9559},
                                             {20, .373},
                                             {16, .2958},
                                             {14, .2363},
                                             {10, .2068},
                                             {7, .1776}}};
constexpr std::array<Point, 10> kEnergyB = {{{130, -6.709},
                                             {90, -4.781},
                                             {65, -4.398},
                                             {45, -.362},
                                             {32, -.7823},
                                             {20, -.1582},
                                             {16, -.1241},
                                             {14, -.09675},
                                             {10, -.09311},
                                             {7, -.09097}}};
constexpr std::array<Point, 10> kEnergyC = {{{130, 2.904},
                                             {90, 2.092},
                                             {65, 1.975},
                                             {45, .2767},
                                             {32, .471},
                                             {20, .04104},
                                             {16, .03024},
                                             {14, .02239},
                                             {10, .02375},
                                             {7, .02447}}};

double node_energy(double node_nm, double vdd_v) {
  return interpolate(kEnergyA, node_nm) * vdd_v * vdd_v + interpolate(kEnergyB, node_nm) * vdd_v +
         interpolate(kEnergyC, node_nm);
}

/// 28 nm is a point of its own: the gate model was fitted at 0.9 V.
constexpr std::array<Point, 10> kVdd_v = {
    {{130, 1.3}, {90, 1.2}, {65, 1.1}, {45, 1.0}, {32, .9}, {28, .9}, {22, .85}, {14, .8}, {10, .75}, {7, .7}}};

constexpr std::array<Point, 9> kSramCell_um2 = {
    {{130, 4.73}, {90, 2.27}, {65, 1.18}, {45, .567}, {32, .287}, {22, .136}, {14, .064}, {10, .040}, {7, .027}}};

}  // namespace

double nominal_vdd_v(double node_nm) { return interpolate(kVdd_v, node_nm); }

double area_factor(double from_nm, double to_nm) { return relative_area(to_nm) / relative_area(from_nm); }

double sram_cell_um2(double node_nm) { return interpolate(kSramCell_um2, node_nm); }

double energy_factor(double from_nm, double from_vdd_v, double to_nm) {
  const double own_vdd_v = nominal_vdd_v(from_nm);
  const double to_own_supply = own_vdd_v * own_vdd_v / (from_vdd_v * from_vdd_v);
  return to_own_supply * node_energy(to_nm, nominal_vdd_v(to_nm)) / node_energy(from_nm, own_vdd_v);
}

double delay_factor(double from_nm, double to_nm) { return to_nm / from_nm; }

Band energy_fj_at(const Cost& cost, double node_nm) {
  if (cost.scaling == Scaling::kOffChip) return cost.energy_fj;
  return cost.energy_fj * energy_factor(cost.node_nm, cost.vdd_v, node_nm);
}

Band area_um2_at(const Cost& cost, double node_nm) {
  if (cost.scaling == Scaling::kOffChip) return cost.area_um2;
  if (cost.scaling == Scaling::kSramCell) return cost.area_um2 * (sram_cell_um2(node_nm) / sram_cell_um2(cost.node_nm));
  return cost.area_um2 * area_factor(cost.node_nm, node_nm);
}

Band leakage_pw_at(const Cost& cost, double node_nm) {
  if (cost.scaling == Scaling::kOffChip) return {};
  if (cost.leakage_pw.high > 0)
    return cost.leakage_pw * energy_factor(cost.node_nm, nominal_vdd_v(cost.node_nm), node_nm);
  const double reference_um2 = cost.area_um2.nominal * area_factor(cost.node_nm, kLogicLeakageNode_nm);
  const double factor = energy_factor(kLogicLeakageNode_nm, nominal_vdd_v(kLogicLeakageNode_nm), node_nm);
  return kLogicLeakage_nw_per_um2 * (1000 * reference_um2 * factor);
}

Band delay_ps_at(const Delay& delay, double node_nm) { return delay.delay_ps * delay_factor(delay.node_nm, node_nm); }

}  // namespace sparsecim
