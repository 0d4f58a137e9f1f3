#pragma once

#include <optional>
#include <string>

namespace sparsecim::report {

inline constexpr const char* kNothing = "–";  // where there is no value

/// Three significant digits with thousands separated: "0.0123", "17.2", "64.0", "1,235"; "1.2e+20" beyond 1e15.
std::string format_significant(double value);
/// The same, but whole numbers as they are: "64", "49,152".
std::string format_number(double value);
std::string format_loss(double nats);  // "3.2379"
/// "17.23", "123.4", "12,345".
std::string format_perplexity(double value);
std::string format_time(double ns);              // "850 ns", "1.25 ms"
std::string format_energy(double pj);            // "12.3 pJ", "4.56 µJ"
std::string format_area(double um2);             // "850 µm²", "1.25 mm²"
std::string format_percent(double share);        // 0.5 as "50.0 %"
std::string format_round_percent(double share);  // 0.5 as "50 %", 0.125 as "12.5 %"
std::string format_size(double bytes);           // "93.8 MiB"
/// "1.42×"
std::string format_times(double ratio);

/// `format(*value)`, or kNothing.
template <class Format>
std::string format_or_nothing(const std::optional<double>& value, Format format) {
  return value ? format(*value) : kNothing;
}

/// How `ours` stands to `theirs`, in words: "1.42× lower", "8.9 % higher", "the same" within half a percent. `lower`
/// and `higher` may be other words ("smaller", "larger"). REQUIRES: ratio > 0.
std::string describe_ratio(double ratio, const char* lower = "lower", const char* higher = "higher");
std::string describe_change(double ratio, const char* lower = "lower", const char* higher = "higher");  // in percent

/// Differences below this are called equal: they are smaller than what any of our models claims to resolve.
inline constexpr double kSameWithin = 0.005;

}  // namespace sparsecim::report
