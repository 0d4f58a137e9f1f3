#include "hardware/dcim/cycle_model.hpp"

#include <fmt/format.h>

#include <numeric>

namespace sparsecim {
namespace {

/// Macros between which the sums of one output move, one after the other, until it is complete; of the most divided.
std::int64_t longest_way_of_sums(const Tiling& tiling) {
  // Tile boundaries of macros and outputs meet again after this many outputs.
  const std::int64_t period = tiling.tiles_per_macro / std::gcd(tiling.tiles_per_macro, tiling.input_tiles);
  std::int64_t longest = 0;
  for (std::int64_t output = 0; output < std::min(period, tiling.output_tiles); ++output) {
    const std::int64_t first_tile = output * tiling.input_tiles, last_tile = first_tile + tiling.input_tiles - 1;
    longest = std::max(longest, last_tile / tiling.tiles_per_macro - first_tile / tiling.tiles_per_macro);
  }
  return longest;
}

class LinearWalk {
 public:
  LinearWalk(const LinearWork& work, CycleModel::Walk walk, std::int64_t now, MacroCalendar& calendar)
      : work_(work),
        walk_(walk),
        pass_(walk_pass(work.path)),
        way_of_sums_(longest_way_of_sums(work.tiling)),
        now_(now),
        calendar_(calendar) {}

  Timed run() {
    const std::int64_t start = now_;
    repeat(std::max<std::int64_t>(1, work_.steps_with_results), {"steps"}, [&] {
      if (work_.steps_with_results > 0) calendar_.load_from(now_);
      repeat(work_.repetitions, {"repetitions"}, [&] { repetition(); });
    });
    return {.start_cycle = start,
            .cycles = now_ - start,
            .load_bound_steps = counts_.load_bound_steps,
            .steps = counts_.steps,
            .full_macro = counts_.full_macro,
            .last_macro = counts_.last_macro,
            .spans = std::move(spans_)};
  }

 private:
  /// What adds up over time.
  struct Counts {
    std::int64_t steps = 0, load_bound_steps = 0;
    BusyCycles full_macro, last_macro;

    void add(const Counts& before, const Counts& after, std::int64_t times) {
      steps += times * (after.steps - before.steps);
      load_bound_steps += times * (after.load_bound_steps - before.load_bound_steps);
      full_macro.add(before.full_macro, after.full_macro, times);
      last_macro.add(before.last_macro, after.last_macro, times);
    }
  };

  /// What is done several times, and whether in all macros.
  struct Repeated {
    std::string_view unit;
    bool all = true;
  };

  /// Does `once` as often as said, or until it repeats what it did the time before.
  template <class Once>
  void repeat(std::int64_t times, const Repeated& what, const Once& once) {
    for (std::int64_t done = 1; done <= times; ++done) {
      const MacroCalendar before = calendar_;
      const Counts counted = counts_;
      const std::int64_t began = now_;
      once();
      const std::int64_t left = times - done, period = calendar_.launched() - before.launched();
      const bool repeats = calendar_.repeats(before) && (now_ == began || now_ == began + period);
      if (walk_ == CycleModel::Walk::kEveryPass || left == 0 || !repeats) continue;
      if (!what.unit.empty()) show_repeated(left, what, period);
      calendar_.repeat(before, left);
      const Counts after = counts_;
      counts_.add(counted, after, left);
      now_ += left * (now_ - began);
      return;
    }
  }

  void repetition() {
    calendar_.wait_until(now_);
    const std::int64_t larger = work_.tokens % work_.chunks, tokens = work_.tokens / work_.chunks;
    repeat(larger, {"chunks"}, [&] { chunk(tokens + 1); });
    repeat(work_.chunks - larger, {"chunks"}, [&] { chunk(tokens); });
    now_ = calendar_.result();
    if (way_of_sums_ == 0) return;
    const std::int64_t hops = way_of_sums_ * (work_.path.link_cycles + kLinkRegister);
    spans_.push_back({"link", 0, 0, now_, hops, "join partial sums", {}});
    now_ += hops;
  }

  void chunk(std::int64_t tokens) {
    const std::int64_t macros = work_.tiling.macros_used(), full_steps = work_.full_steps();
    repeat(full_steps, {"tiles"}, [&] { step(tokens, macros); });
    repeat(work_.tiling.tiles_per_macro - full_steps, {"tiles", false}, [&] { step(tokens, macros - 1); });
  }

  /// A tile in each of `macros` macros.
  void step(std::int64_t tokens, std::int64_t macros) {
    const std::int64_t cycles = work_.load_cycles(macros), load_begin = calendar_.earliest_load();
    calendar_.load(load_begin, cycles);
    if (cycles > 0) show_load(load_begin, cycles, {});
    const std::int64_t unhindered = calendar_.earliest_launch(pass_, false);
    const std::int64_t launch = calendar_.earliest_launch(pass_, true);
    const bool waits = launch > unhindered && calendar_.loaded() > calendar_.columns_done();
    calendar_.launch(pass_, true, launch);
    repeat(tokens - 1, {}, [&] { calendar_.launch(pass_, false, calendar_.earliest_launch(pass_, false)); });
    ++counts_.steps;
    counts_.load_bound_steps += waits;
    const BusyCycles busy{tokens * work_.path.planes, cycles};
    counts_.full_macro.add({}, busy, 1);
    const bool all = macros == work_.tiling.macros_used();
    if (all) counts_.last_macro.add({}, busy, 1);
    show_compute(calendar_.switched(), calendar_.columns_done(), all, {});
  }

  void show_compute(std::int64_t begin, std::int64_t end, bool all, const std::string& detail) {
    const std::int64_t last = work_.tiling.macros_used() - 1;
    const bool equal = work_.full_steps() == work_.tiling.tiles_per_macro;
    if (equal || last > 0)
      spans_.push_back({kMacros, 0, equal ? last : last - 1, begin, end - begin, "compute", detail});
    if (!equal && all) spans_.push_back({kMacros, last, last, begin, end - begin, "compute", detail});
  }

  void show_load(std::int64_t begin, std::int64_t cycles, const std::string& detail) {
    const std::string_view source = work_.steps_with_results > 0       ? "activation SRAM"
                                    : work_.stream_cycles_per_tile > 0 ? "dram"
                                                                       : "weight SRAM";
    spans_.push_back({source, 0, 0, begin, cycles, "load weights", detail});
  }

  void show_repeated(std::int64_t times, const Repeated& what, std::int64_t period) {
    const std::string detail = fmt::format("{} more {}, {} cycles each", times, what.unit, period);
    show_compute(calendar_.columns_done(), calendar_.columns_done() + times * period, what.all, detail);
    if (work_.rows_to_load > 0) show_load(calendar_.loaded(), times * period, detail);
  }

  const LinearWork& work_;
  CycleModel::Walk walk_;
  PassSteps pass_;
  std::int64_t way_of_sums_;
  std::int64_t now_;
  MacroCalendar& calendar_;
  Counts counts_;
  std::vector<Span> spans_;
};

}  // namespace

Timed CycleModel::linear(const LinearWork& work) {
  Timed timed = LinearWalk(work, walk_, now_, calendar_).run();
  now_ = timed.start_cycle + timed.cycles;
  return timed;
}

Timed CycleModel::vector(std::int64_t cycles) {
  Timed timed{.start_cycle = now_, .cycles = cycles};
  timed.spans.push_back({"vector unit", 0, 0, now_, cycles, "compute"});
  now_ += cycles;
  return timed;
}

}  // namespace sparsecim
