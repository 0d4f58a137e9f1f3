// llama2.c's model and tokenizer files.

#include "checkpoint/llama2c.hpp"
#include "read_all.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sparsecim;
  auto contents = parse_llama2c({reinterpret_cast<const std::byte*>(data), size});
  if (contents) read_all(*std::move(contents));
  const auto vocabulary = vocabulary_from_llama2c({reinterpret_cast<const char*>(data), size}, 300);
  if (vocabulary) static_cast<void>(make_tokenizer(*vocabulary));
  return 0;
}
