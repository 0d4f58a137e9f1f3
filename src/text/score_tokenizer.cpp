// SentencePiece's BPE (Kudo & Richardson 2018) as LLaMA uses it: spaces are U+2581, words are not cut off first, and a
// character without a token is spelled by the tokens of its bytes.

#include <algorithm>
#include <array>
#include <string>

#include "text/bpe_tokenizer.hpp"
#include "text/space_mark.hpp"
#include "text/utf8.hpp"

namespace sparsecim {
namespace {

/// Whether a token goes on behind a space that something else precedes. If none does, no merge crosses the beginning
/// of a word, so that words can be encoded one by one, and each only once.
bool crosses_words(const Vocabulary& vocabulary, const Merge& merge) {
  const std::string_view text = vocabulary.tokens[static_cast<std::size_t>(merge.result)].text;
  std::size_t at = 0;
  while (text.substr(at).starts_with(kSpaceMark)) at += kSpaceMark.size();
  return text.find(kSpaceMark, at) != std::string_view::npos;
}

class ScoreTokenizer final : public BpeTokenizer {
 public:
  ScoreTokenizer(Vocabulary vocabulary, TokenIndex index, const std::vector<Merge>& merges,
                 const std::array<TokenId, 256>& of_byte)
      : BpeTokenizer(std::move(vocabulary), std::move(index), merges), of_byte_(of_byte) {
    removes_prefix_ = source().space_prefix != Vocabulary::SpacePrefix::kNever;
    word_by_word_ = !source().whole_pieces_first && std::none_of(merges.begin(), merges.end(), [&](const Merge& merge) {
      return crosses_words(source(), merge);
    });
    for (std::size_t id = 0; id < source().tokens.size(); ++id) read_token(static_cast<TokenId>(id));
    sort_recognised();
    for (std::size_t byte = 0; byte < of_byte_.size(); ++byte)
      set_reading(of_byte_[byte], std::string(1, static_cast<char>(byte)));
  }

 private:
  void read_token(TokenId id) {
    const Vocabulary::Token& token = source().tokens[static_cast<std::size_t>(id)];
    if (is_recognised(token)) {
      recognise(id, source().prefix_if_missing ? token.text : mark_spaces(token.text, true));
      set_reading(id, token.text);
    } else {
      set_reading(id, replace_all(token.text, kSpaceMark, " "));
    }
  }

  /// Spaces as U+2581, and one in front where the vocabulary wants it.
  std::string mark_spaces(std::string_view text, bool first) const {
    std::string marked = replace_all(text, " ", kSpaceMark);
    const auto prefix = source().space_prefix;
    const bool wanted =
        prefix == Vocabulary::SpacePrefix::kEverySegment || (prefix == Vocabulary::SpacePrefix::kFirst && first);
    if (wanted && !(source().prefix_if_missing && marked.starts_with(kSpaceMark))) marked.insert(0, kSpaceMark);
    return marked;
  }

  // SentencePiece's prefix comes before tokens with `normalized` are looked for, Metaspace's behind.
  std::string_view normalize(std::string_view segment, bool first, Session& session) const override {
    return source().prefix_if_missing ? segment : session.keep(mark_spaces(segment, first));
  }

  Result<void> encode_plain(std::string_view text, bool first, Session& session) const override {
    if (source().prefix_if_missing) text = session.keep(mark_spaces(text, first));
    while (!text.empty()) {
      const std::size_t end = end_of_piece(text);
      encode_piece(text.substr(0, end), session);
      text.remove_prefix(end);
    }
    return {};
  }

  /// Where the next word begins, or the end of the text if words are not encoded one by one.
  std::size_t end_of_piece(std::string_view text) const {
    std::size_t at = 0;
    if (source().words_apart) {
      at = text.starts_with(kSpaceMark) ? kSpaceMark.size() : 0;
    } else if (word_by_word_) {
      while (text.substr(at).starts_with(kSpaceMark)) at += kSpaceMark.size();
    } else {
      return text.size();
    }
    return std::min(text.size(), text.find(kSpaceMark, at));
  }

  void spell(std::string_view piece, std::vector<TokenId>& symbols) const override {
    while (!piece.empty()) {
      const std::size_t valid = piece[0] >= 0 ? 1 : valid_utf8_prefix(piece.substr(0, 4));
      const std::size_t bytes = valid > 0 ? first_code_point(piece).bytes : 1;
      spell_character(piece.substr(0, bytes), symbols);
      piece.remove_prefix(bytes);
    }
  }

  void spell_character(std::string_view character, std::vector<TokenId>& symbols) const {
    const auto found = index().find(character);
    if (found != index().end()) {
      symbols.push_back(found->second);
    } else {
      for (const char byte : character) symbols.push_back(of_byte_[static_cast<unsigned char>(byte)]);
    }
  }

  std::string whole_text(std::string_view piece) const override { return std::string(piece); }

  std::array<TokenId, 256> of_byte_;
  bool word_by_word_ = false;
};

}  // namespace

Result<std::unique_ptr<Tokenizer>> make_score_tokenizer(Vocabulary vocabulary, TokenIndex index,
                                                        const std::vector<Merge>& merges) {
  std::array<TokenId, 256> of_byte{};
  for (std::size_t byte = 0; byte < of_byte.size(); ++byte) {
    const std::string name = fmt::format("<0x{:02X}>", byte);
    const auto found = index.find(name);
    if (found == index.end()) return fail("there is no token {}, so that not every text could be spelled", name);
    of_byte[byte] = found->second;
  }
  return std::make_unique<ScoreTokenizer>(std::move(vocabulary), std::move(index), merges, of_byte);
}

}  // namespace sparsecim
