#pragma once

#include <bit>
#include <cstddef>
#include <cstring>

namespace sparsecim {

static_assert(std::endian::native == std::endian::little, "files are little-endian and are read as they are");

/// The T that lies at `at`, aligned or not.
template <class T>
T load(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

}  // namespace sparsecim
