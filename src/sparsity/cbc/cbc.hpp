#pragma once

#include <string>
#include <vector>

namespace sparsecim {

/// Variables that are 0 or 1, and bounds on sums of them, as CBC takes them: the entries of a column stand together,
/// and starts[c] .. starts[c + 1] are those of column c.
struct BinaryProgram {
  std::vector<int> starts{0}, rows;
  std::vector<double> values;  // by entry
  std::vector<double> costs;   // by column
  std::vector<double> row_low, row_high;
};

struct BinarySolution {
  bool infeasible = false;     // proven
  bool proven = false;         // to be the best one, within the gap that was allowed
  std::vector<double> values;  // by column; empty: none was found
  double cost = 0;
  double bound = 0;  // no solution costs less
};

struct CbcModule {
  BinarySolution (*solve)(const BinaryProgram& program, double relative_gap, double time_limit_s);
  const char* version;
};

}  // namespace sparsecim
