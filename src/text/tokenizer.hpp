#pragma once

#include <cstdint>
#include <memory>
#include <optional>
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
  virtual std::vector<TokenId> encode(std::string_view text) const = 0;
  /// The bytes that `ids` stand for; decode(encode(x)) == x for every UTF-8 text x that the vocabulary covers.
  virtual std::string decode(std::span<const TokenId> ids) const = 0;
  virtual const Vocabulary& vocabulary() const = 0;

  /// As the model's tokenizer does by itself: encode(), with BOS and EOS where the vocabulary says that it adds them.
  std::vector<TokenId> encode_as_model(std::string_view text) const;
};

/// Errors: a vocabulary that contradicts itself (a merge of unknown tokens, no way to spell some byte, bad split).
Result<std::unique_ptr<Tokenizer>> make_tokenizer(Vocabulary vocabulary);

}  // namespace sparsecim
