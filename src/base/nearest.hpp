#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sparsecim {

/// Levenshtein's distance: letters to insert, delete or replace.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The `most` of `valid` that are nearest to `word`, the nearest first.
std::vector<std::string> nearest(std::string_view word, std::vector<std::string> valid, std::size_t most);

}  // namespace sparsecim
