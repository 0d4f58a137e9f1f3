#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace sparsecim {

/// How long the splits of one text may take: real ones need 0.1 s for a MiB. A pattern of a file can need a time that
/// grows with the square of the text or faster, and steps that PCRE2 does not count.
class SplitClock {
 public:
  explicit SplitClock(std::chrono::nanoseconds time) : end_(std::chrono::steady_clock::now() + time) {}
  static SplitClock for_text(std::size_t text_bytes);
  bool is_over() const { return std::chrono::steady_clock::now() > end_; }

 private:
  std::chrono::steady_clock::time_point end_;
};

/// Cuts text by a regular expression of a tokenizer.json. Those are written for Oniguruma (Ruby's syntax); PCRE2 runs
/// them here, and what the two would read differently is refused.
class Splitter {
 public:
  /// Errors: not a regular expression, or one with something outside the common dialect; either with the place.
  static Result<Splitter> compile(const std::string& pattern);
  Splitter(Splitter&&) noexcept;
  Splitter& operator=(Splitter&&) noexcept;
  ~Splitter();

  /// Appends to `pieces` the matches in each of `texts` and what lies between them, in order; together they are the
  /// texts. REQUIRES: the texts are valid UTF-8. Errors: a match needs more steps than the limit; `clock` is over.
  Result<void> split(std::span<const std::string_view> texts, const SplitClock& clock,
                     std::vector<std::string_view>& pieces) const;

 private:
  struct Code;
  struct Search;
  explicit Splitter(std::unique_ptr<Code> code);
  std::unique_ptr<Code> code_;
};

/// `pattern`, in Oniguruma's Ruby syntax, as PCRE2 writes it. Errors: something outside the common dialect.
Result<std::string> to_pcre2(std::string_view pattern);

}  // namespace sparsecim
