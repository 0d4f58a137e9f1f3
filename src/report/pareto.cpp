#include "report/pareto.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "report/units.hpp"

namespace sparsecim::report {
namespace {

/// As the fronts are called in a table: "stored_bytes" is "bytes".
std::string short_axis(const std::string& axis) {
  if (axis == "stored_bytes") return "bytes";
  if (axis == "latency_ns") return "latency";
  return axis == "energy_pj" ? "energy" : axis;
}

/// "dense 24.10 (between Dense 5-bit weights and Dense 6-bit weights)"
std::string rival_clause(const EqualRival& rival) {
  const std::string where = rival.below == rival.above
                                ? rival.below
                                : fmt::format("interpolated between {} and {}", rival.below, rival.above);
  return fmt::format("{} {}{}", rival.name, format_or_nothing(rival.perplexity, format_perplexity),
                     where.empty() ? "" : " (" + where + ")");
}

}  // namespace

std::vector<ParetoPoint> by_size(const Pareto& pareto) {
  std::vector<ParetoPoint> points = pareto.points;
  std::ranges::stable_sort(points, [](const ParetoPoint& a, const ParetoPoint& b) {
    const double ours = a.stored_bytes.value_or(0), theirs = b.stored_bytes.value_or(0);
    if (ours != theirs) return ours > theirs;
    return a.perplexity.value_or(0) < b.perplexity.value_or(0);
  });
  return points;
}

std::string standing(const ParetoPoint& point) {
  if (!point.dominated_by.empty()) return "dominated by " + point.dominated_by;
  std::string fronts;
  for (const std::string& axis : point.front) fronts += (fronts.empty() ? "" : ", ") + short_axis(axis);
  return fronts.empty() ? "none, a compromise" : fronts;
}

std::string equality_sentence(const EqualComparison& equal) {
  const bool bytes = equal.at == "stored_bytes";
  std::string text = fmt::format("At equal {}, {}: {} has perplexity {}", bytes ? "stored bytes" : "sparsity",
                                 format_or_nothing(equal.value, bytes ? format_size : format_percent), equal.label,
                                 format_or_nothing(equal.perplexity, format_perplexity));
  for (const EqualRival& rival : equal.rivals) text += ", " + rival_clause(rival);
  if (equal.rivals.empty()) text += "; nothing else was measured there";
  return text + ".";
}

}  // namespace sparsecim::report
