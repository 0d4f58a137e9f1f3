#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/vocabulary.hpp"

namespace sparsecim {

/// Ids by text. The keys look into the vocabulary, which must outlive them.
using TokenIndex = std::unordered_map<std::string_view, TokenId>;
/// Errors: two tokens with the same text.
Result<TokenIndex> index_tokens(const Vocabulary& vocabulary);

/// Two neighbours that become one token; a smaller rank is made first, the leftmost of equal ranks.
struct Merge {
  TokenId left, right, result;
  std::int32_t rank;
};

/// By rank: the vocabulary's merges, or where it has scores instead, every pair of normal tokens that spells a normal
/// token, ranked by its score (Sennrich et al. 2016; Kudo & Richardson 2018, whose BPE merges by score).
/// Errors: a merge that is there twice, is of unknown tokens or spells no token.
Result<std::vector<Merge>> ranked_merges(const Vocabulary& vocabulary, const TokenIndex& index);

/// Byte-pair encoding of one piece of text at a time. Not for several threads: it keeps its working memory.
class Merger {
 public:
  /// The merges, by the pair that they join.
  class Table {
   public:
    Table() = default;
    explicit Table(const std::vector<Merge>& merges);
    /// The merge of two neighbours, or null.
    const Merge* find(TokenId left, TokenId right) const;

   private:
    std::vector<Merge> slots_;  // open addressing, a power of two of them, at most half full; left < 0: empty
  };

  /// REQUIRES: `table` outlives this.
  explicit Merger(const Table& table) : table_(table) {}
  /// Merges `symbols` in place until no two neighbours can be. O(n log n).
  void merge(std::vector<TokenId>& symbols);

 private:
  struct Candidate {
    const Merge* merge;
    std::int32_t at;  // of the left symbol
  };
  struct Link {
    std::int32_t previous, next;
  };
  void propose(const std::vector<TokenId>& symbols, std::int32_t left, std::int32_t right);
  bool still_there(const Candidate& candidate, const std::vector<TokenId>& symbols) const;
  void apply(const Candidate& candidate, std::vector<TokenId>& symbols);
  static bool later(const Candidate& a, const Candidate& b);

  const Table& table_;
  std::vector<Candidate> heap_;
  std::vector<Link> links_;
};

}  // namespace sparsecim
