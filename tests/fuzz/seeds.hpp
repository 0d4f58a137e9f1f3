#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sparsecim::fuzz {

/// Small valid inputs for `target`, from the builders that the rooms' tests use. Others lie in seeds/TARGET.
std::vector<std::string> made_seeds(std::string_view target);

}  // namespace sparsecim::fuzz
