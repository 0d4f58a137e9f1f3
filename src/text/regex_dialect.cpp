// From Oniguruma's Ruby syntax (its doc/RE) to PCRE2's (pcre2pattern): white space and word characters are spelled out,
// because PCRE2's \s has U+180E too and its \w is narrower; what has no equal, or another meaning, is refused by name.

#include "text/splitter.hpp"

namespace sparsecim {
namespace {

constexpr char kWhiteSpace[] = R"(\t-\r \x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000})";
// Unicode's Alphabetic (its letters and Nl, and the circled letters), marks, decimal digits and connectors; and, as
// Oniguruma has Latin-1's classes from elsewhere, its six superscripts and fractions.
constexpr char kWord[] =
    R"(\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\x{24B6}-\x{24E9}\x{1F130}-\x{1F149}\x{1F150}-\x{1F169}\x{1F170}-\x{1F189})"
    R"(\x{B2}\x{B3}\x{B9}\x{BC}-\x{BE})";
constexpr char kDigit[] = R"(\p{Nd})";

bool is_ascii_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

class Translator {
 public:
  explicit Translator(std::string_view pattern) : rest_(pattern), size_(pattern.size()) {}

  Result<std::string> run() {
    while (!rest_.empty()) SC_TRY(step());
    if (in_class_) return refuse("a class that is not closed", 0);
    return std::move(out_);
  }

 private:
  Result<void> step() {
    if (rest_[0] == '\\') return escape();
    if (in_class_) return class_character();
    if (rest_[0] == '[') return open_class();
    if (rest_.starts_with("(?")) return group();
    if (rest_[0] == '{') return repetition();
    copy(1);
    return {};
  }

  Result<void> escape() {
    if (rest_.size() < 2) return refuse("a backslash at the end", 1);
    switch (const char c = rest_[1]) {
      case 's':
      case 'S':
        return named_class(kWhiteSpace, c == 'S');
      case 'w':
      case 'W':
        return named_class(kWord, c == 'W');
      case 'd':
      case 'D':
        return named_class(kDigit, c == 'D');
      case 'p':
      case 'P':
        return property();
      case 'u':
        return code_point();
      case 'r':
      case 'n':
      case 't':
      case 'f':
      case 'x':
        copy(2);
        return {};
      default:
        if (is_ascii_alphanumeric(c)) return refuse("the escape", 2);
        copy(2);
        return {};
    }
  }

  Result<void> named_class(std::string_view members, bool negated) {
    if (in_class_ && negated) return refuse("inside a class", 2);
    if (!in_class_) out_ += negated ? "[^" : "[";
    out_ += members;
    if (!in_class_) out_ += ']';
    rest_.remove_prefix(2);
    return {};
  }

  Result<void> property() {
    const auto end = rest_.find('}');
    if (rest_.size() < 3 || rest_[2] != '{' || end == std::string_view::npos) return refuse("a property without {}", 2);
    copy(end + 1);
    return {};
  }

  Result<void> code_point() {  // \uHHHH
    const std::string_view digits = rest_.substr(2, 4);
    if (digits.size() != 4 || digits.find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos)
      return refuse("a code point without four digits", 2);
    out_ += fmt::format("\\x{{{}}}", digits);
    rest_.remove_prefix(6);
    return {};
  }

  Result<void> open_class() {
    copy(rest_.starts_with("[^") ? 2 : 1);
    if (rest_.starts_with(']')) return refuse("an empty class", 1);
    in_class_ = true;
    return {};
  }

  Result<void> class_character() {
    if (rest_[0] == '[') return refuse("a class within a class", 1);
    if (rest_.starts_with("&&")) return refuse("an intersection of classes", 2);
    in_class_ = rest_[0] != ']';
    copy(1);
    return {};
  }

  Result<void> group() {
    for (const std::string_view known : {"(?:", "(?=", "(?!", "(?>", "(?<=", "(?<!", "(?i:"}) {
      if (!rest_.starts_with(known)) continue;
      copy(known.size());
      return {};
    }
    return refuse("the group", 4);
  }

  Result<void> repetition() {
    const auto end = rest_.find('}');
    const bool counts = end != std::string_view::npos && end > 1 &&
                        rest_.substr(1, end - 1).find_first_not_of("0123456789,") == std::string_view::npos;
    if (!counts || rest_[1] == ',') return refuse("a brace that is not {n}, {n,} or {n,m}", 1);
    copy(end + 1);
    if (rest_.starts_with('+')) return refuse("a possessive {}", 1);
    return {};
  }

  void copy(std::size_t count) {
    out_ += rest_.substr(0, count);
    rest_.remove_prefix(std::min(count, rest_.size()));
  }

  tl::unexpected<Error> refuse(std::string_view what, std::size_t shown) const {
    return fail("byte {} of the regular expression: {} '{}' is not supported", size_ - rest_.size(), what,
                rest_.substr(0, shown));
  }

  std::string_view rest_;
  std::size_t size_;
  std::string out_;
  bool in_class_ = false;
};

}  // namespace

Result<std::string> to_pcre2(std::string_view pattern) { return Translator(pattern).run(); }

}  // namespace sparsecim
