#pragma once

#include <algorithm>
#include <cstdint>

namespace sparsecim {

/// `count` integers: runs of `run` that lie `stride` apart, and whose first ones lie `outer` apart. What a row driver,
/// a column multiplexer or an address generator can do with two counters.
struct Strided {
  std::int64_t first = 0, count = 0;
  std::int64_t stride = 1;
  std::int64_t run = 0;  // 0: all are one run
  std::int64_t outer = 0;

  std::int64_t at(std::int64_t i) const {
    return run == 0 ? first + i * stride : first + i / run * outer + i % run * stride;
  }
  /// The largest. REQUIRES: count > 0; nothing negative.
  std::int64_t last() const {
    if (run == 0 || count <= run) return first + (count - 1) * stride;
    return std::max(at(count - 1), at((count - 1) / run * run - 1));
  }
  bool operator==(const Strided&) const = default;
};

}  // namespace sparsecim
