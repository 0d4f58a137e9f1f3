// A tokenizer's regular expressions: pattern, line end, text. The pieces are the text.

#include "base/check.hpp"
#include "input.hpp"
#include "targets.hpp"
#include "text/splitter.hpp"
#include "text/utf8.hpp"

namespace sparsecim::fuzz {

void regex(std::string_view input) {
  std::string_view text = input;
  const std::string pattern(take_until(text, "\n"));
  text = text.substr(0, valid_utf8_prefix(text));
  const auto splitter = Splitter::compile(pattern);
  std::vector<std::string_view> pieces;
  SplitClock clock = SplitClock::for_text(text.size());
  if (!splitter || !splitter->split({&text, 1}, clock, pieces)) return;
  const char* next = text.data();
  for (const std::string_view piece : pieces) {
    SC_CHECK(!piece.empty() && piece.data() == next);
    next += piece.size();
  }
  SC_CHECK(next == text.data() + text.size());
}

}  // namespace sparsecim::fuzz
