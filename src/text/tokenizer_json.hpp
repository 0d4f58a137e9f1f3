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

/// The token of `id`, made if a file of `entries` tokens may have it. Errors: an id that is far beyond those.
Result<Vocabulary::Token*> token_at(Vocabulary& vocabulary, const Json& id, std::string_view text, std::size_t entries);
/// Makes the token of `id` one that is recognised in texts: `added` has its "content" and flags as in tokenizer.json's
/// added_tokens. Errors: another text has the id.
Result<void> read_added_token(Vocabulary& vocabulary, const Json& added, const Json& id, std::size_t entries);
std::optional<TokenId> find_token(const Vocabulary& vocabulary, const std::string& text);
/// The text of a token that tokenizer_config.json names, as "bos_token" and the like: a string, or an object with the
/// string as "content".
std::optional<std::string> named_text(const Json& named);
/// BOS, EOS and the chat template, where `vocabulary` has none yet.
void read_tokenizer_config(Vocabulary& vocabulary, const Json& config);

/// Adds and names the tokens that stand beside a tokenizer.model. Errors: ids that clash; members of another type.
Result<void> read_companions(Vocabulary& vocabulary, const TokenizerCompanions& companions);

/// "<0x0A>"
bool is_byte_name(std::string_view text);
/// Whether the pre-tokenizer makes bytes printable as its last step.
bool is_byte_level(const Json& pre_tokenizer);
Result<void> read_normalizer(Vocabulary& vocabulary, const Json& part);
Result<void> read_pre_tokenizer(Vocabulary& vocabulary, const Json& part);
Result<void> read_post_processor(Vocabulary& vocabulary, const Json& part);

}  // namespace sparsecim
