#include "hardware/flexcim/functional.hpp"

#include <algorithm>
#include <bit>

#include "base/check.hpp"

namespace sparsecim {
namespace {

std::size_t index_of(std::int64_t value) { return static_cast<std::size_t>(value); }

struct Sum {
  std::int64_t value;
  std::uint32_t carries;  // into every bit
  bool overflow;
};

/// A ripple-carry adder of `bits` bits, two's complement: the carry into the sign bit and the carry out of it tell an
/// overflow when they differ.
Sum add(std::int64_t a, std::int64_t b, int carry_in, std::int64_t bits) {
  const std::uint64_t mask = (std::uint64_t{1} << bits) - 1, sign = std::uint64_t{1} << (bits - 1);
  const std::uint64_t x = static_cast<std::uint64_t>(a) & mask, y = static_cast<std::uint64_t>(b) & mask;
  const std::uint64_t full = x + y + static_cast<std::uint64_t>(carry_in);
  const std::uint64_t carries = full ^ x ^ y;  // bit `bits` is the carry out
  const auto value = static_cast<std::int64_t>((full & mask) ^ sign) - static_cast<std::int64_t>(sign);
  return {value, static_cast<std::uint32_t>(carries & mask), ((carries ^ (carries >> 1)) & sign) != 0};
}

std::uint32_t low_bits(std::int64_t value, std::int64_t bits) {
  return static_cast<std::uint32_t>(static_cast<std::uint64_t>(value) & ((std::uint64_t{1} << bits) - 1));
}

void add_counts(FlexcimCounts& total, const FlexcimCounts& counts) {
  for (const auto member :
       {&FlexcimCounts::tile_passes, &FlexcimCounts::column_passes, &FlexcimCounts::stored_bits,
        &FlexcimCounts::multiplies, &FlexcimCounts::planes, &FlexcimCounts::zero_planes, &FlexcimCounts::line_changes,
        &FlexcimCounts::cell_bit_changes, &FlexcimCounts::product_bit_changes, &FlexcimCounts::accumulator_bit_changes,
        &FlexcimCounts::accumulator_overflows, &FlexcimCounts::merge_overflows, &FlexcimCounts::partial_sum_overflows})
    total.*member += counts.*member;
  total.tree_input_changes.resize(counts.tree_input_changes.size());
  for (std::size_t level = 0; level < counts.tree_input_changes.size(); ++level)
    total.tree_input_changes[level] += counts.tree_input_changes[level];
}

Result<void> refuse_overflows(const FlexcimCounts& counts) {
  const std::pair<const char*, std::int64_t> registers[] = {{"shift-accumulators", counts.accumulator_overflows},
                                                            {"merging trees", counts.merge_overflows},
                                                            {"32-bit partial sums", counts.partial_sum_overflows}};
  for (const auto& [name, overflows] : registers)
    if (overflows > 0) return fail(Remedy{"fewer inputs"}, "{} sums overflow the {}", overflows, name);
  return {};
}

/// The matrix, its tokens and what they come to.
class Product {
 public:
  Product(const FlexcimParameters& parameters, const FlexcimLayout& layout, std::span<const std::int8_t> weights,
          std::span<const std::int8_t> activations, std::int64_t n_inputs)
      : parameters_(parameters),
        layout_(layout),
        weights_(weights),
        activations_(activations),
        n_inputs_(n_inputs),
        n_outputs_(std::ssize(weights) / n_inputs),
        n_tokens_(std::ssize(activations) / n_inputs) {
    product_.outputs.resize(index_of(n_tokens_ * n_outputs_));
  }

  Result<FlexcimProduct> run() {
    for (std::int64_t output = 0; output < n_outputs_; output += layout_.columns)
      for (std::int64_t input = 0; input < n_inputs_; input += layout_.inputs())
        SC_TRY(run_tile({input, std::min(layout_.inputs(), n_inputs_ - input), output,
                         std::min(layout_.columns, n_outputs_ - output)}));
    SC_TRY(refuse_overflows(product_.counts));
    return std::move(product_);
  }

 private:
  Result<void> run_tile(const FlexcimTile& tile) {
    SC_TRY_ASSIGN(FlexcimImage image, store_tile(layout_, weights_, n_inputs_, tile));
    product_.counts.stored_bits += image.stored_bits();
    const FlexcimWidths widths = FlexcimWidths::of(parameters_.array);
    FlexcimMacro macro(parameters_, std::move(image), widths);
    std::vector<std::int64_t> sums(index_of(tile.n_outputs));
    for (std::int64_t token = 0; token < n_tokens_; ++token) {
      macro.pass(activations_.subspan(index_of(token * n_inputs_ + tile.first_input), index_of(tile.n_inputs)), sums);
      add_to_outputs(token, tile, sums, widths.partial_sum_bits);
    }
    add_counts(product_.counts, macro.counts());
    return {};
  }

  /// The partial sums of the input tiles before are added up where they are kept.
  void add_to_outputs(std::int64_t token, const FlexcimTile& tile, std::span<const std::int64_t> sums,
                      std::int64_t bits) {
    for (std::int64_t column = 0; column < tile.n_outputs; ++column) {
      std::int32_t& output = product_.outputs[index_of(token * n_outputs_ + tile.first_output + column)];
      const Sum sum = add(output, sums[index_of(column)], 0, bits);
      product_.counts.partial_sum_overflows += sum.overflow;
      output = static_cast<std::int32_t>(sum.value);
    }
  }

  const FlexcimParameters& parameters_;
  FlexcimLayout layout_;
  std::span<const std::int8_t> weights_, activations_;
  std::int64_t n_inputs_, n_outputs_, n_tokens_;
  FlexcimProduct product_;
};

}  // namespace

FlexcimWidths FlexcimWidths::of(const MacroArray& array) {
  return {array.accumulator_bits(), array.merge().result_bits()};
}

FlexcimMacro::FlexcimMacro(const FlexcimParameters& parameters, FlexcimImage image, const FlexcimWidths& widths)
    : array_(parameters.array),
      widths_(widths),
      image_(std::move(image)),
      inputs_(make_cell_inputs(parameters, image_)),
      cell_bits_(index_of(array_.words())),
      cell_bits_before_(index_of(array_.words())),
      operands_(index_of(array_.rows_per_sub_macro())),
      adders_(index_of(array_.columns * array_.sub_macros * (array_.rows_per_sub_macro() - 1))),
      tree_sums_(index_of(array_.sub_macros)),
      accumulators_(index_of(array_.columns * array_.accumulators_of_column())) {
  counts_.tree_input_changes.resize(index_of(array_.tree().levels()));
  for (const FlexcimWord& word : image_.words) nonzero_weights_ += word.weight != 0;
}

void FlexcimMacro::pass(std::span<const std::int8_t> inputs, std::span<std::int64_t> sums) {
  SC_CHECK(std::ssize(inputs) == image_.n_inputs && std::ssize(sums) == image_.n_outputs);
  inputs_->start_pass(inputs);
  const int sign = static_cast<int>(array_.activation_bits) - 1;
  for (int bit = sign; bit >= 0; --bit) {
    const bool zero = std::ranges::none_of(
        inputs, [&](std::int8_t input) { return ((static_cast<std::uint8_t>(input) >> bit) & 1) != 0; });
    counts_.zero_planes += zero;
    if (zero && array_.holds_zero_planes())
      hold_plane(bit);
    else
      run_plane(bit);
  }
  for (std::int64_t column = 0; column < image_.n_outputs; ++column) sums[index_of(column)] = sum_of(column);
  ++counts_.tile_passes;
  counts_.column_passes += image_.n_outputs;
  counts_.planes += array_.activation_bits;
  counts_.multiplies += nonzero_weights_;
  counts_.line_changes = inputs_->line_changes();
}

void FlexcimMacro::run_plane(int bit) {
  std::swap(cell_bits_, cell_bits_before_);
  inputs_->read_plane(bit, cell_bits_);
  for (std::int64_t column = 0; column < array_.columns; ++column) {
    for (std::int64_t sub_macro = 0; sub_macro < array_.sub_macros; ++sub_macro)
      tree_sums_[index_of(sub_macro)] = add_products(column, sub_macro);
    if (array_.merges_planes()) {
      accumulate(column, merge(tree_sums_), bit);
      continue;
    }
    for (std::int64_t sub_macro = 0; sub_macro < array_.sub_macros; ++sub_macro)
      accumulate(column * array_.sub_macros + sub_macro, tree_sums_[index_of(sub_macro)], bit);
  }
}

void FlexcimMacro::hold_plane(int bit) {
  for (std::int64_t index = 0; index < std::ssize(accumulators_); ++index) accumulate(index, 0, bit);
}

/// One plane of a sub-macro's column: the products weight * bit, and their sum.
std::int64_t FlexcimMacro::add_products(std::int64_t column, std::int64_t sub_macro) {
  for (std::int64_t position = 0; position < array_.rows_per_sub_macro(); ++position) {
    const std::int64_t row = image_.layout.row_index({sub_macro, position});
    const std::size_t cell = index_of(row * array_.columns + column);
    const std::int8_t weight = image_.words[cell].weight;
    operands_[index_of(position)] = cell_bits_[cell] != 0 ? weight : 0;
    if (cell_bits_[cell] == cell_bits_before_[cell]) continue;
    ++counts_.cell_bit_changes;
    counts_.product_bit_changes += std::popcount(static_cast<std::uint8_t>(weight));
  }
  return add_up(column * array_.sub_macros + sub_macro);
}

/// Each level is one bit wider than the one before, so that no sum of it overflows.
std::int64_t FlexcimMacro::add_up(std::int64_t tree) {
  AdderInputs* adder = adders_.data() + tree * (array_.rows_per_sub_macro() - 1);
  std::int64_t bits = array_.weight_bits;
  std::size_t level = 0;
  for (std::int64_t sums = array_.rows_per_sub_macro() / 2; sums > 0; sums /= 2, ++bits, ++level) {
    std::int64_t changes = 0;
    for (std::int64_t i = 0; i < sums; ++i, ++adder) {
      const std::int64_t a = operands_[index_of(2 * i)], b = operands_[index_of(2 * i + 1)];
      const AdderInputs now{low_bits(a, bits), low_bits(b, bits), low_bits(add(a, b, 0, bits + 1).carries, bits)};
      changes += std::popcount(now.a ^ adder->a) + std::popcount(now.b ^ adder->b) +
                 std::popcount(now.carries ^ adder->carries);
      *adder = now;
      operands_[index_of(i)] = add(a, b, 0, bits + 1).value;
    }
    counts_.tree_input_changes[level] += changes;
  }
  return operands_.front();
}

/// The sign plane, which comes first, is stored as it is; the plane behind it doubles the negative of that, -2 s =
/// 2 not(s) + 1 + a carry.
void FlexcimMacro::accumulate(std::int64_t index, std::int64_t sum, int bit) {
  std::int64_t& accumulator = accumulators_[index_of(index)];
  const std::int64_t before = accumulator, bits = widths_.accumulator_bits;
  const auto sign = static_cast<int>(array_.activation_bits) - 1;
  const bool negate = bit == sign - 1;
  const std::int64_t kept = bit == sign ? 0 : negate ? ~before : before;
  const Sum doubled = add(kept, kept, negate ? 1 : 0, bits);
  const Sum next = add(doubled.value, sum, negate ? 1 : 0, bits);
  counts_.accumulator_overflows += doubled.overflow || next.overflow;
  counts_.accumulator_bit_changes += std::popcount(low_bits(before, bits) ^ low_bits(next.value, bits));
  accumulator = next.value;
}

std::int64_t FlexcimMacro::sum_of(std::int64_t column) {
  const std::int64_t n = array_.accumulators_of_column();
  const auto own = std::span(accumulators_).subspan(index_of(column * n), index_of(n));
  return array_.merges_planes() ? own.front() : merge(own);
}

/// As add_up, from the width of a sub-macro's plane or accumulator to the merged width.
std::int64_t FlexcimMacro::merge(std::span<const std::int64_t> sums_of_sub_macros) {
  std::vector<std::int64_t> operands(sums_of_sub_macros.begin(), sums_of_sub_macros.end());
  std::int64_t bits = array_.merges_planes() ? array_.tree().result_bits() : widths_.accumulator_bits;
  for (std::int64_t sums = array_.sub_macros / 2; sums > 0; sums /= 2) {
    bits = std::min(bits + 1, widths_.merged_bits);
    for (std::int64_t i = 0; i < sums; ++i) {
      const Sum sum = add(operands[index_of(2 * i)], operands[index_of(2 * i + 1)], 0, bits);
      counts_.merge_overflows += sum.overflow;
      operands[index_of(i)] = sum.value;
    }
  }
  return operands.front();
}

Result<FlexcimProduct> multiply_by_flexcim(const FlexcimParameters& parameters, Pattern pattern,
                                           std::span<const std::int8_t> weights,
                                           std::span<const std::int8_t> activations, std::int64_t n_inputs) {
  SC_CHECK(n_inputs >= 1 && std::ssize(weights) % n_inputs == 0 && std::ssize(activations) % n_inputs == 0);
  FlexcimParameters machine = parameters;
  machine.patterns = {pattern};
  SC_TRY(validate(machine));
  return Product(machine, FlexcimLayout::of(machine, pattern), weights, activations, n_inputs).run();
}

}  // namespace sparsecim
