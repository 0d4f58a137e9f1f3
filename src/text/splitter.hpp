#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace sparsecim {

/// How much processor time the splits of one text may take together: real ones need 0.1 s for a MiB. A pattern of a
/// file can need a time that grows with the square of the text or faster, and steps that PCRE2 does not count. Time in
/// which the process is stopped or others have the processor does not count.
class SplitClock {
 public:
  explicit SplitClock(std::chrono::nanoseconds budget) : left_(budget) {}
  static SplitClock for_text(std::size_t text_bytes);

  /// The clock runs as long as this lives, with the time of the thread that made it.
  class Running {
   public:
    explicit Running(SplitClock& clock);
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
    ~Running();
    bool is_over();

   private:
    SplitClock& clock_;
    std::chrono::nanoseconds begin_;                    // of the thread's processor time
    std::chrono::steady_clock::time_point look_again_;  // before that it cannot be over
  };

 private:
  std::chrono::nanoseconds left_;
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
  Result<void> split(std::span<const std::string_view> texts, SplitClock& clock,
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
