#pragma once

#include <bit>

#include "hardware/dcim/array.hpp"
#include "hardware/parameters.hpp"

namespace sparsecim {

/// Declares the sizes of a macro; `access` finds its MacroArray inside the machine's own parameters.
template <class Target, class Access>
void declare_array(std::vector<Parameter<Target>>& parameters, Access access) {
  const auto size = [&](std::string key, std::string help, std::int64_t low, std::int64_t high, auto member) {
    parameters.push_back(
        integer_parameter<Target>({std::move(key), std::move(help)}, low, high,
                                  [=](Target& target) -> std::int64_t& { return access(target).*member; }));
  };
  size("macro.rows", "words per column, a power of two", 2, 4096, &MacroArray::rows);
  size("macro.columns", "outputs of a macro", 1, 4096, &MacroArray::columns);
  size("macro.weight_bits", "of the stored words; statistics of weights are of 8 bits", 8, 8, &MacroArray::weight_bits);
  size("macro.activation_bits", "streamed one a cycle", 8, 8, &MacroArray::activation_bits);
  size("macro.partial_sum_entries", "registers of each sub-macro column", 1, 64, &MacroArray::partial_sum_entries);
  parameters.push_back(
      choice_parameter<Target>({"macro.zero_planes", "bit planes that are all zeros: like any other, or held", "pass"},
                               {"pass", "hold"}, [=](Target& target) -> auto& { return access(target).zero_planes; }));
}

inline Result<void> validate_array(const MacroArray& array) {
  if (!std::has_single_bit(static_cast<std::uint64_t>(array.rows)))
    return fail(Remedy{"choose a power of two"}, "macro.rows: {} rows do not fill an adder tree", array.rows);
  return {};
}

}  // namespace sparsecim
