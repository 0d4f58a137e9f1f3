#include "cosimulation.hpp"

#include <fmt/format.h>

#include <chrono>

#include "base/check.hpp"
#include "hardware/dcim/macro_calendar.hpp"
#include "hardware/flexcim/functional.hpp"

namespace sparsecim::rtl {
namespace {

constexpr int kLongestGap_cycles = 12;

/// Beats for a port with valid and ready, each offered some cycles after the one before was taken, until it is taken.
template <class Beat>
class Source {
 public:
  void push(Beat beat, std::int64_t gap) {
    beats_.push_back(std::move(beat));
    gaps_.push_back(gap);
    if (beats_.size() == 1) wait_ = gap;
  }
  const Beat* offered() const { return next_ < beats_.size() && wait_ == 0 ? &beats_[next_] : nullptr; }
  void end_cycle(bool ready) {
    if (offered() == nullptr) {
      wait_ = std::max<std::int64_t>(wait_ - 1, 0);
    } else if (ready && ++next_ < beats_.size()) {
      wait_ = gaps_[next_];
    }
  }

 private:
  std::vector<Beat> beats_;
  std::vector<std::int64_t> gaps_;
  std::size_t next_ = 0;
  std::int64_t wait_ = 0;
};

/// Whether the bench takes sums in a cycle.
class Sink {
 public:
  Sink(int held_percent, std::mt19937_64& random) : held_percent_(held_percent), random_(random) {}
  bool ready(std::int64_t cycle) {
    while (std::ssize(ready_) <= cycle) ready_.push_back(static_cast<int>(random_() % 100) >= held_percent_);
    return ready_[static_cast<std::size_t>(cycle)];
  }

 private:
  int held_percent_;
  std::mt19937_64& random_;
  std::vector<bool> ready_;
};

struct ExpectedPass {
  std::int64_t first_multiply = 0, result = 0;  // cycles since the run began
  std::vector<std::int64_t> sums;               // of all columns
};

/// What both ports are given, and what is to come of it.
class Script {
 public:
  Script(const RtlModel& model, std::span<const TileRun> tiles, const Stalls& stalls, std::mt19937_64& random)
      : model_(model), stalls_(stalls), random_(random), sink_(stalls.sums, random) {
    for (const TileRun& tile : tiles) {
      push_tile(tile.image);
      FlexcimMacro reference(model.parameters, tile.image, FlexcimWidths::of(model.parameters.array));
      for (std::size_t token = 0; token < tile.tokens.size(); ++token) push_pass(tile, token, reference);
    }
  }

  Source<LoadRow>& rows() { return rows_; }
  Source<IactWord>& words() { return words_; }
  Sink& sink() { return sink_; }
  const std::vector<ExpectedPass>& passes() const { return passes_; }
  std::int64_t cycles_at_most() const { return passes_.empty() ? 0 : 10000 + 8 * passes_.back().result; }

 private:
  std::int64_t gap(int percent) {
    const bool waits = static_cast<int>(random_() % 100) < percent;
    return waits ? 1 + static_cast<std::int64_t>(random_() % kLongestGap_cycles) : 0;
  }

  /// The gap before a tile's first row may pass while the port is not ready; the others make its loading longer.
  void push_tile(const FlexcimImage& image) {
    std::int64_t before = 0, cycles = 0;
    for (LoadRow& row : load_rows(model_, image)) {
      const std::int64_t wait = gap(stalls_.rows);
      if (cycles == 0)
        before = wait;
      else
        cycles += wait;
      ++cycles;
      rows_.push(std::move(row), wait);
    }
    const std::int64_t begin = std::max(calendar_.earliest_load(), calendar_.loaded() + before);
    calendar_.load(begin, cycles);
  }

  void push_pass(const TileRun& tile, std::size_t token, FlexcimMacro& reference) {
    const std::int64_t before = gap(stalls_.passes);
    bool first = true;
    for (IactWord& word : iact_words(model_, tile, token)) {
      words_.push(std::move(word), first ? before : gap(stalls_.words));
      first = false;
    }
    ExpectedPass& pass = passes_.emplace_back();
    pass.sums.resize(static_cast<std::size_t>(model_.parameters.array.columns));
    reference.pass(tile.tokens[token], std::span(pass.sums).first(static_cast<std::size_t>(tile.image.n_outputs)));
    time_pass(walk_pass(macro_path(model_, tile)), token == 0, before);
  }

  /// The cycle model's launch, not before its inputs come, nor before there is room for its sums: an entry, or the
  /// merged sum's register, is free for a launch in the cycle after the one in which a pass's sums were taken.
  void time_pass(const PassSteps& steps, bool first_of_tile, std::int64_t gap_before) {
    const auto columns_begin = steps.uses[PassSteps::kColumns].begin;
    std::int64_t inputs = port_free_ + gap_before;
    const std::int64_t room = model_.parameters.array.partial_sum_entries + (has_merged_register() ? 1 : 0);
    if (std::ssize(taken_) >= room)
      inputs = std::max(inputs, taken_[taken_.size() - static_cast<std::size_t>(room)] + 2 - columns_begin);
    calendar_.wait_until(inputs);
    const std::int64_t launch = calendar_.earliest_launch(steps, first_of_tile);
    calendar_.launch(steps, first_of_tile, launch);
    port_free_ = launch + steps.uses[PassSteps::kPort].end;
    ExpectedPass& pass = passes_.back();
    pass.first_multiply = launch + columns_begin;
    pass.result = launch + steps.result;
    if (!taken_.empty()) pass.result = std::max(pass.result, taken_.back() + 1);
    std::int64_t taken = pass.result;
    while (!sink_.ready(taken)) ++taken;
    taken_.push_back(taken);
  }

  bool has_merged_register() const {
    const MacroArray& array = model_.parameters.array;
    return array.sub_macros > 1 && !array.merges_planes();
  }

  const RtlModel& model_;
  Stalls stalls_;
  std::mt19937_64& random_;
  Sink sink_;
  Source<LoadRow> rows_;
  Source<IactWord> words_;
  MacroCalendar calendar_;
  std::int64_t port_free_ = 0;
  std::vector<std::int64_t> taken_;  // when each pass's sums are
  std::vector<ExpectedPass> passes_;
};

/// One run, cycle by cycle.
class Run {
 public:
  Run(const RtlModel& model, RtlMacro& macro, Script& script, bool compare_cycles, Tally& tally)
      : model_(model), macro_(macro), script_(script), compare_cycles_(compare_cycles), tally_(tally) {}

  void reset() {
    for (int cycle = 0; cycle < 2; ++cycle) {
      macro_.settle({.reset = true});
      macro_.tick();
    }
  }

  void cycles(std::int64_t at_most) {
    const std::int64_t passes = std::ssize(script_.passes());
    for (; cycle_ < at_most && taken_ < passes; ++cycle_) cycle();
  }

  void expect_all_passes() {
    if (taken_ < std::ssize(script_.passes()))
      mismatch(tally_.wrong_cycles, "sums", fmt::format("none after {} cycles", cycle_), "some");
  }

 private:
  void cycle() {
    const LoadRow* row = script_.rows().offered();
    const IactWord* word = script_.words().offered();
    const bool ready = script_.sink().ready(cycle_);
    const PortOutputs outputs = macro_.settle({.row = row, .word = word, .sum_ready = ready});
    if (outputs.pass_start) compare_start();
    if (outputs.sum_valid) compare_sums();
    if (outputs.sum_valid && ready) {
      ++taken_;
      shown_ = false;
    }
    script_.rows().end_cycle(outputs.load_ready);
    script_.words().end_cycle(outputs.iact_ready);
    macro_.tick();
  }

  void compare_start() {
    const std::int64_t pass = started_++;
    if (pass >= std::ssize(script_.passes())) return mismatch(tally_.wrong_cycles, "start", "one more", "none");
    compare_cycle("start", cycle_ + 1, script_.passes()[static_cast<std::size_t>(pass)].first_multiply);
  }

  void compare_cycle(std::string_view what, std::int64_t got, std::int64_t expected) {
    if (!compare_cycles_) return;
    ++tally_.cycles;
    if (got != expected)
      mismatch(tally_.wrong_cycles, what, fmt::format("cycle {}", got), fmt::format("cycle {}", expected));
  }

  /// Sums that wait to be taken are compared in every cycle: they must stay.
  void compare_sums() {
    const ExpectedPass& pass = script_.passes()[static_cast<std::size_t>(taken_)];
    if (!shown_) {
      compare_cycle("result", cycle_, pass.result);
      tally_.passes += 1;
      tally_.last_result_cycle = cycle_;
    }
    shown_ = true;
    const std::int64_t bits = model_.parameters.array.sum_bits();
    const Bits& sums = macro_.sums();
    for (std::size_t column = 0; column < pass.sums.size(); ++column) {
      const std::int64_t got = sums.get(static_cast<std::int64_t>(column) * bits, bits);
      ++tally_.sums;
      if (got != pass.sums[column])
        mismatch(tally_.wrong_sums, fmt::format("sum of column {}", column), std::to_string(got),
                 std::to_string(pass.sums[column]));
    }
  }

  void mismatch(std::int64_t& count, std::string_view what, const std::string& got, const std::string& expected) {
    if (tally_.mismatches() == 0)
      tally_.first_mismatch = fmt::format("{}: pass {}, cycle {}: {} is {} instead of {}", model_.name, taken_, cycle_,
                                          what, got, expected);
    ++count;
  }

  const RtlModel& model_;
  RtlMacro& macro_;
  Script& script_;
  bool compare_cycles_;
  Tally& tally_;
  std::int64_t cycle_ = 0, started_ = 0, taken_ = 0;
  bool shown_ = false;
};

}  // namespace

void Cosimulation::run(std::span<const TileRun> tiles, const Stalls& stalls, std::int64_t reset_after) {
  Script script(model_, tiles, stalls, random_);
  Run run(model_, macro_, script, stalls.words == 0, tally_);
  run.reset();
  const auto begin = std::chrono::steady_clock::now();
  run.cycles(reset_after > 0 ? reset_after : script.cycles_at_most());
  tally_.last_run_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  if (reset_after == 0) run.expect_all_passes();
}

}  // namespace sparsecim::rtl
