#include "hardware/flexcim/pair_select.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "hardware/components/clock.hpp"
#include "hardware/components/gates.hpp"
#include "hardware/components/memories.hpp"
#include "hardware/dcim/activation_lines.hpp"

namespace sparsecim {
namespace {

/// Beside the accumulator's own: behind it, or in front of it.
std::int64_t registers_beside_accumulator(const PairGeometry& geometry) {
  if (geometry.sub_macros == 1) return kEntryRegister;
  return kEntryRegister + (geometry.merges_planes ? kPlaneRegister : kMergeRegister);
}

int log2_of(std::int64_t power) { return std::countr_zero(static_cast<std::uint64_t>(power)); }

void add_position_cells(std::int64_t bits, std::vector<Part>& parts) {
  parts.push_back({"position bits", &kCimCell, static_cast<double>(bits)});
}

/// Rows carry M one-bit lines. For every group of columns, or every column (G = 1), two M/2:1 multiplexers of a row
/// pick a pair of them, and every cell one of the two.
class PlanePairs : public PairSelect {
 public:
  PlanePairs(const PairGeometry& geometry, std::int64_t columns_per_group)
      : geometry_(geometry),
        columns_per_group_(columns_per_group),
        lines_{geometry.rows * geometry.largest_m, columns_passed(), geometry.activation_bits,
               geometry.bandwidth_bits} {}

  PassPath path(Pattern, std::int64_t inputs) const override {
    return lines_.path(inputs, registers_beside_accumulator(geometry_));
  }
  std::int64_t cell_position_bits() const override { return shares() ? 1 : log2_of(geometry_.largest_m); }

  void add_parts(std::vector<Part>& parts) const override {
    lines_.add_parts(parts);
    const std::int64_t choices = geometry_.rows * groups();
    add_position_cells(geometry_.words() + choices * (log2_of(geometry_.largest_m) - 1), parts);
    const std::int64_t pair_muxes = 2 * (geometry_.largest_m / 2 - 1);
    parts.push_back({"pair selection", &kMux2, static_cast<double>(geometry_.words() + choices * pair_muxes)});
    // A line serves blocks of 1, 2, .., P cells, so its register takes one of log2(P) + 1 inputs of the buffer's port;
    // where any N packs without gaps, one for each N.
    parts.push_back({"line routing", &kMux2, static_cast<double>(lines_.lines * (geometry_.line_sources - 1))});
  }

  std::vector<Path::Step> steps_to_multiplier() const override { return {{&kMuxDelay, log2_of(geometry_.largest_m)}}; }
  void add_paths(std::vector<Path>&) const override {}

  void add_events(Pattern pattern, const ArrayWork& work, std::vector<Event>& events) const override {
    // Every input goes to the rows of all N cells of its block; in the dense mode to its own row.
    const int m = pattern.dense() ? 1 : pattern.m;
    const double line_passes = work.input_deliveries * (pattern.dense() ? 1 : pattern.n);
    lines_.add_events(line_passes, work.line_toggle, events);
    const double planes = static_cast<double>(geometry_.activation_bits);
    const double route_changes = line_passes * planes * work.line_toggle * route_muxes();
    events.push_back({"line routing", &kMux2, route_changes});
    const double row_planes = line_passes / m * planes * work.line_toggle;
    const double columns = static_cast<double>(geometry_.columns);
    if (shares()) events.push_back({"activation lines", &kActivationLine, 2 * row_planes * columns});
    events.push_back({"pair selection", &kMux2, row_planes * (shares() ? shared_muxes(m) : columns * cell_muxes(m))});
  }

 private:
  double route_muxes() const { return static_cast<double>(geometry_.line_sources - 1); }
  bool shares() const { return columns_per_group_ > 1; }
  std::int64_t groups() const { return divide_up(geometry_.columns, columns_per_group_); }
  /// By the M lines: to every cell, or to the multiplexers of the last group, from where on two lines take their place.
  std::int64_t columns_passed() const { return geometry_.columns - (shares() ? columns_per_group_ : 0); }
  /// Outputs that change in a cell's M:1 tree: the M live lines go through M - 1 multiplexers, and the last of them
  /// through what is left of it.
  double cell_muxes(int m) const { return m - 1 + log2_of(geometry_.largest_m / m); }
  /// In a row: two trees of every group do so with half of the lines each, and every cell picks one of their outputs.
  double shared_muxes(int m) const {
    const int pairs = std::max(m / 2, 1);
    const int of_tree = pairs - 1 + log2_of(geometry_.largest_m / 2 / pairs);
    return static_cast<double>(groups() * 2 * of_tree + geometry_.columns);
  }

  PairGeometry geometry_;
  std::int64_t columns_per_group_;
  ActivationLines lines_;
};

double binomial(int n, int k) {
  double ways = 1;
  for (int i = 0; i < k; ++i) ways = ways * (n - i) / (i + 1);
  return k < 0 || k > n ? 0 : ways;
}

/// How likely a slot of a block is to choose each of the M/2 pairs, when each of the pattern's N weights is there with
/// probability `kept` and all places of those that are there are as likely. Of k weights, the one in slot j < k lies at
/// position p in C(p, j) C(M - 1 - p, k - 1 - j) of C(M, k) cases, so the first slots mostly hold the first pairs; an
/// empty slot chooses pair 0.
std::vector<double> pair_shares(Pattern pattern, int slot, double kept) {
  const auto [n, m] = pattern;
  std::vector<double> shares(static_cast<std::size_t>(m / 2));
  for (int k = 0; k <= n; ++k) {
    const double there = binomial(n, k) * std::pow(kept, k) * std::pow(1 - kept, n - k);
    if (slot >= k) shares.front() += there;
    for (int position = 0; slot < k && position < m; ++position)
      shares[static_cast<std::size_t>(position / 2)] +=
          there * binomial(position, slot) * binomial(m - 1 - position, k - 1 - slot) / binomial(m, k);
  }
  return shares;
}

/// How often two columns choose the same pair, over the slots of a block.
double same_pair_share(Pattern pattern, double kept) {
  double same = 0;
  for (int slot = 0; slot < pattern.n; ++slot)
    for (const double share : pair_shares(pattern, slot, kept)) same += share * share;
  return same / pattern.n;
}

/// The schemes that move pairs of whole inputs through distribution units.
struct WordScheme {
  std::int64_t units_per_row_position;  // each of P multiplexers of pairs, two inputs wide
  std::int64_t pair_cycles;             // until all columns have their pair, where pairs differ by column
  std::int64_t held_inputs;             // in registers of a macro, while they are being chosen from or streamed
  std::int64_t serialisers;             // 8:1 multiplexers that turn a held word into planes
  std::int64_t isel_bits;               // width of the 2:1 multiplexer in a cell: a plane, or a word
  bool latch_per_cell;                  // the cell keeps its operand, and shifts it out, while others are served
  bool lines_carry_blocks;              // to every column's unit, instead of pairs
  bool holds_pairs;                     // of every group, which lines of its own carry plane by plane
  std::int64_t shared_columns;          // that share the position bits beyond isel
};

class WordPairs : public PairSelect {
 public:
  WordPairs(const PairGeometry& geometry, const WordScheme& scheme) : geometry_(geometry), scheme_(scheme) {}

  PassPath path(Pattern pattern, std::int64_t inputs) const override {
    return {.fetch = PassPath::Fetch::kWhole,
            .inputs = inputs,
            .activation_bits = geometry_.activation_bits,
            .port_bits = geometry_.bandwidth_bits,
            .planes = geometry_.activation_bits,
            .pair_cycles = chooses_pairs(pattern) ? scheme_.pair_cycles : 1,
            .registers = registers_beside_accumulator(geometry_)};
  }
  std::int64_t cell_position_bits() const override {
    return scheme_.shared_columns > 1 ? 1 : log2_of(geometry_.largest_m);
  }

  void add_parts(std::vector<Part>& parts) const override {
    const std::int64_t shared_bits =
        (log2_of(geometry_.largest_m) - cell_position_bits()) * geometry_.words() / scheme_.shared_columns;
    add_position_cells(geometry_.words() * cell_position_bits() + shared_bits, parts);
    parts.push_back(
        {"activation registers", &kFlipFlop, static_cast<double>(scheme_.held_inputs * geometry_.activation_bits)});
    const std::int64_t muxes_per_unit = geometry_.sub_macros * (pairs() - 1) * pair_bits();
    parts.push_back({"distribution units", &kMux2,
                     static_cast<double>(geometry_.row_positions() * scheme_.units_per_row_position * muxes_per_unit)});
    parts.push_back({"pair selection", &kMux2, static_cast<double>(geometry_.words() * scheme_.isel_bits)});
    parts.push_back(
        {"serialisers", &kMux2, static_cast<double>(scheme_.serialisers * (geometry_.activation_bits - 1))});
    if (scheme_.latch_per_cell)
      parts.push_back(
          {"operand latches", &kFlipFlop, static_cast<double>(geometry_.words() * geometry_.activation_bits)});
  }

  std::vector<Path::Step> steps_to_multiplier() const override { return {{&kMuxDelay, 1}}; }
  void add_paths(std::vector<Path>& paths) const override {
    if (pairs() > 1) paths.push_back({"distribution unit", {{&kMuxDelay, log2_of(pairs())}}});
  }

  void add_events(Pattern pattern, const ArrayWork& work, std::vector<Event>& events) const override {
    const double planes = static_cast<double>(geometry_.activation_bits);
    const double cell_rows = work.input_deliveries * (pattern.dense() ? 1 : pattern.density());
    const double cells = cell_rows * static_cast<double>(geometry_.columns);
    // Bits of the pairs that a row's units choose, or their share that changes, one unit's.
    const double row_pair_bits = cell_rows * static_cast<double>(pair_bits());
    const double pair_changes = row_pair_bits * words_driven(pattern, work.kept_slots) * work.word_toggle;
    const double held_bits =
        scheme_.holds_pairs ? row_pair_bits * static_cast<double>(groups()) : work.input_deliveries * planes;
    events.push_back({"activation registers", &kFlipFlop, held_bits * work.word_toggle});
    events.push_back({"clock", &kClockPin, held_bits});
    const double line_changes = scheme_.lines_carry_blocks ? work.input_deliveries * planes * work.word_toggle
                                : scheme_.holds_pairs      ? row_pair_bits * work.line_toggle
                                                           : pair_changes;
    events.push_back({"activation lines", &kActivationLine, line_changes * static_cast<double>(geometry_.columns)});
    if (chooses_pairs(pattern))
      events.push_back({"distribution units", &kMux2,
                        // NOLINTNEXTLINE(bugprone-integer-division): a group consists of whole pairs
                        pair_changes * (pattern.m / 2 - 1) * static_cast<double>(scheme_.units_per_row_position)});
    // In a cell: a plane a cycle; or the words that its column's unit brings, to whichever column they are for.
    const double isel_changes = scheme_.isel_bits == 1   ? work.line_toggle
                                : scheme_.latch_per_cell ? pair_changes / row_pair_bits
                                                         : work.word_toggle;
    events.push_back({"pair selection", &kMux2, cells * planes * isel_changes});
    if (scheme_.serialisers > 0) {
      const double serialised = scheme_.holds_pairs ? 2 * cell_rows * static_cast<double>(groups()) : cells;
      events.push_back(
          {"serialisers", &kMux2, serialised * planes * work.line_toggle * log2_of(geometry_.activation_bits)});
    }
    if (!scheme_.latch_per_cell) return;
    const double shifts = cells * planes * planes;  // eight flip-flops, clocked for every plane
    events.push_back({"operand latches", &kFlipFlop, shifts * work.line_toggle});
    events.push_back({"clock", &kClockPin, shifts});
  }

 private:
  /// Different words that a unit puts on its lines in a pass: a token's first, and those of every column (or group)
  /// behind it that chooses another pair than the one before.
  double words_driven(Pattern pattern, double kept) const {
    if (!chooses_pairs(pattern)) return 1;
    return 1 + static_cast<double>(scheme_.pair_cycles - 1) * (1 - same_pair_share(pattern, kept));
  }
  static bool chooses_pairs(Pattern pattern) { return !pattern.dense() && pattern.m > 2; }
  std::int64_t pairs() const { return std::max(geometry_.largest_m / 2, 1); }
  std::int64_t pair_bits() const { return 2 * geometry_.activation_bits; }
  std::int64_t groups() const { return divide_up(geometry_.columns, scheme_.shared_columns); }

  PairGeometry geometry_;
  WordScheme scheme_;
};

}  // namespace

std::unique_ptr<const PairSelect> make_pair_select(PairSelectKind kind, const PairGeometry& geometry,
                                                   std::int64_t columns_per_cycle, std::int64_t columns_per_group) {
  const std::int64_t k = columns_per_cycle;
  switch (kind) {
    case PairSelectKind::kBitserialPerCell:
      return std::make_unique<PlanePairs>(geometry, 1);
    case PairSelectKind::kBitserialPerGroup:
      return std::make_unique<PlanePairs>(geometry, columns_per_group);
    case PairSelectKind::kColumnPipelined:
      return std::make_unique<WordPairs>(geometry, WordScheme{.units_per_row_position = k,
                                                              .pair_cycles = divide_up(geometry.columns, k),
                                                              .held_inputs = geometry.most_inputs,
                                                              .serialisers = 0,
                                                              .isel_bits = geometry.activation_bits,
                                                              .latch_per_cell = true,
                                                              .lines_carry_blocks = false,
                                                              .holds_pairs = false,
                                                              .shared_columns = 1});
    case PairSelectKind::kPerColumn:
      return std::make_unique<WordPairs>(geometry, WordScheme{.units_per_row_position = geometry.columns,
                                                              .pair_cycles = 1,
                                                              .held_inputs = geometry.most_inputs,
                                                              .serialisers = geometry.words(),
                                                              .isel_bits = geometry.activation_bits,
                                                              .latch_per_cell = false,
                                                              .lines_carry_blocks = true,
                                                              .holds_pairs = false,
                                                              .shared_columns = 1});
    case PairSelectKind::kSharedPairs:
      break;
  }
  // The pair chosen for each group is held for its columns and streamed on the row's two bit-lines.
  const std::int64_t groups = divide_up(geometry.columns, columns_per_group);
  return std::make_unique<WordPairs>(geometry, WordScheme{.units_per_row_position = k,
                                                          .pair_cycles = divide_up(groups, k),
                                                          .held_inputs = 2 * geometry.rows * groups,
                                                          .serialisers = 2 * geometry.rows * groups,
                                                          .isel_bits = 1,
                                                          .latch_per_cell = false,
                                                          .lines_carry_blocks = false,
                                                          .holds_pairs = true,
                                                          .shared_columns = columns_per_group});
}

}  // namespace sparsecim
