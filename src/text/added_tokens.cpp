#include "text/added_tokens.hpp"

#include <algorithm>
#include <numeric>

#include "base/check.hpp"
#include "text/utf8.hpp"

namespace sparsecim {
namespace {

/// Whether no word goes on at either end of text[begin, end).
bool stands_alone(std::string_view text, std::size_t begin, std::size_t end) {
  return !ends_with_word(text.substr(0, begin)) && !begins_with_word(text.substr(end));
}

}  // namespace

void AddedTokens::add(std::string text, const Vocabulary::Token& token, TokenId id) {
  if (text.empty()) return;
  sorted_ = false;
  entries_.push_back({std::move(text), id, token.strips_left, token.strips_right, token.single_word});
}

void AddedTokens::sort() {
  std::ranges::stable_sort(entries_, {}, &Entry::text);
  const auto repeated = std::ranges::unique(entries_, {}, &Entry::text);
  entries_.erase(repeated.begin(), repeated.end());
  std::vector<const Entry*> beginnings;  // of the text at hand, each the beginning of the next
  for (Entry& entry : entries_) {
    while (!beginnings.empty() && !entry.text.starts_with(beginnings.back()->text)) beginnings.pop_back();
    entry.shorter = beginnings.empty() ? nullptr : beginnings.back();
    beginnings.push_back(&entry);
  }
  first_.fill(0);
  for (const Entry& entry : entries_) ++first_[static_cast<unsigned char>(entry.text[0]) + 1u];
  std::partial_sum(first_.begin(), first_.end(), first_.begin());
  sorted_ = true;
}

/// What `text` begins with comes before it in the order. So does the last entry before it, and between the two are only
/// longer texts with the same beginning: the one that is looked for is that last entry or one that it begins with, and
/// no longer than what it has in common with `text`.
const AddedTokens::Entry* AddedTokens::longest(std::string_view text) const {
  const auto byte = static_cast<unsigned char>(text[0]);
  const auto begin = entries_.begin() + static_cast<std::ptrdiff_t>(first_[byte]);
  const auto end = entries_.begin() + static_cast<std::ptrdiff_t>(first_[byte + 1u]);
  const auto behind = std::upper_bound(begin, end, text, [](auto one, const Entry& entry) { return one < entry.text; });
  if (behind == begin) return nullptr;
  const Entry* entry = &*std::prev(behind);
  const auto common = static_cast<std::size_t>(std::ranges::mismatch(text, entry->text).in1 - text.begin());
  while (entry && entry->text.size() > common) entry = entry->shorter;
  return entry;
}

std::optional<AddedTokens::Match> AddedTokens::find(std::string_view text, std::size_t from) const {
  for (std::size_t at = from; at < text.size(); ++at)
    if (const Entry* entry = longest(text.substr(at))) return Match{at, at + entry->text.size(), entry};
  return {};
}

void AddedTokens::cut(std::string_view text, std::vector<Segment>& segments) const {
  SC_CHECK(sorted_);
  std::size_t done = 0, searched = 0, white_end = 0;  // white_end: of the white space that was looked at last
  while (const auto match = find(text, searched)) {
    searched = match->end;
    if (match->entry->single_word && !stands_alone(text, match->begin, match->end)) continue;
    std::size_t begin = match->begin, end = match->end;
    if (match->entry->strips_left && begin > done) begin -= trailing_white_space(text.substr(done, begin - done));
    if (match->entry->strips_right) {
      // Once for each run of white space, so that a text of nothing else takes no more than linear time.
      if (end >= white_end) white_end = end + leading_white_space(text.substr(end));
      end = white_end;
    }
    if (begin > done) segments.push_back({text.substr(done, begin - done), {}});
    segments.push_back({text.substr(begin, end - begin), match->entry->id});
    done = end;
  }
  if (done < text.size()) segments.push_back({text.substr(done), {}});
}

}  // namespace sparsecim
