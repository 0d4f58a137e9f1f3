#pragma once

#include "checkpoint/gguf.hpp"
#include "text/vocabulary.hpp"

namespace sparsecim {

/// The LLaMA in a GGUF file, under Hugging Face's names. Errors: another architecture; a key under `llama.` that
/// changes what is computed and is not implemented; sizes and tensors that do not fit each other.
Result<Contents> gguf_contents(Gguf gguf);

/// The vocabulary in a GGUF file, which may hold nothing else.
Result<Vocabulary> gguf_vocabulary(const Gguf& gguf);

}  // namespace sparsecim
