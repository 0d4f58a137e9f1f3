#include "base/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cmath>
#include <cstdio>

namespace sparsecim {
namespace {

constexpr double kQuietSeconds = 2;        // shorter work says nothing
constexpr double kTerminalInterval = 0.2;  // s between rewrites of a terminal's line
constexpr double kLogInterval = 10;        // s between lines of a log

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

bool silent = false;

}  // namespace

void silence_progress() { silent = true; }
bool progress_is_silent() { return silent; }

Progress::Progress(std::string label, std::int64_t total, std::string unit, std::int64_t steps_per_unit)
    : label_(std::move(label)),
      unit_(std::move(unit)),
      total_(total),
      steps_per_unit_(steps_per_unit),
      start_(std::chrono::steady_clock::now()),
      last_print_(start_),
      terminal_(::isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  if (printed_ || seconds_since(start_) > kQuietSeconds) print(true);
}

void Progress::advance(std::int64_t steps) {
  steps_ += steps;
  if (steps_ >= total_ * steps_per_unit_) return;  // the destructor has the last word
  if (seconds_since(start_) < kQuietSeconds) return;
  if (seconds_since(last_print_) < (terminal_ ? kTerminalInterval : kLogInterval)) return;
  last_print_ = std::chrono::steady_clock::now();
  print(false);
}

void Progress::print(bool last) {
  if (silent) return;
  const double elapsed = seconds_since(start_);
  const auto units = [&](std::int64_t steps) {
    return static_cast<double>(steps) / static_cast<double>(steps_per_unit_);
  };
  const double rate = elapsed > 0 ? units(steps_ - skipped_) / elapsed : 0;
  const auto share = total_ > 0 ? 100 * steps_ / (total_ * steps_per_unit_) : 100;
  std::string line = fmt::format("{}: {} of {} {} ({} %), {:.{}f} {}/s", label_, format_count(steps_ / steps_per_unit_),
                                 format_count(total_), unit_, share, rate, rate < 10 ? 1 : 0, unit_);
  if (last) {
    line += fmt::format(", {}", format_seconds(elapsed));
  } else if (rate > 0) {
    line += fmt::format(", {} left", format_seconds(units(total_ * steps_per_unit_ - steps_) / rate));
  }
  fmt::print(stderr, "{}{}{}", terminal_ ? "\r\033[K" : "", line, terminal_ && !last ? "" : "\n");
  std::fflush(stderr);
  printed_ = true;
}

std::string format_seconds(double seconds) {
  if (seconds < 1) return fmt::format("{:.0f} ms", seconds * 1e3);
  if (seconds < 60) return fmt::format("{:.1f} s", seconds);
  const auto whole = static_cast<std::int64_t>(std::llround(seconds));
  return fmt::format("{} m {:02} s", whole / 60, whole % 60);
}

std::string format_bytes(std::uint64_t bytes) {
  static constexpr std::array kUnits = {"KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string format_count(std::int64_t count) {
  std::string digits = std::to_string(count);
  for (auto at = static_cast<std::int64_t>(digits.size()) - 3; at > (count < 0 ? 1 : 0); at -= 3)
    digits.insert(static_cast<std::size_t>(at), 1, ',');
  return digits;
}

}  // namespace sparsecim
