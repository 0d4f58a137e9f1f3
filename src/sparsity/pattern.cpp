#include "sparsity/pattern.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/check.hpp"

namespace sparsecim {
namespace {

constexpr Pattern kDefault[] = {{8, 8}, {2, 4}, {4, 8}, {2, 8}};
constexpr Pattern kHardware[] = {{8, 8}, {1, 2}, {2, 4}, {4, 8}, {1, 4}, {2, 8}, {1, 8}};

std::optional<int> parse_number(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = std::min(text.find_first_not_of(" \t"), text.size());
  return text.substr(begin, text.find_last_not_of(" \t") + 1 - begin);
}

bool is_power_of_two(int number) { return number > 0 && (number & (number - 1)) == 0; }

/// Of the hardware's kind, with M up to `largest_m`.
std::vector<Pattern> powers_up_to(int largest_m) {
  std::vector<Pattern> patterns = {{}};
  for (int m = 2; m <= largest_m; m *= 2)
    for (int n = m / 2; n >= 1; n /= 2) patterns.push_back({n, m});
  return patterns;
}

/// The set behind "n:16" or "powers:16". Errors: an M that it cannot have.
Result<std::vector<Pattern>> parse_family(std::string_view word, std::string_view prefix) {
  const auto m = parse_number(word.substr(prefix.size()));
  if (!m || *m < 2 || *m > kLargestM) return fail("'{}': M must be in 2 .. {}", word, kLargestM);
  if (prefix == "n:") return every_n_of(*m);
  if (!is_power_of_two(*m)) return fail("'{}': {} is no power of two", word, *m);
  return powers_up_to(*m);
}

/// A set by its name; none for the name of a single pattern.
Result<std::optional<std::vector<Pattern>>> parse_set(std::string_view word) {
  if (word == "hardware") return std::vector(std::begin(kHardware), std::end(kHardware));
  for (const std::string_view prefix : {"n:", "powers:"})
    if (word.starts_with(prefix)) return parse_family(word, prefix);
  return std::nullopt;
}

}  // namespace

std::string Pattern::name() const { return dense() ? "dense" : fmt::format("{}:{}", n, m); }

std::span<const Pattern> default_patterns() { return kDefault; }
std::span<const Pattern> hardware_patterns() { return kHardware; }

std::vector<Pattern> every_n_of(int m) {
  std::vector<Pattern> patterns = {{}};
  for (int n = m - 1; n >= 1; --n) patterns.push_back({n, m});
  return patterns;
}

Result<Pattern> parse_pattern(std::string_view text) {
  const std::string_view word = trimmed(text);
  if (word == "dense") return Pattern{};
  const std::size_t colon = std::min(word.find(':'), word.size());
  const auto n = parse_number(word.substr(0, colon));
  const auto m = parse_number(word.substr(std::min(colon + 1, word.size())));
  if (!n || !m)
    return fail(Remedy{"write N:M (2:4 keeps 2 of every 4 consecutive weights) or dense"}, "'{}' is not a pattern",
                text);
  if (*m > kLargestM) return fail("pattern '{}': M is at most {}", word, kLargestM);
  if (*n < 1 || *n > *m)
    return fail(Remedy{"N is the number of weights that are kept"}, "pattern '{}': N must be in 1 .. M", word);
  return *n == *m ? Pattern{} : Pattern{*n, *m};
}

Result<std::vector<Pattern>> parse_patterns(std::string_view text) {
  std::vector<Pattern> patterns, singles;
  const auto add_once = [](std::vector<Pattern>& to, Pattern pattern) {
    const bool is_new = std::ranges::find(to, pattern) == to.end();
    if (is_new) to.push_back(pattern);
    return is_new;
  };
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string_view word = trimmed(text.substr(begin, end - begin));
    begin = end + 1;
    SC_TRY_ASSIGN(const auto set, parse_set(word));
    if (set) {
      for (const Pattern& pattern : *set) add_once(patterns, pattern);
      continue;
    }
    SC_TRY_ASSIGN(const Pattern pattern, parse_pattern(word));
    if (!add_once(singles, pattern)) return fail("pattern '{}' is given twice", pattern.name());
    add_once(patterns, pattern);
  }
  return patterns;
}

std::string to_string(std::span<const Pattern> patterns) {
  std::vector<std::string> names;
  for (const Pattern& pattern : patterns) names.push_back(pattern.name());
  return fmt::format("{{{}}}", fmt::join(names, ", "));
}

int kept_of_group(Pattern pattern, int width) {
  SC_CHECK(width >= 0 && width <= pattern.m);
  return (pattern.n * width + pattern.m - 1) / pattern.m;
}

std::int64_t kept_per_row(Pattern pattern, std::int64_t n_in) {
  return n_in / pattern.m * pattern.n + kept_of_group(pattern, static_cast<int>(n_in % pattern.m));
}

}  // namespace sparsecim
