#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "base/result.hpp"

namespace sparsecim {

/// What every verb takes.
struct CommonOptions {
  int threads = 0;  // 0: the machine's cores
  bool force = false;
};

/// Adds a verb with its options and help to `app`; `run` is what it does once they are parsed. One function per verb,
/// one verb per file.
using VerbAction = std::function<Result<void>()>;
void add_inspect(CLI::App& app, const CommonOptions& common, VerbAction& run);
void add_simulate(CLI::App& app, const CommonOptions& common, VerbAction& run);
void add_eval(CLI::App& app, const CommonOptions& common, VerbAction& run);
void add_generate(CLI::App& app, const CommonOptions& common, VerbAction& run);
void add_select(CLI::App& app, const CommonOptions& common, VerbAction& run);
void add_prune(CLI::App& app, const CommonOptions& common, VerbAction& run);
void add_codesign(CLI::App& app, const CommonOptions& common, VerbAction& run);

}  // namespace sparsecim
