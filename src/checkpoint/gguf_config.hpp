#pragma once

#include "checkpoint/gguf.hpp"

namespace sparsecim {

/// The configuration of a GGUF's model, from its metadata and from which tensors there are. Mistral's files call
/// themselves `llama`, and so does the configuration unless they have a sliding window. Errors: another architecture, a
/// variant that is not implemented, a key of the architecture that we do not know, a key that is missing.
Result<ModelConfig> gguf_config(const Gguf& gguf);

/// Whether it holds RoPE's frequencies or factors on them, which are in the configuration.
bool is_rope_table(const StoredTensor& tensor);

}  // namespace sparsecim
