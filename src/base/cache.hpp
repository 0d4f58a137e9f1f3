#pragma once

#include <filesystem>

namespace sparsecim {

/// Where tools/fetch-model and tools/fetch-text keep what they got: $SPARSECIM_CACHE, or else sparsecim/ in
/// $XDG_CACHE_HOME, or else ~/.cache/sparsecim.
std::filesystem::path cache_directory();

}  // namespace sparsecim
