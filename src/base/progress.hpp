#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace sparsecim {

/// From now on no Progress says anything: of several processes that work on one thing only the first speaks.
void silence_progress();
bool progress_is_silent();

/// Tells on stderr how far a long loop is, its rate and the time that remains. Silent for the first two seconds; a line
/// that rewrites itself on a terminal, a line every ten seconds elsewhere.
class Progress {
 public:
  /// `unit` is what is counted ("tokens", "blocks"); `total` of it is the whole. Each may be done in several steps,
  /// which is then what advance() counts: a token is done when it has been through every block.
  Progress(std::string label, std::int64_t total, std::string unit, std::int64_t steps_per_unit = 1);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();

  void advance(std::int64_t steps);
  /// Steps that were done before this loop began: they count for the share, not for the rate.
  void skip(std::int64_t steps) { skipped_ += steps, steps_ += steps; }

 private:
  void print(bool last);

  std::string label_, unit_;
  std::int64_t total_, steps_per_unit_, steps_ = 0, skipped_ = 0;
  std::chrono::steady_clock::time_point start_, last_print_;
  bool terminal_, printed_ = false;
};

/// "3 m 05 s", "12.3 s", "45 ms".
std::string format_seconds(double seconds);
/// "93.8 MiB", "512 B".
std::string format_bytes(std::uint64_t bytes);
/// 1234567 as "1,234,567".
std::string format_count(std::int64_t count);

}  // namespace sparsecim
