#pragma once

#include <string>

#include "base/json.hpp"
#include "base/result.hpp"

namespace sparsecim {

/// Pictures of analog arrays as SVG, empty where there are none. REQUIRES: they are ours, their names escaped.
struct ArrayPictures {
  std::string cells, timeline;
};

/// A page for people about one simulation: `result` as `simulate --json` writes it. Self-contained, as render_report's.
/// Errors: a figure that is missing or no number.
Result<std::string> render_simulation_page(const Json& result, const ArrayPictures& pictures);

}  // namespace sparsecim
