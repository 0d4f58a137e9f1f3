#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/vocabulary.hpp"

namespace sparsecim {

/// Part of a text: a recognised token, or what lies between two of them.
struct Segment {
  std::string_view text;
  std::optional<TokenId> token;
};

/// Finds tokens where a text spells them out: the leftmost first, of several that begin there the longest, each with
/// the white space that belongs to it. As in `tokenizers`, a token that itself begins with white space is found also
/// where the one before has taken that white space.
class AddedTokens {
 public:
  AddedTokens() = default;
  AddedTokens(AddedTokens&&) = default;  // a copy's entries would point into the original's
  AddedTokens& operator=(AddedTokens&&) = default;

  /// `text` is what is looked for; the flags are those of `token`. An empty text is never found; of equal ones, the
  /// first that was added.
  void add(std::string text, const Vocabulary::Token& token, TokenId id);
  /// To be called behind the last add.
  void sort();

  /// Appends `text`, cut, to `segments`; none of them is empty. Takes time that grows with the length of `text` times
  /// that of the longest token, however many tokens there are but for a logarithm. REQUIRES: sorted.
  void cut(std::string_view text, std::vector<Segment>& segments) const;

 private:
  struct Entry {
    std::string text;
    TokenId id;
    bool strips_left, strips_right, single_word;
    const Entry* shorter = nullptr;  // the longest other one that this one's text begins with
  };
  struct Match {
    std::size_t begin, end;
    const Entry* entry;
  };
  /// The first match at or behind `from`.
  std::optional<Match> find(std::string_view text, std::size_t from) const;
  /// The longest one that `text` begins with, or null.
  const Entry* longest(std::string_view text) const;

  bool sorted_ = false;
  std::vector<Entry> entries_;            // by text
  std::array<std::size_t, 257> first_{};  // where the entries begin whose first byte is at least this
};

}  // namespace sparsecim
