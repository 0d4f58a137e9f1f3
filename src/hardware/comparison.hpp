#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "hardware/parameters.hpp"
#include "hardware/simulate.hpp"

namespace sparsecim {

/// What machines have in common when they are compared.
enum class Equal {
  kMultipliers,  // multiplications per cycle
  kMacroArea,    // area of all macros with their buffers: numbers of macros follow from the first machine's area
  kNothing,      // every machine as its description has it
};
inline const std::vector<std::string> kEqualNames = {"multipliers", "macro_area", "nothing"};

/// Which machines run the same work, and what is held equal (docs/formats/comparisons.md).
struct Comparison {
  std::string name;
  Equal equal = Equal::kMultipliers;
  std::vector<std::string> machines;  // names or paths; the first is the one that ratios are of
  std::vector<Setting> set;           // of all machines, instead of what their descriptions say
  std::vector<Setting> vary;          // of the first machine: every combination of the listed values
};

/// `comparisons/NAME.yaml` as compiled in, or a file. Errors: neither; unknown, missing and repeated keys, with place.
Result<Comparison> read_comparison(std::string_view name_or_path);
std::vector<std::string> comparison_names();

/// "system.weights=dram", "patterns=[dense, 2:4]", "sub_macros=1,2,4". Errors: no key or no value.
Result<Setting> setting_from_text(std::string_view option, std::string_view text);

struct ComparedMachine {
  std::string machine;
  /// Key and value of what varies: {"sub_macros", "2"}.
  std::vector<std::pair<std::string, std::string>> varied;
  Simulation simulation;
  /// Operations on macros by the pattern that they ran as.
  std::map<Pattern, std::int64_t> runs_as;
};

/// "2 column_pipelined": the values that vary.
std::string varied_text(const ComparedMachine& machine);

/// Runs `workload` on every machine of the comparison; the first machine's variations come first, in order.
/// Errors: a machine's; numbers of macros that do not give equal multipliers, or an area too small for one macro.
Result<std::vector<ComparedMachine>> compare(const Workload& workload, const Comparison& comparison);

/// How a machine stands to the first of them: above 1, the first is better by this factor.
struct Ratios {
  double cycles = 1, latency = 1, energy = 1, area = 1;
};
Ratios ratios_of(const ComparedMachine& first, const ComparedMachine& other);

/// The other machine (not a variation of the first) that the first gains least against; null where there is none.
const ComparedMachine* least_flattering(const std::vector<ComparedMachine>& machines, double Ratios::* ratio);

Json to_json(const Comparison& comparison, const std::vector<ComparedMachine>& machines);

}  // namespace sparsecim
