#include "hardware/dcim/activation_lines.hpp"

#include <algorithm>

#include "hardware/components/clock.hpp"
#include "hardware/components/gates.hpp"
#include "hardware/components/memories.hpp"

namespace sparsecim {

PassTiming ActivationLines::timing(std::int64_t inputs, std::int64_t registers) const {
  // Plane p is complete after ceil((p + 1) * inputs / bandwidth) cycles and is multiplied in the next.
  const std::int64_t first_plane = divide_up(inputs, bandwidth_bits);
  const std::int64_t all_planes = divide_up(inputs * planes, bandwidth_bits);
  return {.initiation_interval = std::max(planes, all_planes),
          .fill = std::max(first_plane + planes, all_planes + 1) + registers,
          .bound = all_planes > planes ? "fetch" : "multiply"};
}

void ActivationLines::add_parts(std::vector<Part>& parts) const {
  const std::int64_t sets = lines > bandwidth_bits ? 2 : 1;
  parts.push_back({"activation lines", &kFlipFlop, static_cast<double>(sets * lines)});
}

void ActivationLines::add_events(double line_passes, double activation_toggle, std::vector<Event>& events) const {
  const double bits = line_passes * static_cast<double>(planes);
  const double sets = lines > bandwidth_bits ? 2 : 1;
  events.push_back({"activation lines", &kFlipFlop, sets * bits * activation_toggle});
  events.push_back({"activation lines", &kActivationLine, bits * activation_toggle * static_cast<double>(columns)});
  events.push_back({"clock", &kClockPin, sets * bits});
}

}  // namespace sparsecim
