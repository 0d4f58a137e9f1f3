#include "report/units.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <span>

#include "base/progress.hpp"

namespace sparsecim::report {
namespace {

struct Unit {
  double size;
  const char* name;
};

/// `value` to `digits` significant digits: 9.996 has the magnitude of 10.0, not of 9.99.
double rounded(double value, int digits) {
  if (value == 0 || !std::isfinite(value)) return value;
  const double scale = std::pow(10.0, digits - 1 - std::floor(std::log10(std::abs(value))));
  return std::isfinite(scale) && scale > 0 ? std::round(value * scale) / scale : value;
}

/// With so many decimals, as long as they mean something.
std::string fixed(double value, int decimals) {
  return std::abs(value) < 1e6 ? fmt::format("{:.{}f}", value, decimals) : format_significant(value);
}

/// In the largest unit that leaves at least 1 of it; the smallest otherwise.
std::string in_units(double value, std::span<const Unit> units) {
  const double magnitude = std::abs(rounded(value, 3));
  const Unit* unit = &units.front();
  for (const Unit& larger : units)
    if (magnitude >= larger.size) unit = &larger;
  return format_significant(value / unit->size) + " " + unit->name;
}

}  // namespace

std::string format_significant(double value) {
  if (!std::isfinite(value)) return kNothing;
  const double shown = rounded(value, 3);
  const double magnitude = std::abs(shown);
  if (magnitude >= 1e15 || (magnitude > 0 && magnitude < 1e-4)) return fmt::format("{:.1e}", value);
  if (magnitude >= 100) return format_count(std::llround(value));
  const int decimals = magnitude == 0 ? 0 : 2 - static_cast<int>(std::floor(std::log10(magnitude)));
  return fmt::format("{:.{}f}", shown, decimals);
}

std::string format_number(double value) {
  // 100 * 0.07 is not quite 7.
  const bool whole = std::abs(value) < 1e15 && std::abs(value - std::round(value)) <= 1e-12 * std::abs(value);
  return whole ? format_count(std::llround(value)) : format_significant(value);
}

std::string format_loss(double nats) { return fixed(nats, 4); }

std::string format_perplexity(double value) {
  if (std::abs(value) >= 1000) return format_significant(value);
  return fixed(value, std::abs(value) < 100 ? 2 : 1);
}

std::string format_time(double ns) {
  static constexpr std::array<Unit, 4> kUnits = {{{1, "ns"}, {1e3, "µs"}, {1e6, "ms"}, {1e9, "s"}}};
  return in_units(ns, kUnits);
}

std::string format_energy(double pj) {
  static constexpr std::array<Unit, 5> kUnits = {{{1, "pJ"}, {1e3, "nJ"}, {1e6, "µJ"}, {1e9, "mJ"}, {1e12, "J"}}};
  return in_units(pj, kUnits);
}

std::string format_area(double um2) {
  // A macro of some 0.01 mm2 is already spoken of in mm2.
  static constexpr double kSmallestInMm2 = 1e4;
  if (std::abs(um2) < kSmallestInMm2) return format_significant(um2) + " µm²";
  return format_significant(um2 / 1e6) + " mm²";
}

std::string format_percent(double share) { return fixed(100 * share, 1) + " %"; }

std::string format_round_percent(double share) { return format_number(100 * share) + " %"; }

std::string format_size(double bytes) {
  constexpr double kLargest = 1e18;  // below 2^63
  if (!(bytes >= 0 && bytes < kLargest)) return format_number(bytes) + " B";
  return format_bytes(static_cast<std::uint64_t>(bytes));
}

std::string format_times(double ratio) { return fixed(ratio, ratio < 100 ? 2 : 0) + "×"; }

std::string describe_ratio(double ratio, const char* lower, const char* higher) {
  if (std::abs(ratio - 1) < kSameWithin) return "the same";
  return ratio < 1 ? format_times(1 / ratio) + " " + lower : format_times(ratio) + " " + higher;
}

std::string describe_change(double ratio, const char* lower, const char* higher) {
  if (std::abs(ratio - 1) < kSameWithin) return "the same";
  if (ratio >= 2) return describe_ratio(ratio, lower, higher);
  return format_percent(std::abs(ratio - 1)) + " " + (ratio < 1 ? lower : higher);
}

}  // namespace sparsecim::report
