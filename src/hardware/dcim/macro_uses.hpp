#pragma once

#include <map>
#include <vector>

#include "hardware/dcim/schedule.hpp"
#include "hardware/machine.hpp"

namespace sparsecim {

/// Adds up what macros do, without an entry for each: there may be millions.
class MacroUses {
 public:
  void add(std::int64_t first_macro, std::int64_t last_macro, const BusyCycles& busy);
  /// Groups of equal neighbours, from macro 0 to the last of `macros`.
  std::vector<MacroUse> of(std::int64_t macros) const;

 private:
  std::map<std::int64_t, BusyCycles> changes_;  // from a macro on, against the one before
};

}  // namespace sparsecim
