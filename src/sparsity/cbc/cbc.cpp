// libsparsecim_cbc.so. CBC brings LAPACK and BLAS of its own, and LibTorch's calls of the same names would end there if
// this were linked with the program: it is opened when it is needed, where only it sees them.

#include "sparsity/cbc/cbc.hpp"

#include <Cbc_C_Interface.h>

#include <chrono>
#include <memory>

namespace sparsecim {
namespace {

struct Delete {
  void operator()(Cbc_Model* model) const { Cbc_deleteModel(model); }
};
using Model = std::unique_ptr<Cbc_Model, Delete>;

Model load(const BinaryProgram& program) {
  Model model(Cbc_newModel());
  const std::size_t n_columns = program.costs.size();
  const std::vector<double> low(n_columns, 0), high(n_columns, 1);
  Cbc_loadProblem(model.get(), static_cast<int>(n_columns), static_cast<int>(program.row_low.size()),
                  program.starts.data(), program.rows.data(), program.values.data(), low.data(), high.data(),
                  program.costs.data(), program.row_low.data(), program.row_high.data());
  for (std::size_t c = 0; c < n_columns; ++c) Cbc_setInteger(model.get(), static_cast<int>(c));
  return model;
}

BinarySolution solve(const BinaryProgram& program, double relative_gap, double time_limit_s) {
  const Model model = load(program);
  Cbc_setParameter(model.get(), "logLevel", "0");
  Cbc_setParameter(model.get(), "ratioGap", std::to_string(relative_gap).c_str());
  Cbc_setParameter(model.get(), "timeMode", "elapsed");
  Cbc_setParameter(model.get(), "seconds", std::to_string(time_limit_s).c_str());
  const auto start = std::chrono::steady_clock::now();
  Cbc_solve(model.get());
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  // Where the time ran out before a first solution, CBC 2.10.8 says infeasible, too.
  const bool infeasible = Cbc_isProvenInfeasible(model.get()) != 0;
  BinarySolution solution{.infeasible = infeasible && taken.count() < time_limit_s,
                          .proven = Cbc_isProvenOptimal(model.get()) != 0,
                          .values = {},
                          .cost = Cbc_getObjValue(model.get()),
                          .bound = Cbc_getBestPossibleObjValue(model.get())};
  if (const double* values = Cbc_bestSolution(model.get()); values != nullptr && !infeasible)
    solution.values.assign(values, values + program.costs.size());
  return solution;
}

}  // namespace
}  // namespace sparsecim

extern "C" const sparsecim::CbcModule* sparsecim_cbc_module() {
  static const sparsecim::CbcModule kModule{sparsecim::solve, Cbc_getVersion()};
  return &kModule;
}
