// Machine descriptions: what is accepted shows its parameters and says what it is built of, or why nothing fits.

#include "base/check.hpp"
#include "hardware/simulate.hpp"
#include "targets.hpp"

namespace sparsecim::fuzz {

void machine(std::string_view input) {
  const auto description = parse_machine("fuzzed", std::string(input));
  if (!description) return;
  const Json parameters = description->machine->parameters();
  SC_CHECK(parameters.is_object() && !parameters.empty());
  const Workload workload{.name = "small",
                          .operations = {{.name = "layer", .n_tokens = 3, .n_inputs = 40, .n_outputs = 20}}};
  const auto simulation = simulate(workload, *description);
  if (!simulation) return;
  SC_CHECK(simulation->cycles > 0 && simulation->clock_ns > 0);
  SC_CHECK(simulation->energy_pj.low <= simulation->energy_pj.nominal && simulation->utilization <= 1);
  SC_CHECK(parse_json(to_json(*simulation).dump()));
}

}  // namespace sparsecim::fuzz
