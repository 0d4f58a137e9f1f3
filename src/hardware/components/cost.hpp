#pragma once

#include <string_view>

namespace sparsecim {

/// A value with what its sources allow: low <= nominal <= high. Sums and positive multiples of bands are bands.
struct Band {
  double low = 0, nominal = 0, high = 0;

  constexpr Band operator+(const Band& other) const {
    return {low + other.low, nominal + other.nominal, high + other.high};
  }
  constexpr Band operator*(double factor) const { return {low * factor, nominal * factor, high * factor}; }
  constexpr Band& operator+=(const Band& other) { return *this = *this + other; }
  constexpr bool operator==(const Band&) const = default;
};

/// A band of one value: nobody disagrees, or nobody else has said anything.
constexpr Band exactly(double value) { return {value, value, value}; }

/// How a cost follows the technology node (components/node.hpp).
enum class Scaling {
  kLogic,     // Stillmaker & Baas: area, energy, delay
  kSramCell,  // area by the table of SRAM cells, energy as logic
  kOffChip,   // not at all: the memory is bought
};

/// What one component costs, or one event in it. Data: the machines say how many there are and how often they work.
struct Cost {
  std::string_view name;  // "full adder"
  std::string_view unit;  // what one event is: "addition of one bit"
  Band energy_fj = {};    // per event
  Band area_um2 = {};     // per instance
  Band leakage_pw = {};   // per instance, where a figure of its own exists; else it follows from logic area
  double node_nm = 28;    // of the figures above
  double vdd_v = 0.9;     // of the energy
  Scaling scaling = Scaling::kLogic;
  std::string_view source = {};
};

/// The delay of one step on a path through logic.
struct Delay {
  std::string_view name;
  Band delay_ps = {};
  double node_nm = 28;
  std::string_view source = {};
};

}  // namespace sparsecim
