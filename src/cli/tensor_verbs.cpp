#include <dlfcn.h>

#include "cli/requests.hpp"

namespace sparsecim {

Result<const TensorVerbs*> tensor_verbs() {
  void* library = ::dlopen("libsparsecim_tensors.so", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr)
    return fail(Remedy{"build with LibTorch (./quickstart --build-only)"},
                "this verb needs the tensor library, which cannot be opened: {}", ::dlerror());
  const auto entry = reinterpret_cast<const TensorVerbs* (*)()>(::dlsym(library, "sparsecim_tensor_verbs"));
  if (entry == nullptr) return fail(Remedy{"build again"}, "libsparsecim_tensors.so is of another version");
  return entry();
}

}  // namespace sparsecim
