#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/added_tokens.hpp"
#include "text/merges.hpp"
#include "text/splitter.hpp"
#include "text/tokenizer.hpp"

namespace sparsecim {

/// What both kinds of tokenizer share: recognised tokens are cut out, what lies between them is cut into pieces, and
/// each piece is spelled in the smallest tokens, which are then merged.
class BpeTokenizer : public Tokenizer {
 public:
  Result<std::vector<TokenId>> encode(std::string_view text) const final;
  std::string decode(std::span<const TokenId> ids) const final;
  const Vocabulary& vocabulary() const final { return vocabulary_; }

  /// Whether the text itself, rather than pieces of it, is looked through for `token`.
  static bool is_recognised(const Vocabulary::Token& token);

 protected:
  BpeTokenizer(Vocabulary vocabulary, TokenIndex index, const std::vector<Merge>& merges);

  /// One call of encode.
  struct Session {
    Merger merger;
    SplitClock clock;
    std::vector<TokenId> ids;        // the result
    std::deque<std::string> kept;    // texts that pieces look into
    std::vector<TokenId> symbols{};  // of the piece at hand
    struct Range {
      std::size_t begin, count;
    };
    std::unordered_map<std::string_view, Range> known{};  // pieces that were encoded before, as a range of ids

    std::string_view keep(std::string text) { return kept.emplace_back(std::move(text)); }
  };

  /// What is done to a segment before tokens with `normalized` are looked for. `first`: it begins the text.
  virtual std::string_view normalize(std::string_view segment, bool first, Session& session) const = 0;
  /// Cuts `text`, in which no token is recognised, into pieces and gives each to encode_piece.
  virtual Result<void> encode_plain(std::string_view text, bool first, Session& session) const = 0;
  /// The smallest tokens that spell `piece`.
  virtual void spell(std::string_view piece, std::vector<TokenId>& symbols) const = 0;
  /// The text of the token that would be `piece` as a whole, for whole_pieces_first.
  virtual std::string whole_text(std::string_view piece) const = 0;

  /// REQUIRES: `piece` stays where it is as long as `session`.
  void encode_piece(std::string_view piece, Session& session) const;

  /// To be called by the constructors: what `id` reads as in decode, and how a recognised token is looked for.
  void set_reading(TokenId id, std::string bytes) { readings_[static_cast<std::size_t>(id)] = std::move(bytes); }
  void recognise(TokenId id, std::string normalized_text);
  /// Behind the last of them.
  void sort_recognised() { raw_.sort(), normalized_.sort(); }

  const Vocabulary& source() const { return vocabulary_; }
  const TokenIndex& index() const { return index_; }
  /// Whether decode takes away a space where a segment begins.
  bool removes_prefix_ = false;

 private:
  Result<void> encode_segment(std::string_view segment, bool first, Session& session) const;
  std::optional<TokenId> whole(std::string_view piece) const;

  Vocabulary vocabulary_;
  TokenIndex index_;
  Merger::Table merges_;
  AddedTokens raw_, normalized_;
  bool has_normalized_ = false;
  std::vector<std::string> readings_;  // by id
};

/// Each errors as make_tokenizer.
Result<std::unique_ptr<Tokenizer>> make_byte_level_tokenizer(Vocabulary vocabulary, TokenIndex index,
                                                             const std::vector<Merge>& merges);
Result<std::unique_ptr<Tokenizer>> make_score_tokenizer(Vocabulary vocabulary, TokenIndex index,
                                                        const std::vector<Merge>& merges);

}  // namespace sparsecim
