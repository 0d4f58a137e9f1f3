#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

// A small, strict reader of markup for the tests: it takes only what is both HTML and XML (every tag closed, every
// attribute quoted, every & an entity), and says what is wrong first.
namespace sparsecim::test_markup {

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  /// What is wrong, with some text around it; empty for a well-formed page.
  std::string complaint() {
    if (text_.starts_with("<!DOCTYPE html>\n")) at_ = 16;
    while (problem_.empty() && at_ < text_.size()) text_[at_] == '<' ? tag() : character();
    if (problem_.empty() && !open_.empty()) complain("never closed: " + open_.back());
    return problem_;
  }
  /// How often each element was opened.
  std::size_t count(std::string_view name) const { return static_cast<std::size_t>(std::ranges::count(seen_, name)); }

 private:
  void complain(const std::string& what) {
    problem_ = what + " near: " + std::string(text_.substr(at_ < 40 ? 0 : at_ - 40, 80));
  }
  bool take(std::string_view expected) {
    if (text_.substr(at_, expected.size()) != expected) return false;
    at_ += expected.size();
    return true;
  }
  std::string name() {
    const auto begin = at_;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) || text_[at_] == '-')) ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }
  void character() {
    const auto c = static_cast<unsigned char>(text_[at_]);
    if (c == '>') return complain("a bare >");
    if (c < 0x20 && c != '\n') return complain("a control character");
    if (c == '&') return entity();
    ++at_;
  }
  void entity() {
    for (const char* known : {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"})
      if (take(known)) return;
    complain("a bare &");
  }
  void tag() {
    ++at_;
    if (take("/")) return close();
    const std::string element = name();
    if (element.empty()) return complain("a bare <");
    seen_.push_back(element);
    while (problem_.empty() && take(" ")) attribute();
    if (!problem_.empty() || take("/>")) return;
    if (!take(">")) return complain("a tag that does not end");
    // A browser reads no tags in these two, up to their end.
    if (element == "script" || element == "style") at_ = std::min(text_.find("</" + element, at_), text_.size());
    open_.push_back(element);
  }
  void close() {
    const std::string element = name();
    if (!take(">")) return complain("an end tag that does not end");
    if (open_.empty() || open_.back() != element) return complain("</" + element + "> closes nothing");
    open_.pop_back();
  }
  void attribute() {
    if (name().empty() || !take("=\"")) return complain("an attribute that is not key=\"value\"");
    while (problem_.empty() && at_ < text_.size() && text_[at_] != '"')
      text_[at_] == '<' ? complain("< in an attribute") : character();
    if (problem_.empty() && !take("\"")) complain("an attribute that does not end");
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::vector<std::string> open_, seen_;
  std::string problem_;
};

inline std::string complaint(std::string_view markup) { return Reader(markup).complaint(); }

}  // namespace sparsecim::test_markup
