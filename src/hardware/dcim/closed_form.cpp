#include "hardware/dcim/closed_form.hpp"

namespace sparsecim {
namespace {

/// Chunks of the same number of tokens.
struct EqualChunks {
  std::int64_t count, tokens;
};

class LinearForm {
 public:
  explicit LinearForm(const LinearWork& work)
      : work_(work),
        timing_(pass_timing(work.path)),
        larger_{work.tokens % work.chunks, work.tokens / work.chunks + 1},
        smaller_{work.chunks - larger_.count, work.tokens / work.chunks},
        full_load_(work.load_cycles(work.tiling.macros_used())),
        partial_load_(work.load_cycles(work.tiling.macros_used() - 1)) {}

  const PassTiming& timing() const { return timing_; }
  std::int64_t first_load() const { return full_load_; }
  /// From the first multiply of the first step to the first of the last.
  std::int64_t to_last_step() const {
    return steps_cycles(larger_) + steps_cycles(smaller_) - step_cycles(smaller_.tokens, full_load_);
  }
  /// From the first multiply of the last step to the last sum of all.
  std::int64_t last_step() const {
    return (smaller_.tokens - 1) * timing_.initiation_interval + timing_.fill - timing_.first_multiply +
           work_.tiling.longest_chain() * (work_.path.link_cycles + kLinkRegister);
  }
  void count(Timed& timed) const {
    const std::int64_t full = work_.full_steps(), partial = work_.tiling.tiles_per_macro - full;
    const std::int64_t repetitions = work_.repetitions * std::max<std::int64_t>(1, work_.steps_with_results);
    timed.steps = repetitions * work_.tiling.tiles_per_macro * work_.chunks;
    for (const auto& [chunks, tokens] : {larger_, smaller_})
      timed.load_bound_steps +=
          repetitions * chunks *
          ((loads_longest(tokens, full_load_) ? full : 0) + (loads_longest(tokens, partial_load_) ? partial : 0));
    const std::int64_t planes = repetitions * work_.tokens * work_.path.planes;
    const std::int64_t loads = repetitions * work_.chunks;
    timed.full_macro = {work_.tiling.tiles_per_macro * planes, loads * (full * full_load_ + partial * partial_load_)};
    timed.last_macro = {full * planes, loads * full * full_load_};
  }

 private:
  /// From the first multiply of a step to the first of the next, whose weights take `load` cycles: its passes; all
  /// columns have to be done before the sets of cells change places; and the other set is free from the last change on.
  std::int64_t step_cycles(std::int64_t tokens, std::int64_t load) const {
    return std::max({tokens * timing_.initiation_interval,
                     (tokens - 1) * timing_.initiation_interval + timing_.weights_held, load});
  }
  bool loads_longest(std::int64_t tokens, std::int64_t load) const { return load > step_cycles(tokens, 0); }
  std::int64_t steps_cycles(const EqualChunks& chunks) const {
    const std::int64_t full = work_.full_steps(), partial = work_.tiling.tiles_per_macro - full;
    return chunks.count *
           (full * step_cycles(chunks.tokens, full_load_) + partial * step_cycles(chunks.tokens, partial_load_));
  }

  const LinearWork& work_;
  PassTiming timing_;
  EqualChunks larger_, smaller_;
  std::int64_t full_load_, partial_load_;
};

/// Every macro but the last has tiles_per_macro tiles.
void add_spans(const LinearWork& work, std::int64_t start, std::int64_t end, Timed& timed) {
  const std::int64_t last = work.tiling.macros_used() - 1;
  const bool equal = work.full_steps() == work.tiling.tiles_per_macro;
  if (equal || last > 0) timed.spans.push_back({kMacros, 0, equal ? last : last - 1, start, end - start, "compute"});
  if (!equal) {
    const double share = static_cast<double>(work.full_steps()) / static_cast<double>(work.tiling.tiles_per_macro);
    timed.spans.push_back(
        {kMacros, last, last, start, static_cast<std::int64_t>(share * static_cast<double>(end - start)), "compute"});
  }
}

}  // namespace

Timed ClosedForm::linear(const LinearWork& work) {
  const LinearForm form(work);
  Timed timed{.start_cycle = now_};
  const bool waits = work.steps_with_results > 0;
  const std::int64_t loads_from = waits ? now_ : switched_;
  const std::int64_t first_multiply = std::max(now_ + form.timing().first_multiply, loads_from + form.first_load());
  const std::int64_t to_end = form.to_last_step() + form.last_step();
  // A repetition begins with the results of the one before and with its own first weights.
  const std::int64_t period = std::max(to_end + form.timing().first_multiply, form.to_last_step() + form.first_load());
  const std::int64_t first_step_repeats = first_multiply + (work.repetitions - 1) * period;
  const std::int64_t more_steps = waits ? (work.steps_with_results - 1) * (first_step_repeats + to_end - now_) : 0;
  const std::int64_t last_repetition = first_step_repeats + more_steps;
  switched_ = last_repetition + form.to_last_step();
  now_ = last_repetition + to_end;
  timed.cycles = now_ - timed.start_cycle;
  form.count(timed);
  add_spans(work, first_multiply - form.timing().first_multiply, now_, timed);
  if (work.stream_cycles_per_tile > 0)
    timed.spans.push_back({"dram", 0, 0, timed.start_cycle, timed.cycles, "stream weights"});
  return timed;
}

Timed ClosedForm::vector(std::int64_t cycles) {
  Timed timed{.start_cycle = now_, .cycles = cycles};
  timed.spans.push_back({"vector unit", 0, 0, now_, cycles, "compute"});
  now_ += cycles;
  return timed;
}

}  // namespace sparsecim
