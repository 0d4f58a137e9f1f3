#pragma once

#include <string>

#include "report/html.hpp"

namespace sparsecim::report {

/// A whole HTML file around `content`: our style and script inside, nothing loaded.
std::string page(const std::string& title, const Html& content);

}  // namespace sparsecim::report
