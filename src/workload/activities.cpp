#include "workload/activities.hpp"

#include <set>
#include <utility>

#include "hardware/activity.hpp"

namespace sparsecim {
namespace {

constexpr std::string_view kFormat = "sparsecim activities";
constexpr std::int64_t kSchemaVersion = 1;

}  // namespace

Json to_json(const Activities& activities) {
  Json matrices = Json::object();
  for (const auto& [matrix, activity] : activities) matrices[matrix] = activity_json(activity);
  return {{"format", kFormat}, {"schema_version", kSchemaVersion}, {"matrices", std::move(matrices)}};
}

Result<Activities> activities_from_json(const Json& json) {
  SC_TRY_ASSIGN(const std::string format, get_string(json, "format"));
  if (format != kFormat) return fail("'format' is '{}', not '{}'", format, kFormat);
  SC_TRY(get_integer(json, "schema_version", kSchemaVersion, kSchemaVersion));
  const auto matrices = json.find("matrices");
  if (matrices == json.end() || !matrices->is_object()) return fail("'matrices' is missing, or no object");
  Activities activities;
  for (const auto& [matrix, activity] : matrices->items()) {
    SC_TRY_ASSIGN(activities[matrix], within(matrix, read_activity(activity)));
  }
  return activities;
}

Result<Activities> read_activities(const std::filesystem::path& path) {
  SC_TRY_ASSIGN(const Json json, read_json_file(path));
  return within(path.string(), activities_from_json(json));
}

Result<void> set_activities(Workload& workload, const Activities& activities) {
  const Remedy remedy{"measure them on this model: sparsecim eval MODEL --text TEXT --activities FILE"};
  std::set<std::string> others;
  for (const auto& [name, activity] : activities)
    if (name != "lm_head") others.insert(name);
  for (Operation& operation : workload.operations) {
    if (operation.kind == Operation::Kind::kAttention) continue;
    const auto found = activities.find(operation.name);
    if (found == activities.end()) return fail(remedy, "no activity of {} was measured", operation.name);
    others.erase(operation.name);
    const double weight_ones = std::exchange(operation.activity, found->second).weight_ones;
    operation.activity.weight_ones = weight_ones;
  }
  if (!others.empty()) return fail(remedy, "{} was measured, and is not in this model", *others.begin());
  return {};
}

}  // namespace sparsecim
