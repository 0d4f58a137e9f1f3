#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
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
  /// `text` is what is looked for; the flags are those of `token`. An empty text is never found.
  void add(std::string text, const Vocabulary::Token& token, TokenId id);

  /// Appends `text`, cut, to `segments`; none of them is empty.
  void cut(std::string_view text, std::vector<Segment>& segments) const;

 private:
  struct Entry {
    TokenId id;
    bool strips_left, strips_right, single_word;
  };
  struct Match {
    std::size_t begin, end;
    const Entry* entry;
  };
  /// The first match at or behind `from`.
  std::optional<Match> find(std::string_view text, std::size_t from) const;

  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  std::unordered_map<std::string, Entry, Hash, std::equal_to<>> entries_;
  std::vector<std::size_t> lengths_[256];  // by first byte: lengths of the texts, longest first
};

}  // namespace sparsecim
