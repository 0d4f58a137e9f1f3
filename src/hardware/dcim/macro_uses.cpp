#include "hardware/dcim/macro_uses.hpp"

namespace sparsecim {

void MacroUses::add(std::int64_t first_macro, std::int64_t last_macro, const BusyCycles& busy) {
  if (last_macro < first_macro) return;
  changes_[first_macro].add({}, busy, 1);
  changes_[last_macro + 1].add({}, busy, -1);
}

std::vector<MacroUse> MacroUses::of(std::int64_t macros) const {
  std::vector<MacroUse> uses = {{0, macros - 1, 0, 0}};
  BusyCycles busy;
  for (const auto& [macro, change] : changes_) {
    if (change == BusyCycles{} || macro >= macros) continue;
    busy.add({}, change, 1);
    if (macro > 0) {
      uses.back().last_macro = macro - 1;
      uses.push_back({macro, macros - 1, 0, 0});
    }
    uses.back().multiply_cycles = busy.multiply;
    uses.back().load_cycles = busy.load;
  }
  return uses;
}

}  // namespace sparsecim
