#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace sparsecim::fuzz {

inline std::span<const std::byte> bytes_of(std::string_view input) { return std::as_bytes(std::span(input)); }

/// What stands in front of the first `mark` in `rest`, which becomes what stands behind it; all of it without one.
inline std::string_view take_until(std::string_view& rest, std::string_view mark) {
  const std::string_view part = rest.substr(0, rest.find(mark));
  rest.remove_prefix(part.size());
  if (!rest.empty()) rest.remove_prefix(mark.size());
  return part;
}

}  // namespace sparsecim::fuzz
