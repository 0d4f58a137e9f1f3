// Measured activities: what is accepted reads as the same when it is written again, and prices a machine.

#include "workload/activities.hpp"

#include "base/check.hpp"
#include "targets.hpp"

namespace sparsecim::fuzz {

void activities(std::string_view input) {
  const auto json = parse_json(input);
  if (!json) return;
  const auto read = activities_from_json(*json);
  if (!read) return;
  const auto again = activities_from_json(to_json(*read));
  SC_CHECK(again && to_json(*again) == to_json(*read));
}

}  // namespace sparsecim::fuzz
