#include "hardware/dcim/activation_lines.hpp"

#include "hardware/components/clock.hpp"
#include "hardware/components/gates.hpp"
#include "hardware/components/memories.hpp"

namespace sparsecim {

PassPath ActivationLines::path(std::int64_t inputs, std::int64_t registers) const {
  return {.fetch = PassPath::Fetch::kByPlane,
          .inputs = inputs,
          .activation_bits = planes,
          .port_bits = bandwidth_bits,
          .planes = planes,
          .registers = registers};
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
