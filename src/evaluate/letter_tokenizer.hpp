#pragma once

// A tokenizer that tests can follow by hand.

#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.hpp"

namespace sparsecim {

/// A letter is a token; id 0 is BOS.
class LetterTokenizer : public Tokenizer {
 public:
  explicit LetterTokenizer(bool has_bos) {
    if (has_bos) vocabulary_.bos = 0;
  }
  Result<std::vector<TokenId>> encode(std::string_view text) const override {
    std::vector<TokenId> ids;
    for (const char c : text) ids.push_back(1 + (c - 'a' + 49) % 49);
    return ids;
  }
  std::string decode(std::span<const TokenId> ids) const override {
    std::string text;
    for (const TokenId id : ids)
      if (id != 0) text += static_cast<char>('a' + id - 1);
    return text;
  }
  const Vocabulary& vocabulary() const override { return vocabulary_; }

 private:
  Vocabulary vocabulary_;
};

}  // namespace sparsecim
