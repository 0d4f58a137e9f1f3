#include "text/merges.hpp"

#include <algorithm>
#include <bit>
#include <tuple>
#include <unordered_set>

#include "base/check.hpp"

namespace sparsecim {
namespace {

using TokenKind = Vocabulary::TokenKind;

constexpr TokenId kNone = -1;      // no token; a symbol that has been merged into the one before
constexpr std::int32_t kEnd = -1;  // no neighbour on that side

TokenKind kind_of(const Vocabulary& vocabulary, TokenId id) {
  return vocabulary.tokens[static_cast<std::size_t>(id)].kind;
}

std::uint64_t pair_key(TokenId left, TokenId right) {
  return static_cast<std::uint64_t>(left) << 32 | static_cast<std::uint32_t>(right);
}

std::size_t pair_hash(TokenId left, TokenId right) {
  const std::uint64_t key = pair_key(left, right);
  return (key ^ key >> 29) * 0x9E3779B97F4A7C15ull >> 20;  // Fibonacci hashing: 2^64 / golden ratio
}

/// The id of a merge's part or result.
Result<TokenId> known(const TokenIndex& index, const std::string& text, std::size_t rank) {
  const auto found = index.find(text);
  if (found == index.end()) return fail("merge {}: '{}' is no token", rank, text);
  return found->second;
}

Result<std::vector<Merge>> merges_by_rank(const Vocabulary& vocabulary, const TokenIndex& index) {
  std::vector<Merge> merges(vocabulary.merges.size());
  std::unordered_set<std::uint64_t> seen;
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    const auto& [left, right] = vocabulary.merges[rank];
    Merge& merge = merges[rank];
    merge.rank = static_cast<std::int32_t>(rank);
    SC_TRY_ASSIGN(merge.left, known(index, left, rank));
    SC_TRY_ASSIGN(merge.right, known(index, right, rank));
    SC_TRY_ASSIGN(merge.result, known(index, left + right, rank));
    if (!seen.insert(pair_key(merge.left, merge.right)).second)
      return fail("merge {}, '{}' with '{}', is there twice", rank, left, right);
  }
  return merges;
}

/// Looking for pairs takes the square of a token's length: in time that a real vocabulary never needs.
Result<void> check_lengths(const Vocabulary& vocabulary) {
  constexpr std::size_t kLongest = 1024;  // bytes; LLaMA-2's longest has 48
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id)
    if (vocabulary.tokens[id].text.size() > kLongest)
      return fail("token {} has {} bytes, more than {}", id, vocabulary.tokens[id].text.size(), kLongest);
  return {};
}

/// Every way to put the normal token `id` together from two.
void add_pairs(const Vocabulary& vocabulary, const TokenIndex& index, TokenId id, std::vector<Merge>& merges) {
  const auto normal = [&](std::string_view text) {
    const auto found = index.find(text);
    return found != index.end() && kind_of(vocabulary, found->second) == TokenKind::kNormal ? found->second : kNone;
  };
  const std::string_view text = vocabulary.tokens[static_cast<std::size_t>(id)].text;
  for (std::size_t cut = 1; cut < text.size(); ++cut) {
    const TokenId left = normal(text.substr(0, cut));
    const TokenId right = left == kNone ? kNone : normal(text.substr(cut));
    if (right != kNone) merges.push_back({left, right, id, 0});
  }
}

std::vector<Merge> merges_by_score(const Vocabulary& vocabulary, const TokenIndex& index) {
  std::vector<Merge> merges;
  for (TokenId id = 0; id < static_cast<TokenId>(vocabulary.tokens.size()); ++id)
    if (kind_of(vocabulary, id) == TokenKind::kNormal) add_pairs(vocabulary, index, id, merges);
  const auto score = [&](const Merge& merge) { return vocabulary.scores[static_cast<std::size_t>(merge.result)]; };
  const auto length = [&](const Merge& merge) {
    return static_cast<std::int64_t>(vocabulary.tokens[static_cast<std::size_t>(merge.result)].text.size());
  };
  const auto before = [&](const Merge& a, const Merge& b) {
    return std::tuple(-score(a), -length(a), a.left, a.right) < std::tuple(-score(b), -length(b), b.left, b.right);
  };
  std::sort(merges.begin(), merges.end(), before);
  for (std::size_t i = 1; i < merges.size(); ++i)  // equal scores, equal ranks: then the leftmost is merged
    merges[i].rank = merges[i - 1].rank + (score(merges[i]) != score(merges[i - 1]));
  return merges;
}

}  // namespace

Result<TokenIndex> index_tokens(const Vocabulary& vocabulary) {
  TokenIndex index;
  index.reserve(vocabulary.tokens.size());
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    const std::string& text = vocabulary.tokens[id].text;
    if (text.empty()) continue;
    const auto [other, added] = index.emplace(text, static_cast<TokenId>(id));
    if (!added) return fail("tokens {} and {} are both '{}'", other->second, id, text);
  }
  return index;
}

Result<std::vector<Merge>> ranked_merges(const Vocabulary& vocabulary, const TokenIndex& index) {
  if (vocabulary.scores.empty()) return merges_by_rank(vocabulary, index);
  SC_CHECK(vocabulary.scores.size() == vocabulary.tokens.size());
  SC_TRY(check_lengths(vocabulary));
  return merges_by_score(vocabulary, index);
}

Merger::Table::Table(const std::vector<Merge>& merges) {
  slots_.assign(std::bit_ceil(2 * merges.size() + 1), {kNone, kNone, kNone, 0});
  for (const Merge& merge : merges) {
    std::size_t at = pair_hash(merge.left, merge.right) & (slots_.size() - 1);
    while (slots_[at].left != kNone) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = merge;
  }
}

const Merge* Merger::Table::find(TokenId left, TokenId right) const {
  std::size_t at = pair_hash(left, right) & (slots_.size() - 1);
  for (; slots_[at].left != kNone; at = (at + 1) & (slots_.size() - 1))
    if (slots_[at].left == left && slots_[at].right == right) return &slots_[at];
  return nullptr;
}

void Merger::merge(std::vector<TokenId>& symbols) {
  const auto n = static_cast<std::int32_t>(symbols.size());
  links_.resize(symbols.size());
  for (std::int32_t i = 0; i < n; ++i) links_[static_cast<std::size_t>(i)] = {i - 1, i + 1 < n ? i + 1 : kEnd};
  for (std::int32_t i = 0; i + 1 < n; ++i) propose(symbols, i, i + 1);
  while (!heap_.empty()) {
    std::pop_heap(heap_.begin(), heap_.end(), later);
    const Candidate candidate = heap_.back();
    heap_.pop_back();
    if (still_there(candidate, symbols)) apply(candidate, symbols);
  }
  std::erase(symbols, kNone);
}

bool Merger::still_there(const Candidate& candidate, const std::vector<TokenId>& symbols) const {
  const auto at = static_cast<std::size_t>(candidate.at);
  const std::int32_t next = links_[at].next;
  return symbols[at] == candidate.merge->left && next != kEnd &&
         symbols[static_cast<std::size_t>(next)] == candidate.merge->right;
}

void Merger::apply(const Candidate& candidate, std::vector<TokenId>& symbols) {
  const auto at = static_cast<std::size_t>(candidate.at);
  const auto gone = static_cast<std::size_t>(links_[at].next);
  symbols[at] = candidate.merge->result;
  symbols[gone] = kNone;
  links_[at].next = links_[gone].next;
  if (links_[at].next != kEnd) {
    links_[static_cast<std::size_t>(links_[at].next)].previous = candidate.at;
    propose(symbols, candidate.at, links_[at].next);
  }
  if (links_[at].previous != kEnd) propose(symbols, links_[at].previous, candidate.at);
}

void Merger::propose(const std::vector<TokenId>& symbols, std::int32_t left, std::int32_t right) {
  const Merge* merge = table_.find(symbols[static_cast<std::size_t>(left)], symbols[static_cast<std::size_t>(right)]);
  if (!merge) return;
  heap_.push_back({merge, left});
  std::push_heap(heap_.begin(), heap_.end(), later);
}

/// Whether `a` is to be done behind `b`.
bool Merger::later(const Candidate& a, const Candidate& b) {
  return std::tie(a.merge->rank, a.at) > std::tie(b.merge->rank, b.at);
}

}  // namespace sparsecim
