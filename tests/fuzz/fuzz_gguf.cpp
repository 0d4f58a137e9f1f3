// GGUF: container, model and vocabulary.

#include "checkpoint/gguf_model.hpp"
#include "read_all.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sparsecim;
  auto gguf = parse_gguf({reinterpret_cast<const std::byte*>(data), size});
  if (!gguf) return 0;
  const auto vocabulary = gguf_vocabulary(*gguf);
  auto contents = gguf_contents(*std::move(gguf));
  if (contents) read_all(*std::move(contents));
  return 0;
}
