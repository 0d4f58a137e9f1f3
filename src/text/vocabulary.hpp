#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"

namespace sparsecim {

using TokenId = std::int32_t;

/// What a tokenizer is made of, from whichever file: plain data, written back as tokenizer.json by export.
struct Vocabulary {
  enum class Kind {
    kByteLevelBpe,  // GPT-2's: bytes as printable characters, merges by rank, a regular expression splits first
    kScoreBpe,      // SentencePiece's BPE: merges by score, spaces as U+2581, unknown characters as bytes
  };
  enum class TokenKind : std::uint8_t { kNormal, kUnknown, kControl, kUserDefined, kByte };

  Kind kind = Kind::kByteLevelBpe;
  std::vector<std::string> tokens;     // by id; byte-level: in GPT-2's printable alphabet, score: with U+2581
  std::vector<TokenKind> token_kinds;  // by id
  std::vector<float> scores;           // by id; kScoreBpe only
  std::vector<std::pair<std::string, std::string>> merges;  // by rank; kByteLevelBpe only
  std::vector<std::string> splits;  // regular expressions (PCRE2 syntax), applied in order; kByteLevelBpe only
  bool digits_alone = false;        // each digit a piece of its own before `splits` (SmolLM); kByteLevelBpe only
  bool add_space_prefix = false;    // a space in front of the text (SentencePiece's dummy prefix)
  bool add_bos = false, add_eos = false;
  std::optional<TokenId> bos, eos, unknown;
};

/// Hugging Face tokenizer.json (byte-level BPE, or SentencePiece-like BPE with byte fallback as LLaMA-2's).
/// `config` is tokenizer_config.json's content, null where there is none. Errors: a model type, normaliser or
/// pre-tokenizer that we do not have, by name.
Result<Vocabulary> vocabulary_from_tokenizer_json(const Json& tokenizer, const Json& config);

/// llama2.c's tokenizer.bin: int32 longest token, then (float32 score, int32 length, bytes) for each of `size` tokens.
/// Ids 0, 1, 2 are <unk>, <s>, </s>; 3..258 the bytes.
Result<Vocabulary> vocabulary_from_llama2c(std::string_view bytes, std::int64_t size);

/// tokenizer.json and tokenizer_config.json from which `transformers` (PreTrainedTokenizerFast) makes the same
/// tokenizer.
struct TokenizerFiles {
  Json tokenizer, config;
};
TokenizerFiles to_tokenizer_files(const Vocabulary& vocabulary);

}  // namespace sparsecim
