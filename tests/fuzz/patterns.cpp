// Pattern names and lists of them.

#include <algorithm>

#include "base/check.hpp"
#include "sparsity/pattern.hpp"
#include "targets.hpp"

namespace sparsecim::fuzz {
namespace {

void check_pattern(Pattern pattern) {
  SC_CHECK(pattern.n >= 1 && pattern.n <= pattern.m && pattern.m <= kLargestM);
  SC_CHECK(parse_pattern(pattern.name()).value() == pattern);
  SC_CHECK(kept_per_row(pattern, 1000) >= 1000 * pattern.n / pattern.m);
}

}  // namespace

void patterns(std::string_view input) {
  if (const auto pattern = parse_pattern(input)) check_pattern(*pattern);
  const auto list = parse_patterns(input);
  if (!list) return;
  SC_CHECK(!list->empty());
  std::string names;
  for (const Pattern pattern : *list) {
    check_pattern(pattern);
    SC_CHECK(std::ranges::count(*list, pattern) == 1);
    names += names.empty() ? "" : ",";
    names += pattern.name();
  }
  SC_CHECK(parse_patterns(names).value() == *list);
}

}  // namespace sparsecim::fuzz
