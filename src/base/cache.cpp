#include "base/cache.hpp"

#include <cstdlib>

namespace sparsecim {

std::filesystem::path cache_directory() {
  const auto variable = [](const char* name) -> std::filesystem::path {
    const char* value = std::getenv(name);
    return value ? value : "";
  };
  if (const auto own = variable("SPARSECIM_CACHE"); !own.empty()) return own;
  if (const auto cache = variable("XDG_CACHE_HOME"); !cache.empty()) return cache / "sparsecim";
  return variable("HOME") / ".cache" / "sparsecim";
}

}  // namespace sparsecim
