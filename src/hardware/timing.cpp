#include "hardware/timing.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "hardware/components/node.hpp"

namespace sparsecim {

Band path_ns(const Path& path, double node_nm) {
  Band delay;
  for (const Path::Step& step : path.steps)
    delay += delay_ps_at(*step.delay, node_nm) * (static_cast<double>(step.count) / 1000);
  return delay;
}

const Path& longest_path(std::span<const Path> paths, double node_nm) {
  SC_CHECK(!paths.empty());
  return *std::ranges::max_element(paths, {}, [=](const Path& path) { return path_ns(path, node_nm).nominal; });
}

}  // namespace sparsecim
