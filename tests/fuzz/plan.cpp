// plan.json.

#include "sparsity/plan.hpp"

#include "base/check.hpp"
#include "targets.hpp"

namespace sparsecim::fuzz {

void plan(std::string_view input) {
  const auto json = parse_json(input);
  if (!json) return;
  const auto read = plan_from_json(*json);
  if (!read) return;
  SC_CHECK(read->kept() >= 0 && read->kept() <= read->weights());
  SC_CHECK(read->whole_model_sparsity() >= 0 && read->whole_model_sparsity() <= read->sparsity());
  const Json written = to_json(*read);
  const auto again = plan_from_json(written);
  SC_CHECK(again && to_json(*again) == written);
}

}  // namespace sparsecim::fuzz
