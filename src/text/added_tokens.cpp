#include "text/added_tokens.hpp"

#include <algorithm>

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
  auto& lengths = lengths_[static_cast<unsigned char>(text[0])];
  const auto place = std::lower_bound(lengths.begin(), lengths.end(), text.size(), std::greater<>());
  if (place == lengths.end() || *place != text.size()) lengths.insert(place, text.size());
  entries_.emplace(std::move(text), Entry{id, token.strips_left, token.strips_right, token.single_word});
}

std::optional<AddedTokens::Match> AddedTokens::find(std::string_view text, std::size_t from) const {
  for (std::size_t at = from; at < text.size(); ++at) {
    for (const std::size_t length : lengths_[static_cast<unsigned char>(text[at])]) {
      if (length > text.size() - at) continue;
      const auto found = entries_.find(text.substr(at, length));
      if (found != entries_.end()) return Match{at, at + length, &found->second};
    }
  }
  return {};
}

void AddedTokens::cut(std::string_view text, std::vector<Segment>& segments) const {
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
