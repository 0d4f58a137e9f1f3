#include "model/flexcim_arithmetic.hpp"

#include <algorithm>
#include <memory>

#include "hardware/flexcim/functional.hpp"
#include "kernels/quantise.hpp"
#include "sparsity/mask.hpp"

namespace sparsecim {
namespace {

/// The sparsest of the macros' patterns.
Result<Pattern> pattern_of_zeros(std::span<const float> weights, std::int64_t n_inputs,
                                 const std::vector<Pattern>& patterns) {
  const Pattern sparsest = zero_statistics(weights, n_inputs, patterns).sparsest();
  if (sparsest.dense() && std::ranges::none_of(patterns, &Pattern::dense))
    return fail(Remedy{"prune it to one of them, or add dense to the machine's patterns"},
                "no pattern of the machine, {}, holds its zeros", to_string(patterns));
  return sparsest;
}

}  // namespace

Result<QuantisedLinear> FlexcimArithmetic::store(const std::string& name, std::span<const float> weights,
                                                 std::int64_t n_inputs) {
  const auto known = std::ranges::find(matrices_, name, &Matrix::name);
  if (known != matrices_.end() && known->checked_tokens > 0) return QuantisedLinear::quantised(weights, n_inputs);
  if (n_inputs > kMostInt8Inputs) return QuantisedLinear::quantised(weights, n_inputs);  // which says why not
  SC_TRY_ASSIGN(const Pattern pattern, pattern_of_zeros(weights, n_inputs, parameters_.patterns));
  std::vector<std::int8_t> integers(weights.size());
  std::vector<float> scales(weights.size() / static_cast<std::size_t>(n_inputs));
  SC_TRY(quantise_rows(weights, n_inputs, integers, scales));
  SC_TRY_ASSIGN(FlexcimSampledProduct of_sample,
                FlexcimSampledProduct::of(parameters_, pattern, integers, n_inputs, size_));
  const auto product = std::make_shared<const FlexcimSampledProduct>(std::move(of_sample));
  const auto index = static_cast<std::size_t>(known - matrices_.begin());
  if (known == matrices_.end())
    matrices_.push_back({.name = name,
                         .pattern = pattern,
                         .n_inputs = n_inputs,
                         .n_outputs = std::ssize(scales),
                         .tiles = product->tiles(),
                         .checked_tiles = product->sampled_tiles(),
                         .partial_sum_bits = product->partial_sum_bits()});
  QuantisedLinear linear(integers, scales, n_inputs);
  linear.observe([this, index, product](std::span<const std::int8_t> activations, std::span<const std::int32_t> sums) {
    check(index, *product, activations, sums);
  });
  return linear;
}

void FlexcimArithmetic::check(std::size_t index, const FlexcimSampledProduct& product,
                              std::span<const std::int8_t> activations, std::span<const std::int32_t> sums) {
  Matrix& matrix = matrices_[index];
  if (!outcome_ || matrix.checked_tokens > 0) return;
  const Result<std::int64_t> tokens = within(matrix.name, product.compare(activations, sums));
  if (tokens)
    matrix.checked_tokens = *tokens;
  else
    outcome_ = tl::unexpected(tokens.error());
}

std::int64_t FlexcimArithmetic::tiles() const {
  std::int64_t tiles = 0;
  for (const Matrix& matrix : matrices_) tiles += matrix.tiles;
  return tiles;
}

std::int64_t FlexcimArithmetic::checked_tiles() const {
  std::int64_t tiles = 0;
  for (const Matrix& matrix : matrices_) tiles += matrix.checked_tokens > 0 ? matrix.checked_tiles : 0;
  return tiles;
}

Json to_json(const FlexcimArithmetic& arithmetic) {
  const FlexcimWidths widths = FlexcimWidths::of(arithmetic.parameters().array);
  Json patterns = Json::object(), matrices = Json::array();
  for (const FlexcimArithmetic::Matrix& matrix : arithmetic.matrices()) {
    Json& count = patterns[matrix.pattern.name()];
    count = count.is_null() ? 1 : count.get<int>() + 1;
    matrices.push_back({{"name", matrix.name},
                        {"n_inputs", matrix.n_inputs},
                        {"n_outputs", matrix.n_outputs},
                        {"pattern", matrix.pattern.name()},
                        {"tiles", matrix.tiles},
                        {"checked_tiles", matrix.checked_tiles},
                        {"checked_tokens", matrix.checked_tokens},
                        {"partial_sum_bits", matrix.partial_sum_bits}});
  }
  return {{"patterns", std::move(patterns)},
          {"tiles", arithmetic.tiles()},
          {"checked_tiles", arithmetic.checked_tiles()},
          {"accumulator_bits", widths.accumulator_bits},
          {"merged_bits", widths.merged_bits},
          {"partial_sum_bits", widths.partial_sum_bits},
          {"matrices", std::move(matrices)}};
}

}  // namespace sparsecim
