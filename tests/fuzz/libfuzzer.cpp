// libFuzzer's door to the target that SPARSECIM_FUZZ_TARGET names.

#include <cstdint>

#include "targets.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sparsecim::fuzz::SPARSECIM_FUZZ_TARGET({reinterpret_cast<const char*>(data), size});
  return 0;
}
