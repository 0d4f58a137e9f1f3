#pragma once

#include <atomic>

namespace sparsecim {

/// Makes `least` the smaller of itself and `value`, whatever other threads do to it.
template <class T>
void lower(std::atomic<T>& least, T value) {
  T seen = least;
  while (value < seen && !least.compare_exchange_weak(seen, value)) continue;
}

}  // namespace sparsecim
