#pragma once

#include <cstdint>
#include <functional>

namespace sparsecim {

/// How many threads parallel_for uses: the machine's cores, unless set (`--threads`).
int thread_count();
/// REQUIRES: count >= 1.
void set_thread_count(int count);

/// Calls body(begin, end) on disjoint ranges that cover [0, n), at most one per thread; returns when all are done.
void parallel_for(std::int64_t n, const std::function<void(std::int64_t begin, std::int64_t end)>& body);

}  // namespace sparsecim
