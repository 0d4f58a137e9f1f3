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

double as_count(std::int64_t value) { return static_cast<double>(value); }

int log2_of(std::int64_t power) { return std::countr_zero(static_cast<std::uint64_t>(power)); }

void add_position_cells(std::int64_t bits, std::vector<Part>& parts) {
  parts.push_back({"position bits", &kCimCell, as_count(bits)});
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
    const std::int64_t pair_muxes = std::int64_t{2} * (geometry_.largest_m / 2 - 1);
    parts.push_back({"pair selection", &kMux2, as_count(geometry_.words() + choices * pair_muxes)});
    // A line serves blocks of 1, 2, .., P cells, so its register takes one of log2(P) + 1 inputs of the buffer's port;
    // where any N packs without gaps, one for each N.
    parts.push_back({"line routing", &kMux2, as_count(lines_.lines * (geometry_.line_sources - 1))});
  }

  std::vector<Path::Step> steps_to_multiplier() const override { return {{&kMuxDelay, log2_of(geometry_.largest_m)}}; }
  void add_paths(std::vector<Path>&) const override {}

  void add_events(Pattern pattern, const ArrayWork& work, std::vector<Event>& events) const override {
    // Every input goes to the rows of all N cells of its block; in the dense mode to its own row.
    const int m = pattern.dense() ? 1 : pattern.m;
    const double line_passes = work.input_deliveries * (pattern.dense() ? 1 : pattern.n);
    lines_.add_events(line_passes, work.line_toggle, events);
    const double planes = as_count(geometry_.activation_bits);
    const double route_changes = line_passes * planes * work.line_toggle * route_muxes();
    events.push_back({"line routing", &kMux2, route_changes});
    const double row_planes = line_passes / m * planes * work.line_toggle;
    const double columns = as_count(geometry_.columns);
    if (shares()) events.push_back({"activation lines", &kActivationLine, 2 * row_planes * columns});
    events.push_back({"pair selection", &kMux2, row_planes * (shares() ? shared_muxes(m) : columns * cell_muxes(m))});
  }

 private:
  double route_muxes() const { return as_count(geometry_.line_sources - 1); }
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
    return as_count(groups() * 2 * of_tree + geometry_.columns);
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

/// The schemes that move pairs of whole inputs through distribution units. What each is made of, register by register,
/// is that of rtl/ (docs/rtl.md).
struct WordScheme {
  /// Where a word becomes planes: the register that keeps its bits behind the sign and shifts them out, or a
  /// multiplexer.
  enum class Planes {
    kCellLatch,    // in the cell, of the word that isel picked
    kPairHold,     // of both words of a group's pair, which lines of the group's own carry plane by plane
    kMultiplexer,  // of both words of a column's pair
  };
  Planes planes;
  std::int64_t units_per_row_position;  // each of P multiplexers of pairs, two inputs wide
  std::int64_t pair_cycles;             // until all columns have their pair, where pairs differ by column
  std::int64_t isel_bits;               // width of the 2:1 multiplexer in a cell: a plane, or a word
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
    add_input_parts(parts);
    const std::int64_t muxes_per_unit = geometry_.sub_macros * (pairs() - 1) * pair_bits();
    parts.push_back({"distribution units", &kMux2,
                     as_count(geometry_.row_positions() * scheme_.units_per_row_position * muxes_per_unit)});
    parts.push_back({"pair selection", &kMux2, as_count(geometry_.words() * scheme_.isel_bits)});
    const std::int64_t kept_bits = geometry_.activation_bits - 1;
    const std::int64_t words = serialised_words(geometry_.rows);
    if (!shifts()) return parts.push_back({"serialisers", &kMux2, as_count(words * kept_bits)});
    // A kept bit takes the word's or its neighbour's; the bit that is multiplied is the word's sign or the last one
    // kept.
    parts.push_back({shift_component(), &kFlipFlop, as_count(words * kept_bits)});
    parts.push_back({shift_component(), &kMux2, as_count(words * geometry_.activation_bits)});
  }

  /// A plane is chosen and multiplied in one cycle; that of the signs, also the pair and, in front of it, what shifts
  /// out the planes behind it.
  std::vector<Path::Step> steps_to_multiplier() const override {
    const int to_plane = shifts() ? 1 : log2_of(geometry_.activation_bits);
    return {{&kMuxDelay, log2_of(pairs()) + to_plane + 1}};
  }
  void add_paths(std::vector<Path>&) const override {}

  void add_events(Pattern pattern, const ArrayWork& work, std::vector<Event>& events) const override {
    const double planes = as_count(geometry_.activation_bits);
    const double cell_rows = work.input_deliveries * (pattern.dense() ? 1 : pattern.density());
    const double cells = cell_rows * as_count(geometry_.columns);
    // Bits of the pairs that a row's units choose, or their share that changes, one unit's.
    const double row_pair_bits = cell_rows * as_count(pair_bits());
    const double pair_changes = row_pair_bits * words_driven(pattern, work.kept_slots) * work.word_toggle;
    add_input_events(pattern, work, events);
    const double line_changes = scheme_.planes == WordScheme::Planes::kMultiplexer
                                    ? work.input_deliveries * planes * work.word_toggle
                                : scheme_.planes == WordScheme::Planes::kPairHold ? row_pair_bits * work.line_toggle
                                                                                  : pair_changes;
    events.push_back({"activation lines", &kActivationLine, line_changes * as_count(geometry_.columns)});
    if (chooses_pairs(pattern))
      events.push_back({"distribution units", &kMux2,
                        // NOLINTNEXTLINE(bugprone-integer-division): a group consists of whole pairs
                        pair_changes * (pattern.m / 2 - 1) * as_count(scheme_.units_per_row_position)});
    // In a cell: a plane a cycle; or the words that its column's unit brings, to whichever column they are for.
    const double isel_changes = scheme_.isel_bits == 1 ? work.line_toggle : pair_changes / row_pair_bits;
    events.push_back({"pair selection", &kMux2, cells * planes * isel_changes});
    const double words = as_count(serialised_words(1)) * cell_rows;
    if (!shifts())
      return events.push_back(
          {"serialisers", &kMux2, words * planes * work.line_toggle * log2_of(geometry_.activation_bits)});
    const double shifted = words * planes * (planes - 1);  // every kept bit is clocked for every plane
    events.push_back({shift_component(), &kFlipFlop, shifted * work.line_toggle});
    events.push_back({shift_component(), &kMux2, (shifted + words * planes) * work.line_toggle});
    events.push_back({"clock", &kClockPin, shifted});
  }

 private:
  /// Different words that a unit puts on its lines in a pass: a token's first, and those of every column (or group)
  /// behind it that chooses another pair than the one before.
  double words_driven(Pattern pattern, double kept) const {
    if (!chooses_pairs(pattern)) return 1;
    return 1 + as_count(scheme_.pair_cycles - 1) * (1 - same_pair_share(pattern, kept));
  }
  /// The lines' registers, of every row for the largest block; in front of them the blocks' routing, and where a pass
  /// has more bits than the port, registers that gather all words but the last, which come from there or, if they are
  /// the last, from the port.
  void add_input_parts(std::vector<Part>& parts) const {
    const std::int64_t line_bits = geometry_.rows * geometry_.largest_m * geometry_.activation_bits;
    const std::int64_t gathered = (divide_up(line_bits, geometry_.bandwidth_bits) - 1) * geometry_.bandwidth_bits;
    parts.push_back({"activation registers", &kFlipFlop, as_count(line_bits + gathered)});
    parts.push_back({"activation registers", &kMux2, as_count(gathered)});
    parts.push_back({"line routing", &kMux2, as_count(line_bits * (geometry_.line_sources - 1))});
  }
  /// Every input is gathered once, but for those of a pass's last word, and goes to the rows of all N cells of its
  /// block.
  void add_input_events(Pattern pattern, const ArrayWork& work, std::vector<Event>& events) const {
    if (work.tile_passes == 0) return;
    const double bits = work.input_deliveries * as_count(geometry_.activation_bits);
    const double words = bits / work.tile_passes / as_count(geometry_.bandwidth_bits);
    const double gathered = bits * (1 - 1 / std::max(words, 1.0));
    const double line_bits = bits * (pattern.dense() ? 1 : pattern.n);
    events.push_back({"activation registers", &kFlipFlop, (line_bits + gathered) * work.word_toggle});
    events.push_back({"activation registers", &kMux2, gathered * work.word_toggle});
    events.push_back({"clock", &kClockPin, line_bits + gathered});
    events.push_back({"line routing", &kMux2, line_bits * work.word_toggle * as_count(geometry_.line_sources - 1)});
  }
  bool shifts() const { return scheme_.planes != WordScheme::Planes::kMultiplexer; }
  std::string_view shift_component() const {
    return scheme_.planes == WordScheme::Planes::kCellLatch ? "operand latches" : "serialisers";
  }
  /// Words that become planes, in so many rows.
  std::int64_t serialised_words(std::int64_t rows) const {
    switch (scheme_.planes) {
      case WordScheme::Planes::kCellLatch:
        return rows * geometry_.columns;
      case WordScheme::Planes::kPairHold:
        return 2 * rows * groups();
      case WordScheme::Planes::kMultiplexer:
        break;
    }
    return 2 * rows * geometry_.columns;
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
      return std::make_unique<WordPairs>(geometry, WordScheme{.planes = WordScheme::Planes::kCellLatch,
                                                              .units_per_row_position = k,
                                                              .pair_cycles = divide_up(geometry.columns, k),
                                                              .isel_bits = geometry.activation_bits,
                                                              .shared_columns = 1});
    case PairSelectKind::kPerColumn:
      return std::make_unique<WordPairs>(geometry, WordScheme{.planes = WordScheme::Planes::kMultiplexer,
                                                              .units_per_row_position = geometry.columns,
                                                              .pair_cycles = 1,
                                                              .isel_bits = 1,
                                                              .shared_columns = 1});
    case PairSelectKind::kSharedPairs:
      break;
  }
  const std::int64_t groups = divide_up(geometry.columns, columns_per_group);
  return std::make_unique<WordPairs>(geometry, WordScheme{.planes = WordScheme::Planes::kPairHold,
                                                          .units_per_row_position = k,
                                                          .pair_cycles = divide_up(groups, k),
                                                          .isel_bits = 1,
                                                          .shared_columns = columns_per_group});
}

}  // namespace sparsecim
