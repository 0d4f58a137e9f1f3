#include "base/nearest.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace sparsecim {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);  // one row of the table at a time
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] != b[j]);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

std::vector<std::string> nearest(std::string_view word, std::vector<std::string> valid, std::size_t most) {
  std::ranges::stable_sort(valid, {}, [=](const std::string& candidate) { return edit_distance(word, candidate); });
  valid.resize(std::min(valid.size(), most));
  return valid;
}

}  // namespace sparsecim
