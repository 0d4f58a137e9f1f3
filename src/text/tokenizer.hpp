#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/vocabulary.hpp"

namespace sparsecim {

/// Text to token ids and back. Built from a Vocabulary by make_tokenizer; safe to use from several threads.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  /// Ids of `text` alone: added and special tokens that it spells out are recognised, no BOS or EOS is put around it.
  /// A byte that is not part of valid UTF-8 stands by itself, as that byte. Errors: a regular expression of the
  /// vocabulary needs more steps on this text than the limit allows.
  virtual Result<std::vector<TokenId>> encode(std::string_view text) const = 0;
  /// The bytes that `ids` stand for, without SentencePiece's space prefix; an id that no token has stands for nothing.
  /// decode(encode(x)) == x, but for what the vocabulary itself folds: docs/formats/tokenizers.md lists it.
  virtual std::string decode(std::span<const TokenId> ids) const = 0;
  virtual const Vocabulary& vocabulary() const = 0;

  /// As the model's tokenizer does by itself: encode(), with BOS and EOS where the vocabulary says that it adds them.
  Result<std::vector<TokenId>> encode_as_model(std::string_view text) const;
  /// decode(), with control tokens (BOS, EOS, <|im_start|>) left out: what a reader of generated text wants to see.
  std::string decode_for_reading(std::span<const TokenId> ids) const;
};

/// Errors: a vocabulary that contradicts itself: a token twice, a merge of unknown tokens, no way to spell some byte
/// (kScoreBpe), a regular expression that is wrong or that PCRE2 and Oniguruma read differently.
Result<std::unique_ptr<Tokenizer>> make_tokenizer(Vocabulary vocabulary);

}  // namespace sparsecim
