#include "hardware/flexcim/rtl_bench.hpp"

#include <algorithm>
#include <bit>

#include "base/embedded.hpp"
#include "hardware/flexcim/functional.hpp"
#include "hardware/flexcim/sampled_product.hpp"

namespace sparsecim {
namespace {

constexpr std::int64_t kWordBits = 8;  // of weights and activations in this model

/// A line of a file for $readmemh: a vector, its highest bits first.
class HexLine {
 public:
  explicit HexLine(std::int64_t bits) : digits_(static_cast<std::size_t>(divide_up(bits, 4))) {}

  /// Element `index` of `width` bits each.
  void put(std::int64_t index, std::int64_t width, std::uint64_t value) {
    for (std::int64_t bit = 0; bit < width; ++bit)
      if ((value >> bit) & 1) {
        const std::int64_t at = index * width + bit;
        digits_[static_cast<std::size_t>(at / 4)] |= static_cast<std::uint8_t>(1U << (at % 4));
      }
  }

  void append_to(std::string& text) const {
    for (auto digit = digits_.rbegin(); digit != digits_.rend(); ++digit) text += "0123456789abcdef"[*digit];
    text += '\n';
  }

 private:
  std::vector<std::uint8_t> digits_;  // lowest first
};

std::int64_t exponent_of(std::int64_t power) { return std::countr_zero(static_cast<std::uint64_t>(power)); }

std::int64_t largest_m(const FlexcimParameters& parameters) {
  std::int64_t largest = 2;
  for (const Pattern pattern : parameters.patterns)
    if (!pattern.dense()) largest = std::max<std::int64_t>(largest, pattern.m);
  return largest;
}

bool by_plane(const FlexcimParameters& parameters) { return carries_planes(parameters.pair_select); }

Result<void> check_supported(const FlexcimParameters& parameters) {
  const MacroArray& array = parameters.array;
  if (array.holds_zero_planes())
    return fail(Remedy{"choose macro.zero_planes: pass"}, "the RTL does not detect zero planes");
  if (array.weight_bits != kWordBits || array.activation_bits != kWordBits)
    return fail(Remedy{"choose 8 and 8"}, "macro: weights of {} bits and activations of {} are not computed here",
                array.weight_bits, array.activation_bits);
  if (!by_plane(parameters) && parameters.system.activation_bandwidth_bits % kWordBits != 0)
    return fail(
        Remedy{fmt::format("choose {}", divide_up(parameters.system.activation_bandwidth_bits, kWordBits) * kWordBits)},
        "activation_buffer.bits_per_cycle: {} are no whole inputs", parameters.system.activation_bandwidth_bits);
  return {};
}

/// Writes tile after tile, and its passes.
class BenchWriter {
 public:
  BenchWriter(const FlexcimParameters& parameters, const RtlBenchWork& work)
      : parameters_(parameters),
        work_(work),
        layout_(FlexcimLayout::of(parameters, work.pattern)),
        n_outputs_(std::ssize(work.weights) / work.n_inputs),
        n_tokens_(std::ssize(work.activations) / work.n_inputs) {}

  Result<RtlBench> write() {
    const std::int64_t strips = divide_up(n_outputs_, layout_.columns);
    for (const std::int64_t strip : evenly_spread(strips, std::min(work_.strips, strips)))
      for (std::int64_t input = 0; input < work_.n_inputs; input += layout_.inputs())
        SC_TRY(write_tile({input, std::min(layout_.inputs(), work_.n_inputs - input), strip * layout_.columns,
                           std::min(layout_.columns, n_outputs_ - strip * layout_.columns)}));
    return RtlBench{{{"parameters.svh", parameters_text()},
                     {"weights.hex", std::move(weights_)},
                     {"isel.hex", std::move(isel_)},
                     {"pairs.hex", std::move(pairs_)},
                     {"words.hex", std::move(words_)},
                     {"unit_words.hex", std::move(unit_words_)},
                     {"sums.hex", std::move(sums_)}},
                    tiles_,
                    tiles_ * n_tokens_,
                    n_sums_};
  }

 private:
  std::int64_t port_bits() const { return parameters_.system.activation_bandwidth_bits; }
  std::int64_t pair_bits() const { return std::max<std::int64_t>(1, exponent_of(largest_m(parameters_)) - 1); }
  /// Columns that the macro keeps one number of a pair for.
  std::int64_t group_columns() const {
    return shares_pairs(parameters_.pair_select) ? parameters_.columns_per_group : 1;
  }
  std::int64_t sum_bits() const { return 2 * kWordBits + exponent_of(layout_.rows); }

  Result<void> write_tile(const FlexcimTile& tile) {
    SC_TRY_ASSIGN(FlexcimImage image, store_tile(layout_, work_.weights, work_.n_inputs, tile));
    for (std::int64_t row = 0; row < layout_.rows; ++row) write_row(image, row);
    const std::int64_t unit_bits = tile.n_inputs * (by_plane(parameters_) ? 1 : kWordBits);
    unit_words_ += fmt::format("{:x}\n", divide_up(unit_bits, port_bits()));
    FlexcimMacro macro(parameters_, std::move(image), FlexcimWidths::of(parameters_.array));
    for (std::int64_t token = 0; token < n_tokens_; ++token) write_pass(tile, token, macro);
    ++tiles_;
    n_sums_ += n_tokens_ * tile.n_outputs;
    return {};
  }

  void write_row(const FlexcimImage& image, std::int64_t row) {
    HexLine weights(layout_.columns * kWordBits), isel(layout_.columns);
    HexLine pairs(layout_.columns / group_columns() * pair_bits());
    for (std::int64_t column = 0; column < layout_.columns; ++column) {
      const FlexcimWord& word = image.word(row, column);
      weights.put(column, kWordBits, static_cast<std::uint8_t>(word.weight));
      isel.put(column, 1, word.isel);
      if (column % group_columns() == 0) pairs.put(column / group_columns(), pair_bits(), image.pair(row, column));
    }
    weights.append_to(weights_);
    isel.append_to(isel_);
    pairs.append_to(pairs_);
  }

  void write_pass(const FlexcimTile& tile, std::int64_t token, FlexcimMacro& macro) {
    const auto inputs = work_.activations.subspan(static_cast<std::size_t>(token * work_.n_inputs + tile.first_input),
                                                  static_cast<std::size_t>(tile.n_inputs));
    if (by_plane(parameters_))
      for (std::int64_t bit = kWordBits - 1; bit >= 0; --bit) write_words(inputs, 1, bit);
    else
      write_words(inputs, kWordBits, 0);
    std::vector<std::int64_t> sums(static_cast<std::size_t>(tile.n_outputs));
    macro.pass(inputs, sums);
    HexLine line(layout_.columns * sum_bits());
    for (std::int64_t column = 0; column < tile.n_outputs; ++column)
      line.put(column, sum_bits(), static_cast<std::uint64_t>(sums[static_cast<std::size_t>(column)]));
    line.append_to(sums_);
  }

  /// The inputs from bit `low_bit` on, `width` bits of each, in words of the port.
  void write_words(std::span<const std::int8_t> inputs, std::int64_t width, std::int64_t low_bit) {
    const auto per_word = static_cast<std::size_t>(port_bits() / width);
    for (std::size_t first = 0; first < inputs.size(); first += per_word) {
      const auto of_word = inputs.subspan(first, std::min(per_word, inputs.size() - first));
      HexLine line(port_bits());
      for (std::size_t i = 0; i < of_word.size(); ++i)
        line.put(static_cast<std::int64_t>(i), width, static_cast<std::uint8_t>(of_word[i]) >> low_bit);
      line.append_to(words_);
      ++n_words_;
    }
  }

  std::string parameters_text() const {
    const Pattern pattern = work_.pattern;
    std::string text;
    const auto say = [&](std::string_view name, std::int64_t value, std::string_view comment) {
      text += fmt::format("localparam int unsigned {} = {};  // {}\n", name, value, comment);
    };
    say("Rows", layout_.rows, "of the macro");
    say("Columns", layout_.columns, "outputs of a tile");
    say("SubMacros", layout_.sub_macros, "P");
    say("MaxM", largest_m(parameters_), "largest M");
    say("PairSelect", static_cast<std::int64_t>(parameters_.pair_select),
        kPairSelectNames[static_cast<std::size_t>(parameters_.pair_select)]);
    say("ColumnsPerCycle", parameters_.columns_per_cycle, "k");
    say("ColumnsPerGroup", group_columns() == 1 ? layout_.columns : group_columns(), "G, where columns share pairs");
    const bool shared_accumulators = parameters_.array.accumulators == MacroArray::Accumulators::kShared;
    text += fmt::format("localparam bit SharedAccumulators = 1'b{};\n", shared_accumulators ? 1 : 0);
    text += fmt::format("localparam bit AnyN = 1'b{};\n", parameters_.any_n ? 1 : 0);
    say("WeightBits", kWordBits, "two's complement");
    say("ActBits", kWordBits, "two's complement");
    say("PortBits", port_bits(), "of the activation buffer");
    say("Entries", parameters_.array.partial_sum_entries, "partial sums behind an accumulator");
    say("ModeN", pattern.dense() ? 1 : pattern.n, "the tiles' N");
    say("ModeLogM", pattern.dense() ? 0 : exponent_of(pattern.m), "log2(M)");
    say("Tiles", tiles_, "strip of outputs after strip, their inputs in order");
    say("Tokens", n_tokens_, "passes through every tile");
    say("Words", n_words_, "of all passes");
    return text;
  }

  const FlexcimParameters& parameters_;
  const RtlBenchWork& work_;
  FlexcimLayout layout_;
  std::int64_t n_outputs_, n_tokens_;
  std::string weights_, isel_, pairs_, words_, unit_words_, sums_;
  std::int64_t tiles_ = 0, n_words_ = 0, n_sums_ = 0;
};

}  // namespace

Result<RtlBench> make_rtl_bench(const FlexcimParameters& parameters, const RtlBenchWork& work) {
  SC_TRY(check_supported(parameters));
  return BenchWriter(parameters, work).write();
}

std::vector<RtlBench::File> rtl_sources() {
  std::vector<RtlBench::File> sources;
  for (const EmbeddedFile& file : embedded_files()) {
    if (!file.path.ends_with(".sv")) continue;
    const bool of_bench = file.path.starts_with("rtl/tb/");
    if (!of_bench || file.path == "rtl/tb/flexcim_tb.sv")
      sources.push_back({std::string(file.path.substr(file.path.rfind('/') + 1)), std::string(file.content)});
  }
  return sources;
}

}  // namespace sparsecim
