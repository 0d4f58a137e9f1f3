#include "text/bpe_tokenizer.hpp"

#include <algorithm>
#include <cstdint>

namespace sparsecim {

using TokenKind = Vocabulary::TokenKind;

BpeTokenizer::BpeTokenizer(Vocabulary vocabulary, TokenIndex index, const std::vector<Merge>& merges)
    : vocabulary_(std::move(vocabulary)),
      index_(std::move(index)),
      merges_(merges),
      readings_(vocabulary_.tokens.size()) {}

bool BpeTokenizer::is_recognised(const Vocabulary::Token& token) {
  return token.kind != TokenKind::kNormal && token.kind != TokenKind::kByte;
}

void BpeTokenizer::recognise(TokenId id, std::string normalized_text) {
  const Vocabulary::Token& token = vocabulary_.tokens[static_cast<std::size_t>(id)];
  if (token.normalized) {
    normalized_.add(std::move(normalized_text), token, id);
    has_normalized_ = true;
  } else {
    raw_.add(token.text, token, id);
  }
}

Result<std::vector<TokenId>> BpeTokenizer::encode(std::string_view text) const {
  constexpr std::size_t kLongest = 1u << 30;  // bytes: positions are 32 bits, and no byte becomes more than one symbol
  if (text.size() > kLongest) return fail("a text of {} bytes is too long: at most {}", text.size(), kLongest);
  Session session{Merger(merges_), SplitClock::for_text(text.size()), {}, {}};
  session.ids.reserve(text.size() / 3);
  std::vector<Segment> segments;
  raw_.cut(text, segments);
  for (const Segment& segment : segments) {
    if (segment.token) {
      session.ids.push_back(*segment.token);
    } else {
      SC_TRY(encode_segment(segment.text, segment.text.data() == text.data(), session));
    }
  }
  return std::move(session.ids);
}

Result<void> BpeTokenizer::encode_segment(std::string_view segment, bool first, Session& session) const {
  const std::string_view text = normalize(segment, first, session);
  if (!has_normalized_) return encode_plain(text, first, session);
  std::vector<Segment> parts;
  normalized_.cut(text, parts);
  for (const Segment& part : parts) {
    if (part.token) {
      session.ids.push_back(*part.token);
    } else {
      SC_TRY(encode_plain(part.text, first && part.text.data() == text.data(), session));
    }
  }
  return {};
}

/// A recognised token is none: where a text spells it out and it was not cut out, it stands within a longer word.
std::optional<TokenId> BpeTokenizer::whole(std::string_view piece) const {
  const auto found = index_.find(whole_text(piece));
  if (found == index_.end() || is_recognised(vocabulary_.tokens[static_cast<std::size_t>(found->second)])) return {};
  return found->second;
}

void BpeTokenizer::encode_piece(std::string_view piece, Session& session) const {
  auto& ids = session.ids;
  if (const auto known = session.known.find(piece); known != session.known.end()) {
    const auto [begin, count] = known->second;
    ids.resize(ids.size() + count);
    std::copy_n(ids.begin() + static_cast<std::ptrdiff_t>(begin), count,
                ids.end() - static_cast<std::ptrdiff_t>(count));
    return;
  }
  session.symbols.clear();
  if (const auto id = vocabulary_.whole_pieces_first ? whole(piece) : std::nullopt) {
    session.symbols.push_back(*id);
  } else {
    spell(piece, session.symbols);
    session.merger.merge(session.symbols);
  }
  session.known.emplace(piece, Session::Range{ids.size(), session.symbols.size()});
  ids.insert(ids.end(), session.symbols.begin(), session.symbols.end());
}

std::string BpeTokenizer::decode(std::span<const TokenId> ids) const {
  const bool every_segment = vocabulary_.space_prefix == Vocabulary::SpacePrefix::kEverySegment;
  std::string text;
  bool begins_segment = true;
  for (const TokenId id : ids) {
    if (id < 0 || static_cast<std::size_t>(id) >= readings_.size()) continue;
    const Vocabulary::Token& token = vocabulary_.tokens[static_cast<std::size_t>(id)];
    std::string_view reading = readings_[static_cast<std::size_t>(id)];
    if (removes_prefix_ && begins_segment && !is_recognised(token) && reading.starts_with(' '))
      reading.remove_prefix(1);
    text += reading;
    begins_segment = every_segment && is_recognised(token) && !token.normalized;
  }
  return text;
}

}  // namespace sparsecim
