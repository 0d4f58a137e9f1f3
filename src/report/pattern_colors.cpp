#include "report/pattern_colors.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>
#include <tuple>

namespace sparsecim::report {
namespace {

struct Ratio {
  int n, m;
};

std::optional<int> whole(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool good = error == std::errc{} && end == text.data() + text.size() && value >= 1;
  return good ? std::optional(value) : std::nullopt;
}

std::optional<Ratio> parse(std::string_view pattern) {
  if (pattern == "dense") return Ratio{8, 8};
  const auto colon = pattern.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto n = whole(pattern.substr(0, colon)), m = whole(pattern.substr(colon + 1));
  if (!n || !m || *n > *m) return std::nullopt;
  return Ratio{*n, *m};
}

using Rgb = std::array<double, 3>;  // 0 .. 255

Rgb mixed(const Rgb& a, const Rgb& b, double share_of_b) {
  Rgb result;
  for (std::size_t i = 0; i < 3; ++i) result[i] = a[i] + share_of_b * (b[i] - a[i]);
  return result;
}

/// Between anchors at every halving of the density.
Rgb hue_of(double density) {
  static constexpr std::array<Rgb, 4> kAnchors = {{{92, 80, 160}, {28, 124, 120}, {214, 146, 30}, {200, 72, 60}}};
  const double halvings = std::clamp(-std::log2(density), 0.0, 3.0);
  const auto below = std::min(static_cast<std::size_t>(halvings), kAnchors.size() - 2);
  return mixed(kAnchors[below], kAnchors[below + 1], halvings - static_cast<double>(below));
}

/// WCAG 2.2, "relative luminance", without the linear toe: only the order of black and white matters here.
double luminance(const Rgb& color) {
  const auto linear = [](double value) { return std::pow(value / 255, 2.2); };
  return 0.2126 * linear(color[0]) + 0.7152 * linear(color[1]) + 0.0722 * linear(color[2]);
}

std::string hex(const Rgb& color) {
  const auto byte = [](double value) { return static_cast<int>(std::lround(value)); };
  return fmt::format("#{:02x}{:02x}{:02x}", byte(color[0]), byte(color[1]), byte(color[2]));
}

}  // namespace

PatternColor color_of_pattern(const std::string& pattern) {
  const auto ratio = parse(pattern);
  if (!ratio) return {"#8a8f98", "#000000"};
  const double density = static_cast<double>(ratio->n) / ratio->m;
  // M of 8 and more at full strength; each halving of M is mixed with a fifth more of white.
  const double halvings = density < 1 ? std::clamp(3 - std::log2(ratio->m), 0.0, 3.0) : 0;
  const Rgb color = mixed(hue_of(density), {255, 255, 255}, 0.22 * halvings);
  // Black and white text have equal contrast at the luminance 0.18 (WCAG's ratio, (L + 0.05) against 1.05 and 0.05).
  return {hex(color), luminance(color) > 0.18 ? "#000000" : "#ffffff"};
}

double density_of_pattern(const std::string& pattern) {
  const auto ratio = parse(pattern);
  return ratio ? static_cast<double>(ratio->n) / ratio->m : 1;
}

std::vector<std::string> sorted_patterns(std::vector<std::string> patterns) {
  const auto rank = [](const std::string& pattern) {
    const auto ratio = parse(pattern);
    return std::tuple(-density_of_pattern(pattern), ratio ? ratio->m : 0, pattern);
  };
  std::ranges::sort(patterns, {}, rank);
  patterns.erase(std::ranges::unique(patterns).begin(), patterns.end());
  return patterns;
}

}  // namespace sparsecim::report
