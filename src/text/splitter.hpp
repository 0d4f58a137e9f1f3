#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace sparsecim {

/// Cuts text by a regular expression of a tokenizer.json. Those are written for Oniguruma (Ruby's syntax); PCRE2 runs
/// them here, and what the two would read differently is refused.
class Splitter {
 public:
  /// Errors: not a regular expression, or one with something outside the common dialect; either with the place.
  static Result<Splitter> compile(const std::string& pattern);
  Splitter(Splitter&&) noexcept;
  Splitter& operator=(Splitter&&) noexcept;
  ~Splitter();

  /// Appends to `pieces` the matches and what lies between them, in order; together they are `text`.
  /// REQUIRES: `text` is valid UTF-8. Errors: a match needs more steps than the limit.
  Result<void> split(std::string_view text, std::vector<std::string_view>& pieces) const;

 private:
  struct Code;
  explicit Splitter(std::unique_ptr<Code> code);
  std::unique_ptr<Code> code_;
};

/// `pattern`, in Oniguruma's Ruby syntax, as PCRE2 writes it. Errors: something outside the common dialect.
Result<std::string> to_pcre2(std::string_view pattern);

}  // namespace sparsecim
