#include "sparsity/mask_sharing.hpp"

#include <algorithm>
#include <charconv>
#include <numeric>
#include <vector>

#include "base/check.hpp"

namespace sparsecim {
namespace {

double squared(float score) { return static_cast<double>(score) * static_cast<double>(score); }

/// What keeping each column is worth: [width], summed over the rows.
std::vector<double> column_gains(std::span<const float> scores, std::size_t width) {
  std::vector<double> gains(width);
  for (std::size_t k = 0; k < scores.size(); ++k) gains[k % width] += squared(scores[k]);
  return gains;
}

/// What a pair is worth the first time that it is chosen, when every row keeps the larger of its two, and beyond that
/// the second time: at columns 2p and 2p+1. A second choice is never worth more than the first, so that the N largest
/// gains of a block are the best multiset of N pairs. A column without a partner is its pair's first.
std::vector<double> pair_gains(std::span<const float> scores, std::size_t width) {
  std::vector<double> gains(width);
  for (std::size_t row = 0; row < scores.size(); row += width)
    for (std::size_t j = 0; j < width; j += 2) {
      const double left = squared(scores[row + j]), right = j + 1 < width ? squared(scores[row + j + 1]) : 0;
      gains[j] += std::max(left, right);
      if (j + 1 < width) gains[j + 1] += std::min(left, right);
    }
  return gains;
}

/// 1 at the `kept` largest gains, the lower column of equal ones.
std::vector<std::uint8_t> most_gaining(const std::vector<double>& gains, int kept) {
  std::vector<std::size_t> order(gains.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, std::ranges::greater{}, [&](std::size_t column) { return gains[column]; });
  std::vector<std::uint8_t> chosen(gains.size());
  for (int i = 0; i < kept; ++i) chosen[order[static_cast<std::size_t>(i)]] = 1;
  return chosen;
}

/// One row's own choice of each pair that is chosen once: a pair's first gain is chosen before its second.
void keep_of_pairs(std::span<const float> scores, const std::vector<std::uint8_t>& chosen,
                   std::span<std::uint8_t> keep) {
  std::ranges::copy(chosen, keep.begin());
  for (std::size_t j = 0; j + 1 < keep.size(); j += 2)
    if (chosen[j] && !chosen[j + 1] && scores[j + 1] > scores[j]) std::swap(keep[j], keep[j + 1]);
}

}  // namespace

std::string name(const MaskSharing& sharing) {
  if (sharing.kind == MaskSharing::Kind::kNone) return "row";
  return fmt::format("{}:{}", sharing.kind == MaskSharing::Kind::kRows ? "rows" : "pairs", sharing.rows);
}

Result<MaskSharing> parse_mask_granularity(std::string_view text) {
  if (text == "row") return MaskSharing{};
  const std::size_t colon = std::min(text.find(':'), text.size());
  const std::string_view kind = text.substr(0, colon), number = text.substr(std::min(colon + 1, text.size()));
  MaskSharing sharing;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), sharing.rows);
  const bool whole = error == std::errc() && end == number.data() + number.size();
  if ((kind != "rows" && kind != "pairs") || !whole || sharing.rows < 1 || sharing.rows > kMostSharingRows)
    return fail(Remedy{fmt::format("use row, rows:G or pairs:G with G from 1 to {}", kMostSharingRows)},
                "unknown mask granularity '{}'", text);
  sharing.kind = kind == "rows" ? MaskSharing::Kind::kRows : MaskSharing::Kind::kPairs;
  return sharing;
}

void choose_kept(std::span<const float> scores, int width, int kept, MaskSharing::Kind kind,
                 std::span<std::uint8_t> keep) {
  SC_CHECK(width >= 1 && kept >= 0 && kept <= width && keep.size() == scores.size());
  const auto row_size = static_cast<std::size_t>(width);
  SC_CHECK(scores.size() % row_size == 0);
  const bool pairs = kind == MaskSharing::Kind::kPairs;
  const std::vector<std::uint8_t> chosen =
      most_gaining(pairs ? pair_gains(scores, row_size) : column_gains(scores, row_size), kept);
  for (std::size_t row = 0; row < scores.size(); row += row_size) {
    if (pairs)
      keep_of_pairs(scores.subspan(row, row_size), chosen, keep.subspan(row, row_size));
    else
      std::ranges::copy(chosen, keep.begin() + static_cast<std::ptrdiff_t>(row));
  }
}

Result<void> check_sharing(const MaskSharing& sharing, Pattern pattern) {
  if (sharing.kind != MaskSharing::Kind::kPairs || pattern.dense() || pattern.m % 2 == 0) return {};
  return fail(Remedy{"use a pattern with an even M, or --mask-granularity rows:G"},
              "{} has no pairs to share: its M is odd", pattern.name());
}

}  // namespace sparsecim
