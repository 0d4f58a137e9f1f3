#include "hardware/dcim/pass_path.hpp"

#include <algorithm>

#include "hardware/tiling.hpp"

namespace sparsecim {
namespace {

std::string_view bound_of(const PassPath& path, std::int64_t interval, std::int64_t fetch) {
  if (interval == path.planes) return "multiply";
  if (interval == fetch) return "fetch";
  if (interval == path.pair_cycles) return "pair selection";
  return interval == path.sum_cycles ? "partial sums" : "link";
}

}  // namespace

PassTiming pass_timing(const PassPath& path) {
  const bool by_plane = path.fetch == PassPath::Fetch::kByPlane;
  const std::int64_t units = by_plane ? path.planes : 1;
  const std::int64_t unit_words = divide_up(path.inputs * path.activation_bits / units, path.port_bits);
  const std::int64_t fetch = units * unit_words;
  PassTiming timing;
  timing.initiation_interval = std::max({path.planes, fetch, path.pair_cycles, path.sum_cycles, path.link_cycles});
  timing.bound = bound_of(path, timing.initiation_interval, fetch);
  timing.first_multiply = unit_words;
  const std::int64_t end = by_plane ? fetch + 1 : fetch + path.planes;
  timing.weights_held = end - timing.first_multiply + (path.pair_cycles - 1);
  timing.fill = timing.first_multiply + timing.weights_held + path.registers +
                (path.sum_cycles > 0 ? path.sum_cycles + kSumRegisters : 0);
  return timing;
}

}  // namespace sparsecim
