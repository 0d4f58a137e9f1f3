#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "sparsity/pattern.hpp"
#include "sparsity/plan.hpp"

namespace sparsecim {

/// A pattern that is given beforehand to the matrices of some names.
struct FixedChoice {
  Pattern pattern;
  std::string names;  // "model.layers.0.*": * stands for any characters, ? for one, [03] for one of these
};

/// "dense:model.layers.0.*", "2:4:*.down_proj". Errors: no pattern in front, no name behind.
Result<FixedChoice> parse_fixed_choice(std::string_view text);

/// Gives the plan's matrices the patterns that `choices` name, where several name one the last of them. Says of each
/// matrix whether it is fixed. Errors: a choice that names no matrix, with the nearest names.
Result<std::vector<bool>> fix(Plan& plan, std::span<const FixedChoice> choices);

}  // namespace sparsecim
