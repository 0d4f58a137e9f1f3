// Byte-level BPE (Radford et al. 2019): regular expressions cut the text into words, whose bytes are merged.

#include <algorithm>
#include <array>

#include "text/bpe_tokenizer.hpp"
#include "text/byte_alphabet.hpp"
#include "text/splitter.hpp"
#include "text/utf8.hpp"

namespace sparsecim {
namespace {

constexpr TokenId kNoToken = -1;

class ByteLevelTokenizer final : public BpeTokenizer {
 public:
  ByteLevelTokenizer(Vocabulary vocabulary, TokenIndex index, const std::vector<Merge>& merges,
                     std::vector<Splitter> splits)
      : BpeTokenizer(std::move(vocabulary), std::move(index), merges), splits_(std::move(splits)) {
    for (int byte = 0; byte < 256; ++byte) {
      const auto found = this->index().find(printable_byte(static_cast<unsigned char>(byte)));
      of_byte_[static_cast<std::size_t>(byte)] =
          found != this->index().end() ? found->second : source().unknown.value_or(kNoToken);
    }
    for (std::size_t id = 0; id < source().tokens.size(); ++id) read_token(static_cast<TokenId>(id));
    sort_recognised();
  }

 private:
  void read_token(TokenId id) {
    const Vocabulary::Token& token = source().tokens[static_cast<std::size_t>(id)];
    if (is_recognised(token)) {
      recognise(id, source().nfc ? to_nfc(token.text) : token.text);
      set_reading(id, token.text);
    } else {
      set_reading(id, bytes_of_printable(token.text).value_or(token.text));
    }
  }

  /// Bytes that are no part of UTF-8 stay where they are.
  std::string_view normalize(std::string_view segment, bool, Session& session) const override {
    if (!source().nfc) return segment;
    std::string normal;
    while (!segment.empty()) {
      const std::size_t valid = valid_utf8_prefix(segment);
      normal += to_nfc(segment.substr(0, valid));
      segment.remove_prefix(valid);
      normal += segment.substr(0, 1);
      segment.remove_prefix(std::min<std::size_t>(1, segment.size()));
    }
    return session.keep(std::move(normal));
  }

  Result<void> encode_plain(std::string_view text, bool, Session& session) const override {
    if (source().space_prefix != Vocabulary::SpacePrefix::kNever && !text.starts_with(' '))
      text = session.keep(std::string(1, ' ').append(text));
    while (!text.empty()) {
      const std::size_t valid = valid_utf8_prefix(text);
      SC_TRY(encode_words(text.substr(0, valid), session));
      if (valid == text.size()) break;
      encode_piece(text.substr(valid, 1), session);
      text.remove_prefix(valid + 1);
    }
    return {};
  }

  /// REQUIRES: `text` is valid UTF-8.
  Result<void> encode_words(std::string_view text, Session& session) const {
    std::vector<std::string_view> words = {text}, finer;
    for (const Splitter& splitter : splits_) {
      finer.clear();
      SC_TRY(splitter.split(words, session.clock, finer));
      std::swap(words, finer);
    }
    for (const std::string_view word : words) encode_piece(word, session);
    return {};
  }

  void spell(std::string_view piece, std::vector<TokenId>& symbols) const override {
    for (const char byte : piece)
      if (const TokenId id = of_byte_[static_cast<unsigned char>(byte)]; id != kNoToken) symbols.push_back(id);
  }

  std::string whole_text(std::string_view piece) const override {
    std::string printable;
    for (const char byte : piece) printable += printable_byte(static_cast<unsigned char>(byte));
    return printable;
  }

  std::array<TokenId, 256> of_byte_{};
  std::vector<Splitter> splits_;
};

}  // namespace

Result<std::unique_ptr<Tokenizer>> make_byte_level_tokenizer(Vocabulary vocabulary, TokenIndex index,
                                                             const std::vector<Merge>& merges) {
  std::vector<Splitter> splits;
  for (const std::string& pattern : vocabulary.splits) {
    SC_TRY_ASSIGN(Splitter splitter, Splitter::compile(pattern));
    splits.push_back(std::move(splitter));
  }
  return std::make_unique<ByteLevelTokenizer>(std::move(vocabulary), std::move(index), merges, std::move(splits));
}

}  // namespace sparsecim
