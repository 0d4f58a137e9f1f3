#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "base/json.hpp"
#include "base/result.hpp"
#include "hardware/workload.hpp"

namespace sparsecim {

/// How the inputs of matrices change on a machine's lines, by the matrix's name: what `eval --activities` measures.
using Activities = std::map<std::string, Activity>;

/// docs/formats/activities.md.
Json to_json(const Activities& activities);
/// Errors: another format or version; a matrix whose activity read_activity refuses.
Result<Activities> activities_from_json(const Json& json);
/// Errors also: the file's.
Result<Activities> read_activities(const std::filesystem::path& path);

/// Takes over what was measured into the operations with weights; what is known of the weights stays. Errors: one of
/// them was not measured; something else was, but for the head, which some workloads leave out.
Result<void> set_activities(Workload& workload, const Activities& activities);

}  // namespace sparsecim
