// GGUF: container, model and vocabulary.

#include "checkpoint/gguf_model.hpp"
#include "input.hpp"
#include "read_all.hpp"
#include "targets.hpp"
#include "tokenize.hpp"

namespace sparsecim::fuzz {

void gguf(std::string_view input) {
  auto container = parse_gguf(bytes_of(input));
  if (!container) return;
  if (const auto vocabulary = sparsecim::gguf_vocabulary(*container)) tokenize(*vocabulary, "the <s> thing");
  auto contents = gguf_contents(*std::move(container));
  if (contents) read_all(*std::move(contents));
}

}  // namespace sparsecim::fuzz
