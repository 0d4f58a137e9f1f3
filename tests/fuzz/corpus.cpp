// A text to calibrate on: separator, line end, text.

#include "text/corpus.hpp"

#include "base/check.hpp"
#include "input.hpp"
#include "targets.hpp"
#include "text/utf8.hpp"

namespace sparsecim::fuzz {

void corpus(std::string_view input) {
  std::string_view text = input;
  const std::string separator(take_until(text, "\n"));
  const auto whole = corpus_from_text(std::string(text), std::nullopt);
  if (whole) SC_CHECK(whole->documents == std::vector{std::string(text)} && !whole->split);
  const auto parts = corpus_from_text(std::string(text), separator);
  if (!parts) return;
  SC_CHECK(whole && parts->split && !parts->documents.empty());
  std::size_t at = 0;  // the documents stand in the text, in order and apart
  for (const std::string& document : parts->documents) {
    SC_CHECK(!document.empty() && strip_white_space(document) == document);
    at = text.find(document, at);
    SC_CHECK(at != std::string_view::npos);
    at += document.size();
  }
}

}  // namespace sparsecim::fuzz
