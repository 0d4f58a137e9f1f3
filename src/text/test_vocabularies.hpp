#pragma once

// Vocabularies small enough to follow every merge by hand, for the tests of this room.

#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "text/byte_alphabet.hpp"
#include "text/splits.hpp"
#include "text/vocabulary.hpp"

namespace sparsecim {

/// Byte level, GPT-2's split: ids 0..255 are the bytes, 256 and on what `merges` make, in order, then "<|end|>", a
/// control token.
inline Vocabulary tiny_byte_level(const std::vector<std::pair<std::string, std::string>>& merges) {
  Vocabulary vocabulary;
  vocabulary.kind = Vocabulary::Kind::kByteLevelBpe;
  for (int byte = 0; byte < 256; ++byte)
    vocabulary.tokens.push_back({.text = printable_byte(static_cast<unsigned char>(byte))});
  for (const auto& [left, right] : merges) vocabulary.tokens.push_back({.text = left + right});
  vocabulary.tokens.push_back({.text = "<|end|>", .kind = Vocabulary::TokenKind::kControl});
  vocabulary.merges = merges;
  vocabulary.splits = {kGpt2Split};
  return vocabulary;
}

/// By scores, with SentencePiece's prefix: <unk>, <s>, </s>, then the bytes 3..258, then `tokens` from 259.
inline Vocabulary tiny_scores(const std::vector<std::pair<std::string, float>>& tokens) {
  Vocabulary vocabulary;
  vocabulary.kind = Vocabulary::Kind::kScoreBpe;
  vocabulary.tokens = {{.text = "<unk>", .kind = Vocabulary::TokenKind::kUnknown},
                       {.text = "<s>", .kind = Vocabulary::TokenKind::kControl},
                       {.text = "</s>", .kind = Vocabulary::TokenKind::kControl}};
  for (int byte = 0; byte < 256; ++byte)
    vocabulary.tokens.push_back({.text = fmt::format("<0x{:02X}>", byte), .kind = Vocabulary::TokenKind::kByte});
  for (const auto& [text, score] : tokens) vocabulary.tokens.push_back({.text = text});
  vocabulary.scores.assign(259, 0);
  for (const auto& [text, score] : tokens) vocabulary.scores.push_back(score);
  vocabulary.space_prefix = Vocabulary::SpacePrefix::kEverySegment;
  vocabulary.add_bos = true;
  vocabulary.unknown = 0, vocabulary.bos = 1, vocabulary.eos = 2;
  return vocabulary;
}

}  // namespace sparsecim
