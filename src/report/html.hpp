#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace sparsecim::report {

/// Well-formed markup. Plain text turns into markup only by being escaped, so that a name from a file stays a name.
class Html {
 public:
  Html() = default;
  /// Escapes; what cannot be printed becomes U+FFFD, a line break a blank.
  Html(std::string_view plain);
  Html(const std::string& plain) : Html(std::string_view(plain)) {}
  Html(const char* plain) : Html(std::string_view(plain)) {}
  /// REQUIRES: `markup` is ours, not a user's.
  static Html trusted(std::string_view markup);

  Html& operator+=(const Html& other) { return text_ += other.text_, *this; }
  const std::string& str() const { return text_; }
  bool empty() const { return text_.empty(); }

 private:
  std::string text_;
};

using Attributes = std::initializer_list<std::pair<std::string_view, std::string_view>>;

/// `<tag key="value">content</tag>`; `<tag/>` for the void elements of HTML and the shapes of SVG if there is no
/// content. Values are escaped; an attribute with an empty value is left out.
Html element_of(std::string_view tag, Attributes attributes, const Html& content);

template <class... Parts>
Html element(std::string_view tag, Attributes attributes, const Parts&... parts) {
  Html content;  // NOLINT(misc-const-correctness): without parts nothing is appended
  ((content += Html(parts)), ...);
  return element_of(tag, attributes, content);
}

}  // namespace sparsecim::report
