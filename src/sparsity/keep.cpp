#include "sparsity/keep.hpp"

#include <fmt/ranges.h>
#include <fnmatch.h>

#include <algorithm>

#include "base/nearest.hpp"

namespace sparsecim {
namespace {

std::vector<std::string> matrix_names(const Plan& plan) {
  std::vector<std::string> names;
  for (const PlannedMatrix& matrix : plan.matrices) names.push_back(matrix.name);
  return names;
}

}  // namespace

Result<FixedChoice> parse_fixed_choice(std::string_view text) {
  const Remedy remedy{"write a pattern and names, for instance dense:model.layers.0.* or 2:4:*.down_proj"};
  const std::size_t colon = text.find(':', text.starts_with("dense:") ? 0 : std::min(text.find(':'), text.size()) + 1);
  if (colon == std::string_view::npos || colon + 1 == text.size())
    return fail(remedy, "'{}' is not a fixed choice", text);
  SC_TRY_ASSIGN(const Pattern pattern, parse_pattern(text.substr(0, colon)));
  return FixedChoice{pattern, std::string(text.substr(colon + 1))};
}

Result<std::vector<bool>> fix(Plan& plan, std::span<const FixedChoice> choices) {
  std::vector<bool> fixed(plan.matrices.size());
  for (const FixedChoice& choice : choices) {
    bool found = false;
    for (std::size_t i = 0; i < plan.matrices.size(); ++i) {
      if (::fnmatch(choice.names.c_str(), plan.matrices[i].name.c_str(), 0) != 0) continue;
      plan.matrices[i].pattern = choice.pattern;
      fixed[i] = found = true;
    }
    if (!found)
      return fail(
          Remedy{fmt::format("the nearest are {}", fmt::join(nearest(choice.names, matrix_names(plan), 3), ", "))},
          "no matrix is named '{}'", choice.names);
  }
  return fixed;
}

}  // namespace sparsecim
