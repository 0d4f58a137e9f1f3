// Shape files: what is accepted can be turned into operations.

#include "workload/shapes.hpp"

#include "base/check.hpp"
#include "targets.hpp"

namespace sparsecim::fuzz {

void shapes(std::string_view input) {
  const auto read = parse_shapes("fuzzed.yaml", std::string(input));
  if (!read) return;
  SC_CHECK(read->encoder || read->decoder);
  SC_CHECK(read->layer_weights() > 0);
  for (const auto* stack : {&read->encoder, &read->decoder})
    if (*stack) {
      SC_CHECK((*stack)->n_layers >= 1 && !(*stack)->matrices.empty());
      SC_CHECK(name_in_layer(**stack, 0, "x") != name_in_layer(**stack, 1, "x"));
    }
}

}  // namespace sparsecim::fuzz
