#include "workload/activities.hpp"

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
  for (Operation& operation : workload.operations) {
    if (operation.kind == Operation::Kind::kAttention) continue;
    const auto found = activities.find(operation.name);
    if (found == activities.end())
      return fail(Remedy{"measure them on this model: sparsecim eval MODEL --text TEXT --activities FILE"},
                  "no activity of {} was measured", operation.name);
    const double weight_ones = std::exchange(operation.activity, found->second).weight_ones;
    operation.activity.weight_ones = weight_ones;
  }
  return {};
}

}  // namespace sparsecim
