#include "hardware/flexcim/sampled_product.hpp"

#include <algorithm>
#include <bit>

#include "base/check.hpp"
#include "hardware/flexcim/functional.hpp"

namespace sparsecim {
namespace {

std::size_t to_size(std::int64_t index) { return static_cast<std::size_t>(index); }

/// The largest magnitude of a sum of any of the row's products, whatever the activations.
std::int64_t largest_sum(std::span<const std::int8_t> row) {
  std::int64_t magnitudes = 0;
  for (const std::int8_t weight : row) magnitudes += std::abs(static_cast<int>(weight));
  return 128 * magnitudes;
}

/// Two's complement bits that hold -magnitude and magnitude.
std::int64_t bits_for(std::int64_t magnitude) {
  return static_cast<std::int64_t>(std::bit_width(static_cast<std::uint64_t>(magnitude))) + 1;
}

/// Whether every tile can be stored: blocks of at most N weights, pairs that the columns of a group can share.
Result<void> store_all(const FlexcimLayout& layout, std::span<const std::int8_t> weights, std::int64_t n_inputs) {
  if (layout.pattern.dense()) return {};
  const std::int64_t n_outputs = std::ssize(weights) / n_inputs;
  for (std::int64_t output = 0; output < n_outputs; output += layout.columns)
    for (std::int64_t input = 0; input < n_inputs; input += layout.inputs())
      SC_TRY(store_tile(
          layout, weights, n_inputs,
          {input, std::min(layout.inputs(), n_inputs - input), output, std::min(layout.columns, n_outputs - output)}));
  return {};
}

}  // namespace

std::vector<std::int64_t> evenly_spread(std::int64_t n, std::int64_t count) {
  count = std::min(n, count);
  std::vector<std::int64_t> numbers;
  for (std::int64_t i = 1; i <= count; ++i) numbers.push_back(i * n / count - 1);
  return numbers;
}

FlexcimSampledProduct::FlexcimSampledProduct(const FlexcimParameters& parameters, Pattern pattern,
                                             std::int64_t n_inputs, std::int64_t n_outputs, std::int64_t n_tokens)
    : parameters_(parameters),
      pattern_(pattern),
      n_inputs_(n_inputs),
      n_outputs_(n_outputs),
      most_tokens_(n_tokens),
      strips_(divide_up(n_outputs, parameters.array.columns)),
      input_tiles_(divide_up(n_inputs, FlexcimLayout::of(parameters, pattern).inputs())) {}

Result<FlexcimSampledProduct> FlexcimSampledProduct::of(const FlexcimParameters& parameters, Pattern pattern,
                                                        std::span<const std::int8_t> weights, std::int64_t n_inputs,
                                                        const FlexcimSampleSize& size) {
  SC_CHECK(n_inputs >= 1 && !weights.empty() && std::ssize(weights) % n_inputs == 0);
  SC_CHECK(size.strips >= 1 && size.tokens >= 1);
  const std::int64_t n_outputs = std::ssize(weights) / n_inputs, columns = parameters.array.columns;
  SC_TRY(store_all(FlexcimLayout::of(parameters, pattern), weights, n_inputs));
  FlexcimSampledProduct product(parameters, pattern, n_inputs, n_outputs, size.tokens);
  for (std::int64_t output = 0; output < n_outputs; ++output) {
    const std::int64_t bits = bits_for(largest_sum(weights.subspan(to_size(output * n_inputs), to_size(n_inputs))));
    if (bits > kPartialSumBits)
      return fail(Remedy{"split the matrix along its inputs"},
                  "partial sums of output {} can need {} bits, and the macro has {}", output, bits, kPartialSumBits);
    product.partial_sum_bits_ = std::max(product.partial_sum_bits_, bits);
  }
  for (const std::int64_t strip : evenly_spread(product.strips_, size.strips)) {
    const std::int64_t first = strip * columns, outputs = std::min(columns, n_outputs - first);
    const auto rows = weights.subspan(to_size(first * n_inputs), to_size(outputs * n_inputs));
    product.sample_.push_back({first, outputs, {rows.begin(), rows.end()}});
  }
  return product;
}

Result<std::int64_t> FlexcimSampledProduct::compare(std::span<const std::int8_t> activations,
                                                    std::span<const std::int32_t> sums) const {
  const std::int64_t n_tokens = std::ssize(activations) / n_inputs_;
  SC_CHECK(std::ssize(activations) == n_tokens * n_inputs_ && std::ssize(sums) == n_tokens * n_outputs_);
  const std::vector<std::int64_t> tokens = evenly_spread(n_tokens, most_tokens_);
  std::vector<std::int8_t> inputs;  // [tokens, n_inputs]
  for (const std::int64_t token : tokens) {
    const auto row = activations.subspan(to_size(token * n_inputs_), to_size(n_inputs_));
    inputs.insert(inputs.end(), row.begin(), row.end());
  }
  for (const Strip& strip : sample_) SC_TRY(compare(strip, tokens, inputs, sums));
  return std::ssize(tokens);
}

Result<void> FlexcimSampledProduct::compare(const Strip& strip, std::span<const std::int64_t> tokens,
                                            std::span<const std::int8_t> activations,
                                            std::span<const std::int32_t> sums) const {
  SC_TRY_ASSIGN(const FlexcimProduct exact,
                multiply_by_flexcim(parameters_, pattern_, strip.weights, activations, n_inputs_));
  for (std::size_t i = 0; i < exact.outputs.size(); ++i) {
    const auto index = static_cast<std::int64_t>(i);
    const std::int64_t token = tokens[to_size(index / strip.n_outputs)],
                       output = strip.first_output + index % strip.n_outputs;
    const std::int32_t fast = sums[to_size(token * n_outputs_ + output)];
    if (fast != exact.outputs[i])
      return fail(Remedy{"do not trust this run's figures: the program or the processor is broken"},
                  "output {} of token {}: the macro's bit-serial arithmetic gives {}, the fast product {}", output,
                  token, exact.outputs[i], fast);
  }
  return {};
}

}  // namespace sparsecim
