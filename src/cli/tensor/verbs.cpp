// The door of libsparsecim_tensors.so.

#include "cli/tensor/common.hpp"

extern "C" const sparsecim::TensorVerbs* sparsecim_tensor_verbs() {
  using namespace sparsecim;
  static constexpr TensorVerbs kVerbs = {run_eval, run_generate, run_select, run_prune, run_monarch, run_codesign};
  return &kVerbs;
}
