#include "text/corpus.hpp"

#include <algorithm>
#include <numeric>
#include <random>
#include <utility>

#include "base/check.hpp"
#include "base/file.hpp"
#include "text/utf8.hpp"

namespace sparsecim {
namespace {

std::vector<std::string> split_documents(std::string_view text, std::string_view separator) {
  std::vector<std::string> documents;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(separator, begin), text.size());
    const std::string_view document = strip_white_space(text.substr(begin, end - begin));
    if (!document.empty()) documents.emplace_back(document);
    begin = end + separator.size();
  }
  return documents;
}

/// A number below `bound`. The standard's distributions differ between libraries; its engines do not.
std::int64_t below(std::mt19937_64& random, std::int64_t bound) {
  return static_cast<std::int64_t>(static_cast<unsigned __int128>(random()) * static_cast<std::uint64_t>(bound) >> 64);
}

/// i * n / parts without overflow.
std::int64_t part_begin(std::int64_t i, std::int64_t n, std::int64_t parts) {
  return static_cast<std::int64_t>(static_cast<__int128>(i) * n / parts);
}

}  // namespace

Result<Corpus> corpus_from_text(std::string text, const std::optional<std::string>& separator) {
  const std::size_t valid = valid_utf8_prefix(text);
  if (valid != text.size()) return fail(Remedy{"convert the text to UTF-8"}, "byte {} is not UTF-8", valid);
  if (strip_white_space(text).empty()) return fail(Remedy{"give a text"}, "there is nothing but white space");
  if (!separator) return Corpus{{std::move(text)}, false};
  if (separator->empty())
    return fail(Remedy{"leave --split out to take the text as a whole"}, "the separator is empty");
  if (text.find(*separator) == std::string::npos)
    return fail(Remedy{"check how it is written, or leave --split out to take the text as a whole"},
                "'{}' does not occur in it", *separator);
  Corpus corpus{split_documents(text, *separator), true};
  if (corpus.documents.empty())
    return fail(Remedy{"give a text"}, "there is nothing between the separators '{}'", *separator);
  return corpus;
}

Result<Corpus> read_corpus(const std::filesystem::path& file, const std::optional<std::string>& separator) {
  SC_TRY_ASSIGN(std::string text, read_text_file(file));
  return within(file.string(), corpus_from_text(std::move(text), separator));
}

Result<std::vector<std::vector<TokenId>>> sample_windows(std::span<const TokenId> ids, std::int64_t length,
                                                         std::int64_t count, std::uint64_t seed) {
  SC_CHECK(length >= 1 && count >= 1);
  const auto n = static_cast<std::int64_t>(ids.size());
  if (n < length)
    return fail(Remedy{"give a longer text or ask for shorter windows"},
                "the text has {} tokens, fewer than one window of {}", n, length);
  // Parts of the text where every window fits into one, else parts of all the places where a window can begin.
  const bool apart = n / length >= count;
  const std::int64_t places = apart ? n : n - length + 1;
  std::mt19937_64 random(seed);
  std::vector<std::vector<TokenId>> windows;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t begin = part_begin(i, places, count);
    const std::int64_t room = part_begin(i + 1, places, count) - begin - (apart ? length - 1 : 0);
    const std::int64_t start = begin + below(random, std::max<std::int64_t>(room, 1));
    const auto window = ids.subspan(static_cast<std::size_t>(start), static_cast<std::size_t>(length));
    windows.emplace_back(window.begin(), window.end());
  }
  return windows;
}

std::vector<std::size_t> draw_documents(std::size_t n_documents, std::int64_t count, std::uint64_t seed) {
  SC_CHECK(count >= 1);
  std::vector<std::size_t> order(n_documents);
  std::iota(order.begin(), order.end(), 0);
  std::mt19937_64 random(seed);
  const auto drawn = static_cast<std::size_t>(std::min(count, static_cast<std::int64_t>(n_documents)));
  for (std::size_t i = 0; i < drawn; ++i) {  // Fisher-Yates
    const auto rest = static_cast<std::int64_t>(n_documents - i);
    std::swap(order[i], order[i + static_cast<std::size_t>(below(random, rest))]);
  }
  order.resize(drawn);
  return order;
}

}  // namespace sparsecim
