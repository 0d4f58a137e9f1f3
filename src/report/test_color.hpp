#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

// Contrast as WCAG 2.2 defines it ("contrast ratio", "relative luminance"), from colours written "#rrggbb".
namespace sparsecim::test_color {

inline double luminance(const std::string& color) {
  std::array<double, 3> linear;
  for (std::size_t i = 0; i < 3; ++i) {
    const double value = std::stoi(color.substr(1 + 2 * i, 2), nullptr, 16) / 255.0;
    linear[i] = value <= 0.04045 ? value / 12.92 : std::pow((value + 0.055) / 1.055, 2.4);
  }
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
}

inline double contrast(const std::string& a, const std::string& b) {
  const double first = luminance(a), second = luminance(b);
  return (std::max(first, second) + 0.05) / (std::min(first, second) + 0.05);
}

}  // namespace sparsecim::test_color
