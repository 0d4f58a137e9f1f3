#pragma once

#include <functional>
#include <string>

namespace sparsecim::bench {

struct Times {
  double least_s, median_s;
};

/// Calls `work` once unmeasured, then `repetitions` times.
Times measure(int repetitions, const std::function<void()>& work);

/// "AMD EPYC, 2 cores": as the operating system has it.
std::string machine();

}  // namespace sparsecim::bench
