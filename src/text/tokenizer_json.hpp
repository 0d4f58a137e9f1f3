#pragma once

#include "text/vocabulary.hpp"

namespace sparsecim {

// The parts of tokenizer.json that say how a text is prepared, and what is put around its tokens. Each is read into
// `vocabulary`, whose kind and tokens are known; each errors on what we do not have, by name. `part` is the member's
// value, null where there is none. The normaliser comes before the pre-tokenizer.

/// The member `key`, or null where it is missing or `object` is no object.
const Json& member_or_null(const Json& object, const char* key);
/// The member `key` if it is true or false, else `otherwise`.
bool flag_or(const Json& object, const char* key, bool otherwise);

/// Whether the pre-tokenizer makes bytes printable as its last step.
bool is_byte_level(const Json& pre_tokenizer);
Result<void> read_normalizer(Vocabulary& vocabulary, const Json& part);
Result<void> read_pre_tokenizer(Vocabulary& vocabulary, const Json& part);
Result<void> read_post_processor(Vocabulary& vocabulary, const Json& part);

}  // namespace sparsecim
