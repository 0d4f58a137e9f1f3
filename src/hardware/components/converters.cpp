#include "hardware/components/converters.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "hardware/components/gates.hpp"
#include "hardware/components/node.hpp"

namespace sparsecim {
namespace {

constexpr double kIsaacConverterNode_nm = 32, kIsaacConverterVdd_v = 0.9;
constexpr double kZigzagNode_nm = 28;

struct ConverterPoint {
  double node_nm, energy_fj;
};
constexpr std::array<ConverterPoint, 5> kNeurosim8Bit = {{{65, 500}, {45, 310}, {32, 160}, {22, 78}, {7, 16}}};

/// Both figures, between two points, by their geometric mean.
ConverterFigures between(const ConverterFigures& a, const ConverterFigures& b) {
  return {std::sqrt(a.energy_fj * b.energy_fj), std::sqrt(a.area_um2 * b.area_um2)};
}

}  // namespace

ConverterFigures accelergy_converter(std::int64_t bits, double node_nm, double samples_per_s) {
  const auto n = static_cast<double>(std::max<std::int64_t>(bits, 4));
  const double signal_db = 6.0206 * n + 1.7609;
  const double merit_db =
      std::min(213.7806687 - 2.87190304 * std::log(samples_per_s), 128.3068287 + 3.2205115 * std::ceil(n));
  const double raw = 1 / (2 * std::pow(10, (merit_db - signal_db) / 10));
  const double energy_pj =
      raw * std::exp(26.04962157 + 1.88003692 * std::log(node_nm) - 2.82912561 * std::log(n) - 1.47020221);
  const double area_um2 = std::exp(0.99327947 * std::log(node_nm) + 0.18071538 * std::log(samples_per_s) +
                                   0.29912426 * std::log(energy_pj) + 1.34619164);
  return {1000 * energy_pj, area_um2};
}

ConverterFigures zigzag_converter(std::int64_t bits) {
  const auto n = static_cast<double>(bits);
  const double capacitance_ff = 100 * n + 0.001 * std::pow(4, n);
  return {capacitance_ff * kGateVdd_v * kGateVdd_v, std::pow(10, 1.206 - 0.0369 * n) * std::pow(2, n)};
}

ConverterFigures isaac_converter(std::int64_t bits) {
  constexpr ConverterFigures kFour{790, 361}, kFive{990, 477}, kSix{1200, 627}, kEight{1667, 1200};
  if (bits <= 4) return kFour;
  if (bits == 5) return kFive;
  if (bits == 6) return kSix;
  if (bits == 7) return between(kSix, kEight);
  const auto more = static_cast<double>(bits - 8) / 2;  // the step from 6 to 8 bits, by halves
  return {kEight.energy_fj * std::pow(kEight.energy_fj / kSix.energy_fj, more),
          kEight.area_um2 * std::pow(kEight.area_um2 / kSix.area_um2, more)};
}

double neurosim_converter_8bit_fj(double node_nm) {
  if (node_nm >= kNeurosim8Bit.front().node_nm) return kNeurosim8Bit.front().energy_fj;
  for (std::size_t i = 1; i < kNeurosim8Bit.size(); ++i) {
    const auto &above = kNeurosim8Bit[i - 1], &below = kNeurosim8Bit[i];
    if (node_nm >= below.node_nm)
      return std::lerp(below.energy_fj, above.energy_fj, (node_nm - below.node_nm) / (above.node_nm - below.node_nm));
  }
  return kNeurosim8Bit.back().energy_fj;
}

ConverterBand converter_band(std::int64_t bits, double node_nm, double samples_per_s) {
  ConverterFigures isaac = isaac_converter(bits), zigzag = zigzag_converter(bits);
  isaac.energy_fj *= energy_factor(kIsaacConverterNode_nm, kIsaacConverterVdd_v, node_nm);
  isaac.area_um2 *= area_factor(kIsaacConverterNode_nm, node_nm);
  zigzag.energy_fj *= energy_factor(kZigzagNode_nm, kGateVdd_v, node_nm);
  zigzag.area_um2 *= area_factor(kZigzagNode_nm, node_nm);
  const ConverterFigures accelergy = accelergy_converter(bits, node_nm, samples_per_s);
  const double neurosim = bits == 8 ? neurosim_converter_8bit_fj(node_nm) : isaac.energy_fj;
  const auto [low, high] = std::minmax({isaac.energy_fj, zigzag.energy_fj, accelergy.energy_fj, neurosim});
  const auto [small, large] = std::minmax({isaac.area_um2, zigzag.area_um2, accelergy.area_um2});
  return {{low, isaac.energy_fj, high}, {small, isaac.area_um2, large}};
}

}  // namespace sparsecim
