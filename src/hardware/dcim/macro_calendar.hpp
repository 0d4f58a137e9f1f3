#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include "hardware/dcim/pass_path.hpp"

namespace sparsecim {

/// What a pass takes of a macro, each for the cycles [begin, end) after its launch.
struct PassSteps {
  /// One user at a time.
  enum Resource {
    kPort,     // of the activation buffer
    kPairs,    // the unit that serves one group of columns with pairs after the other
    kColumns,  // the first group of columns; the others follow it cycle by cycle
    kSums,     // the partial-sum SRAM with its adders
    kLink,
    kResources,
  };
  struct Use {
    std::int64_t begin = 0, end = 0;
  };
  std::array<Use, kResources> uses;
  std::int64_t all_columns_done = 0;
  std::int64_t result = 0;  // the pass's sums are in the last register behind the macro
};

/// Follows one pass from fetch to sum: bit plane by bit plane, row group by row group, column group by column group.
PassSteps walk_pass(const PassPath& path);

/// When each part of a macro is free, and when its weights change. All macros at work keep the same one, since the
/// inputs of a pass reach them at once. Times are absolute cycles.
class MacroCalendar {
 public:
  /// The set of cells that is not at work can be written from the moment that the sets last changed places.
  std::int64_t earliest_load() const;
  void load(std::int64_t begin, std::int64_t cycles);
  /// What is loaded next exists from `cycle` on.
  void load_from(std::int64_t cycle) { at_[kLoaded] = std::max(at_[kLoaded], cycle); }

  /// A pass through the tile at work; or, as `first_of_tile`, through the one loaded last, when its last row is in and
  /// all columns are done with the tile before: one line chooses the set for the whole macro.
  std::int64_t earliest_launch(const PassSteps& pass, bool first_of_tile) const;
  bool can_launch(const PassSteps& pass, bool first_of_tile, std::int64_t cycle) const {
    return cycle >= earliest_launch(pass, first_of_tile);
  }
  /// REQUIRES: can_launch.
  void launch(const PassSteps& pass, bool first_of_tile, std::int64_t cycle);

  /// The inputs of what follows exist from `cycle` on.
  void wait_until(std::int64_t cycle) { at_[kInputs] = cycle; }

  std::int64_t loaded() const { return at_[kLoaded]; }
  std::int64_t switched() const { return at_[kSwitched]; }
  std::int64_t columns_done() const { return at_[kColumnsDone]; }
  std::int64_t launched() const { return at_[kLaunched]; }
  /// Of the last pass.
  std::int64_t result() const { return at_[kResult]; }

  /// Whether what was done since `before` will take as many cycles when it is done again: everything that moved moved
  /// by as much, and what did not was over.
  bool repeats(const MacroCalendar& before) const;
  /// As if it had been done `times` times more. REQUIRES: repeats(before).
  void repeat(const MacroCalendar& before, std::int64_t times);

 private:
  enum Time {
    kLoaded = PassSteps::kResources,  // behind the times at which the resources are free
    kSwitched,                        // the first multiply with the tile at work
    kColumnsDone,
    kInputs,
    kLaunched,
    kResult,
    kTimes,
  };
  std::array<std::int64_t, kTimes> at_{};
};

}  // namespace sparsecim
