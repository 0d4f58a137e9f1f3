#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "hardware/parameters.hpp"
#include "workload/model_workload.hpp"

namespace sparsecim {

/// What is to be run: the options that simulate and sweep share.
struct WorkloadOptions {
  std::string model, pattern, phase = "prefill";
  std::filesystem::path plan, activities;
  std::optional<std::int64_t> tokens, context;
  std::int64_t batch = 1;
  bool no_head = false;
};

void add_workload(CLI::App& verb, WorkloadOptions& options);
/// --set KEY=VALUE, repeated.
void add_set(CLI::App& verb, std::vector<std::string>& set);
/// Errors: setting_from_text's.
Result<std::vector<Setting>> settings_from_texts(std::string_view option, const std::vector<std::string>& texts);

/// A model, a shape file or a shipped shape, with the plan or pattern asked for. `inputs` receives the files read.
Result<ModelWorkload> read_workload(const WorkloadOptions& options, std::vector<std::filesystem::path>& inputs);
/// The options as they were resolved.
Json to_json(const WorkloadOptions& options, const WorkloadRequest& resolved);

}  // namespace sparsecim
