#pragma once

#include <string>
#include <vector>

namespace sparsecim::report {

/// How a pattern looks: the hue says how many weights are kept (dense violet, half green, a quarter amber, an eighth
/// red), the strength says how large M is, so that 2:4 and 4:8 are shades of one hue.
struct PatternColor {
  std::string fill;  // "#2a9d8f"
  std::string ink;   // a label that can be read on it
};
PatternColor color_of_pattern(const std::string& pattern);

/// The share of weights that "N:M" or "dense" keeps; 1 for what is no pattern.
double density_of_pattern(const std::string& pattern);

/// Without repetitions, the densest first, of equal density the smaller M first.
std::vector<std::string> sorted_patterns(std::vector<std::string> patterns);

}  // namespace sparsecim::report
