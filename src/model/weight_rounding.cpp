#include "model/weight_rounding.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <vector>

#include "base/check.hpp"
#include "base/interrupt.hpp"
#include "base/progress.hpp"
#include "sparsity/mask.hpp"

namespace sparsecim {
namespace {

constexpr int kFewestBits = 2, kMostBits = 8;
constexpr std::int64_t kSmallestGroup = 8, kLargestGroup = 65536;

/// Reads a whole number and takes it away from `text`.
template <class Number>
bool take_number(std::string_view& text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return error == std::errc();
}

std::vector<Pattern> storable_patterns() {
  std::vector<Pattern> patterns = {{8, 8}};
  for (const int m : {2, 4, 8, 16})
    for (int n = 1; n < m; ++n) patterns.push_back({n, m});
  return patterns;
}

/// Bits of a row's values with their positions.
std::int64_t row_bits(Pattern pattern, std::int64_t n_in, int bits) {
  const int position_bits = pattern.dense() ? 0 : std::bit_width(static_cast<unsigned>(pattern.m)) - 1;
  return kept_per_row(pattern, n_in) * (bits + position_bits);
}

/// Bits of a matrix [n_out, n_in], row-major, with its scales.
std::int64_t matrix_bits(std::span<const float> weights, std::int64_t n_in, const WeightRounding& rounding) {
  static const std::vector<Pattern> kPatterns = storable_patterns();
  std::int64_t fewest = row_bits({}, n_in, rounding.bits);
  for (const Pattern pattern : zero_statistics(weights, n_in, kPatterns).satisfied)
    fewest = std::min(fewest, row_bits(pattern, n_in, rounding.bits));
  const std::int64_t scales = (n_in + rounding.group - 1) / rounding.group;
  return static_cast<std::int64_t>(weights.size()) / n_in * (fewest + scales * kScaleBits);
}

}  // namespace

Result<WeightRounding> parse_weight_rounding(std::string_view text) {
  WeightRounding rounding;
  std::string_view rest = text;
  const bool bits = take_number(rest, rounding.bits) && rest.starts_with(':');
  if (bits) rest.remove_prefix(1);
  const bool in_range = rounding.bits >= kFewestBits && rounding.bits <= kMostBits;
  if (bits && take_number(rest, rounding.group) && rest.empty() && in_range && rounding.group >= kSmallestGroup &&
      rounding.group <= kLargestGroup)
    return rounding;
  return fail(Remedy{fmt::format("give BITS:GROUP, {} .. {} bits and {} .. {} weights, for instance 4:32", kFewestBits,
                                 kMostBits, kSmallestGroup, kLargestGroup)},
              "weights cannot be rounded to '{}'", text);
}

std::string name(const WeightRounding& rounding) { return fmt::format("{}:{}", rounding.bits, rounding.group); }

Result<at::Tensor> rounded(const at::Tensor& weight, const WeightRounding& rounding) {
  const std::int64_t n_out = weight.size(0), n_in = weight.size(1);
  const std::int64_t group = std::min(rounding.group, n_in);
  const std::int64_t padding = (group - n_in % group) % group;
  const at::Tensor groups = at::constant_pad_nd(weight.to(at::kFloat), {0, padding}).view({n_out, -1, group});
  const double levels = 1 << (rounding.bits - 1);
  const at::Tensor extremes = groups.gather(2, groups.abs().argmax(2, true));  // [n_out, groups, 1]
  const at::Tensor scales = (extremes / -levels).to(at::kHalf).to(at::kFloat);
  if (!scales.isfinite().all().item<bool>()) return fail("a weight is too large for a float16 scale");
  const at::Tensor steps = (groups / scales.masked_fill(scales == 0, 1)).round().clamp(-levels, levels - 1);
  return (steps * scales).view({n_out, n_in + padding}).narrow(1, 0, n_in).to(weight.scalar_type()).contiguous();
}

Result<StoredSize> stored_size(const Checkpoint& checkpoint, const WeightRounding& rounding) {
  SC_TRY(require_dense(checkpoint.config(), "are not rounded to few bits"));
  StoredSize size;
  for (const TensorInfo& info : checkpoint.tensors()) size.other_weights += info.elements();
  const ModelConfig& config = checkpoint.config();
  Progress progress("counting stored bits", config.n_layers, "blocks");
  for (std::int64_t block = 0; block < config.n_layers; ++block) {
    for (const LinearShape& linear : block_linears(config)) {
      SC_TRY(check_interrupt());
      const TensorInfo* info = checkpoint.find(matrix_name(block, linear.name) + ".weight");
      SC_CHECK(info != nullptr);  // open_checkpoint has made sure
      std::vector<float> weights(static_cast<std::size_t>(info->elements()));
      SC_TRY(checkpoint.read(*info, weights));
      size.matrix_bits += matrix_bits(weights, linear.n_in, rounding);
      size.matrix_weights += info->elements();
    }
    progress.advance(1);
  }
  size.other_weights -= size.matrix_weights;
  return size;
}

}  // namespace sparsecim
