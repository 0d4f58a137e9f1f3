#pragma once

#include "checkpoint/gguf.hpp"
#include "text/vocabulary.hpp"

namespace sparsecim {

/// The model in a GGUF file, under Hugging Face's names. Errors: as gguf_config; tensors that do not fit the
/// configuration.
Result<Contents> gguf_contents(Gguf gguf);

/// The vocabulary in a GGUF file, which may hold nothing else.
Result<Vocabulary> gguf_vocabulary(const Gguf& gguf);

}  // namespace sparsecim
