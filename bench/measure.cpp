#include "measure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <vector>

#include "base/threads.hpp"

namespace sparsecim::bench {

Times measure(int repetitions, const std::function<void()>& work) {
  using Clock = std::chrono::steady_clock;
  work();
  std::vector<double> seconds;
  for (int i = 0; i < repetitions; ++i) {
    const auto start = Clock::now();
    work();
    seconds.push_back(std::chrono::duration<double>(Clock::now() - start).count());
  }
  std::ranges::sort(seconds);
  return {seconds.front(), seconds[seconds.size() / 2]};
}

std::string machine() {
  std::ifstream file("/proc/cpuinfo");
  std::string model = "unknown processor";
  for (std::string line; std::getline(file, line);)
    if (line.rfind("model name", 0) == 0) {
      model = line.substr(std::min(line.find(':') + 2, line.size()));
      break;
    }
  return fmt::format("{}, {} cores", model, thread_count());
}

}  // namespace sparsecim::bench
