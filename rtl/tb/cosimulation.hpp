#pragma once

#include <random>
#include <string>

#include "stimulus.hpp"

namespace sparsecim::rtl {

/// How often the bench holds something back, in percent; none by default.
struct Stalls {
  int rows = 0;    // of a tile, each by some cycles
  int passes = 0;  // a pass's first word, by some cycles
  int words = 0;   // any word: a bit plane that comes late is no rigid pass, so only values are compared then
  int sums = 0;    // cycles in which no sums are taken
};

/// What was compared, and what differed.
struct Tally {
  std::int64_t passes = 0, sums = 0, cycles = 0;  // cycles: times of starts and of sums
  std::int64_t wrong_sums = 0, wrong_cycles = 0;
  std::int64_t last_result_cycle = 0;  // of the last run: when its last sums were at the port, since its start
  double last_run_s = 0;               // what its cycles took, without what was worked out before
  std::string first_mismatch;

  std::int64_t mismatches() const { return wrong_sums + wrong_cycles; }
};

/// Drives flexcim_macro with tiles and passes, and holds its sums against the functional model and its cycles against
/// the cycle model's calendar, extended by what the bench itself holds back.
class Cosimulation {
 public:
  Cosimulation(const RtlModel& model, RtlMacro& macro, std::uint64_t seed)
      : model_(model), macro_(macro), random_(seed) {}

  /// From reset on, until all sums are there, or for `reset_after` cycles if that is positive: then nothing more is
  /// compared, and the next run must not notice.
  void run(std::span<const TileRun> tiles, const Stalls& stalls, std::int64_t reset_after = 0);
  const Tally& tally() const { return tally_; }

 private:
  const RtlModel& model_;
  RtlMacro& macro_;
  std::mt19937_64 random_;
  Tally tally_;
};

}  // namespace sparsecim::rtl
