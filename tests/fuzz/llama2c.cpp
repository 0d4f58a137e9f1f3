// llama2.c's model files.

#include "checkpoint/llama2c.hpp"

#include "input.hpp"
#include "read_all.hpp"
#include "targets.hpp"

namespace sparsecim::fuzz {

void llama2c(std::string_view input) {
  auto contents = parse_llama2c(bytes_of(input));
  if (contents) read_all(*std::move(contents));
}

}  // namespace sparsecim::fuzz
