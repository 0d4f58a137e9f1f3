// safetensors.

#include "base/check.hpp"
#include "checkpoint/safetensors.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sparsecim;
  const auto tensors = parse_safetensors({reinterpret_cast<const std::byte*>(data), size});
  if (!tensors) return 0;
  for (const StoredTensor& tensor : *tensors) {
    std::vector<float> values(static_cast<std::size_t>(tensor.info.elements()));
    dequantise(tensor.storage, tensor.bytes, values);
  }
  return 0;
}
