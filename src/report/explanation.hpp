#pragma once

#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"

namespace sparsecim::report {

/// What of a result of `simulate --json` can be explained: "latency_ns", "energy.adder trees", "operations.lm_head",
/// ...
std::vector<std::string> explainable_keys(const Json& result);

/// How the value of `key` comes about, in text: the formula, what is counted, the constants with their sources, so that
/// the arithmetic can be redone. Errors: `result` is none of `simulate`, or its figures do not follow from its own
/// counts and constants (which one does not); a key that is not there, with the nearest.
Result<std::string> explain(const Json& result, const std::string& key);

}  // namespace sparsecim::report
