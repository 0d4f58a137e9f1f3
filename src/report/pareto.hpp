#pragma once

#include <string>
#include <vector>

#include "report/record.hpp"

// What page and terminal both say of the Pareto front.
namespace sparsecim::report {

/// The points that have a label to find them by, from the largest to the smallest; of equal size the better one first.
std::vector<ParetoPoint> by_size(const Pareto& pareto);

/// "bytes, latency", or what it is dominated by, or that it is on no front of two without being dominated.
std::string standing(const ParetoPoint& point);

/// "At 50.0 % sparsity: FLOW 25.48; uniform 27.91 (Uniform 4:8)."
std::string equality_sentence(const EqualComparison& equal);

}  // namespace sparsecim::report
