#include "base/threads.hpp"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "base/check.hpp"

namespace sparsecim {
namespace {

/// The cores that this process may run on, which a container or taskset makes fewer than the machine's.
int available_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) != 0)
    return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  return std::max(1, CPU_COUNT(&set));
}

std::atomic<int> g_thread_count = 0;

}  // namespace

int thread_count() {
  const int count = g_thread_count;
  return count > 0 ? count : available_cores();
}

void set_thread_count(int count) {
  SC_CHECK(count >= 1);
  g_thread_count = count;
}

void parallel_for(std::int64_t n, const std::function<void(std::int64_t, std::int64_t)>& body) {
  const std::int64_t parts = std::min<std::int64_t>(n, thread_count());
  std::vector<std::jthread> threads;
  for (std::int64_t part = 1; part < parts; ++part)
    threads.emplace_back([&, part] { body(n * part / parts, n * (part + 1) / parts); });
  if (parts > 0) body(0, n / parts);
}

}  // namespace sparsecim
