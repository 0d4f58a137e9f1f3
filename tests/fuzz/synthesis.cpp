// Areas of netlists: what is accepted prices a machine that has its settings.

#include "hardware/synthesis.hpp"

#include "base/check.hpp"
#include "targets.hpp"

namespace sparsecim::fuzz {

void synthesis(std::string_view input) {
  const auto json = parse_json(input);
  if (!json) return;
  const auto read = synthesis_from_json(*json);
  if (!read) return;
  SC_CHECK(!read->macros.empty());
  const auto machine = with_synthesised_areas(open_machine("flexcim").value(), *read);
  if (!machine) return;
  const Workload workload{.name = "small",
                          .operations = {{.name = "layer", .n_tokens = 3, .n_inputs = 40, .n_outputs = 20}}};
  const auto simulation = simulate(workload, *machine);
  SC_CHECK(simulation && simulation->area_um2.nominal > 0);
}

}  // namespace sparsecim::fuzz
