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
/// docs/formats/tokenizers.md tells what the fields mean for encoding and decoding.
struct Vocabulary {
  enum class Kind {
    kByteLevelBpe,  // GPT-2's: bytes as printable characters, regular expressions split first
    kScoreBpe,      // SentencePiece's BPE: spaces as U+2581, characters without a token as bytes
  };
  enum class TokenKind : std::uint8_t { kNormal, kUnknown, kControl, kUserDefined, kByte };

  struct Token {
    std::string text;  // normal: in GPT-2's printable alphabet, or with U+2581; byte: "<0x0A>"; else as it reads.
                       // Empty: an id that no token has
    TokenKind kind = TokenKind::kNormal;  // control, user-defined, unknown: recognised where a text spells them out
    // Of recognised tokens, as in tokenizer.json's added_tokens:
    bool strips_left = false, strips_right = false;  // white space on that side belongs to the token
    bool normalized = false;                         // looked for after the others, behind the rules for text
    bool single_word = false;                        // only where no letter, digit or underscore is beside it
    bool added = false;  // not of the tokenizer's model: put beside it, so that the embedding may have no row for it
  };

  enum class SpacePrefix : std::uint8_t {
    kNever,
    kFirst,         // in front of the text
    kEverySegment,  // in front of the text and after every recognised token
  };

  Kind kind = Kind::kByteLevelBpe;
  std::vector<Token> tokens;                                // by id
  std::int64_t n_without_row = 0;                           // added tokens that drop_tokens_without_row took away
  std::vector<std::pair<std::string, std::string>> merges;  // by rank: the first is made first
  std::vector<float> scores;  // by id, in place of merges (kScoreBpe): the pair whose token scores highest is merged
                              // first, the leftmost of equals
  bool whole_pieces_first = false;  // a piece that is a token is not taken apart (`ignore_merges`, Llama-3)
  bool nfc = false;                 // the text is put into Unicode's normal form C first (Qwen2); kByteLevelBpe only
  std::vector<std::string> splits;  // regular expressions, in order; kByteLevelBpe only

  SpacePrefix space_prefix = SpacePrefix::kNever;  // SentencePiece's dummy prefix
  bool prefix_if_missing = false;                  // only where there is no space already (Metaspace, byte level)
  bool words_apart = false;                        // no merge across a space (Metaspace's `split`); kScoreBpe only

  bool add_bos = false, add_eos = false;     // whether encode_as_model puts them around
  std::optional<TokenId> bos, eos, unknown;  // unknown: what stands for a byte without a token (none: left out)
  std::string chat_template;                 // Jinja, passed on to tokenizer_config.json; empty: none
};

/// Hugging Face tokenizer.json: byte-level BPE, or SentencePiece-like BPE with byte fallback as LLaMA-2's.
/// `config` is tokenizer_config.json's content, null where there is none. Errors: a model type, normaliser,
/// pre-tokenizer or post-processor that we do not have, by name; ids that clash.
Result<Vocabulary> vocabulary_from_tokenizer_json(const Json& tokenizer, const Json& config);

/// llama2.c's tokenizer.bin: int32 longest token, then (float32 score, int32 length, bytes) for each of `size` tokens.
/// Ids 0, 1, 2 are <unk>, <s>, </s>; 3..258 the bytes. Errors: truncated, lengths that lie, scores that are not finite,
/// bytes behind the last token (the tokenizer of another model).
Result<Vocabulary> vocabulary_from_llama2c(std::string_view bytes, std::int64_t size);

/// The JSON files that stand beside a tokenizer.model in a Hugging Face directory; null where there is none.
struct TokenizerCompanions {
  Json config;              // tokenizer_config.json
  Json special_tokens_map;  // special_tokens_map.json
  Json added_tokens;        // added_tokens.json
};

/// SentencePiece's tokenizer.model (sentencepiece_model.proto, message ModelProto) of the BPE kind with byte fallback,
/// with the tokens that `companions` add and name. Errors: no such file or truncated; a model, a normaliser or a kind
/// of piece that we do not have, by name; scores that are not finite; pieces that are not UTF-8; ids that clash.
Result<Vocabulary> vocabulary_from_sentencepiece(std::string_view bytes, const TokenizerCompanions& companions);

/// The keys tokenizer.* of a GGUF file as they stand there (ggml's docs/gguf.md).
struct GgufTokenizer {
  std::string model_name;                 // general.name; Phi-3 is recognised by it
  std::string model;                      // tokenizer.ggml.model: "gpt2" (byte-level BPE) or "llama" (BPE by scores)
  std::string pre;                        // tokenizer.ggml.pre
  std::vector<std::string> tokens;        // tokenizer.ggml.tokens
  std::vector<float> scores;              // tokenizer.ggml.scores; "llama" only
  std::vector<std::int32_t> token_types;  // tokenizer.ggml.token_type; empty: all normal
  std::vector<std::string> merges;        // tokenizer.ggml.merges, "left right"; "gpt2" only
  std::optional<bool> add_bos, add_eos, add_space_prefix;  // tokenizer.ggml.add_bos_token and so on
  std::optional<std::int64_t> bos, eos, unknown;           // tokenizer.ggml.bos_token_id and so on
  std::string chat_template;                               // tokenizer.chat_template
};

/// With llama.cpp's defaults for the keys that are missing. Errors: a model or a pre-tokenizer that we do not have, by
/// name; arrays of different lengths; ids and types out of range; scores that are not finite; merges of unknown tokens.
Result<Vocabulary> vocabulary_from_gguf(GgufTokenizer gguf);

/// Takes away the added tokens whose ids lie behind the model's embedding: no text can have them. LLaMA-2 directories
/// have a `<pad>` like that. Errors: such a token that is no added one; such a BOS or EOS that is put around every
/// text.
Result<void> drop_tokens_without_row(Vocabulary& vocabulary, std::int64_t embedding_rows);

/// tokenizer.json and tokenizer_config.json from which `transformers` (PreTrainedTokenizerFast) makes the same
/// tokenizer. REQUIRES: make_tokenizer takes `vocabulary`.
struct TokenizerFiles {
  Json tokenizer, config;
};
TokenizerFiles to_tokenizer_files(const Vocabulary& vocabulary);

}  // namespace sparsecim
