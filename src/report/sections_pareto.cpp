// What can be had: every plan that was tried, by perplexity against what it costs.
#include <algorithm>

#include "report/pareto.hpp"
#include "report/parts.hpp"
#include "report/sections.hpp"
#include "report/svg.hpp"
#include "report/units.hpp"

namespace sparsecim::report {
namespace {

/// A cost that perplexity is held against.
struct Cost {
  const char* key;
  const char* title;
  const char* name;
  Number ParetoPoint::* value;
  std::string (*format)(double);
  std::vector<std::pair<double, const char*>> units;  // from the largest: value of one, name
};

std::vector<Cost> costs() {
  return {{"stored_bytes",
           "Perplexity against stored bytes",
           "stored",
           &ParetoPoint::stored_bytes,
           format_size,
           {{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}, {1, "bytes"}}},
          {"latency_ns",
           "Perplexity against decoding latency",
           "a token takes",
           &ParetoPoint::latency_ns,
           format_time,
           {{1e9, "s"}, {1e6, "ms"}, {1e3, "µs"}, {1, "ns"}}},
          {"energy_pj",
           "Perplexity against decoding energy",
           "a token takes",
           &ParetoPoint::energy_pj,
           format_energy,
           {{1e12, "J"}, {1e9, "mJ"}, {1e6, "µJ"}, {1e3, "nJ"}, {1, "pJ"}}}};
}

bool is_subject(const Record& record, const ParetoPoint& point) {
  return std::ranges::any_of(record.pareto.equal,
                             [&](const EqualComparison& equal) { return equal.label == point.label; });
}

/// One colour for each kind: the requested method's, uniform's, the dense model's, others'.
std::string fill_of_kind(const Record& record, const std::string& name) {
  if (name == record.request.method) return "var(--subject)";
  if (name == "dense") return "var(--dense)";
  return name == "uniform" ? "var(--rival)" : "var(--other)";
}

std::vector<ScatterPoint> scatter_points(const Record& record, const Cost& cost) {
  std::vector<ScatterPoint> points;
  for (const ParetoPoint& point : record.pareto.points) {
    const Number& value = point.*cost.value;
    if (!value || !point.perplexity) continue;
    points.push_back({.x = *value,
                      .y = *point.perplexity,
                      .fill = fill_of_kind(record, point.name),
                      .tip = fmt::format("{}: {}, perplexity {}", point.label, cost.format(*value),
                                         format_perplexity(*point.perplexity)),
                      .front = std::ranges::find(point.front, cost.key) != point.front.end(),
                      .strong = is_subject(record, point)});
  }
  return points;
}

/// The largest unit in which the largest value is at least one.
std::pair<double, const char*> unit_for(const std::vector<ScatterPoint>& points, const Cost& cost) {
  double largest = 0;
  for (const ScatterPoint& point : points) largest = std::max(largest, point.x);
  for (const auto& unit : cost.units)
    if (largest >= unit.first) return unit;
  return cost.units.back();
}

Html front_cards(const Record& record) {
  std::vector<Html> charts;
  for (const Cost& cost : costs()) {
    const auto points = scatter_points(record, cost);
    if (points.empty()) continue;
    const auto [one, unit] = unit_for(points, cost);
    charts.push_back(card(
        cost.title, "Lower left is better. Full dots: on the front.",
        scatter_chart(
            {.title = cost.title, .x_name = cost.name, .y_name = "perplexity", .x_factor = 1 / one, .x_unit = unit},
            points)));
  }
  return cards(charts, true);
}

Html kinds_legend(const Record& record) {
  std::vector<LegendEntry> entries;
  for (const ParetoPoint& point : record.pareto.points) {
    const std::string fill = fill_of_kind(record, point.name);
    const auto same = std::ranges::find(entries, fill, &LegendEntry::fill);
    if (same == entries.end())
      entries.push_back({fill, point.name});
    else if ((", " + same->name + ",").find(", " + point.name + ",") == std::string::npos)
      same->name += ", " + point.name;
  }
  return legend(entries);
}

Html points_table(const Record& record) {
  std::vector<TableRow> rows;
  for (const ParetoPoint& point : by_size(record.pareto))
    rows.push_back(
        {{point.label, format_or_nothing(point.sparsity, format_percent),
          format_or_nothing(point.stored_bytes, format_size), format_or_nothing(point.perplexity, format_perplexity),
          format_or_nothing(point.latency_ns, format_time), format_or_nothing(point.energy_pj, format_energy),
          standing(point)},
         is_subject(record, point)});
  return table("",
               {"Plan", term("sparsity", "Sparsity"), term("stored", "Stored"), term("perplexity", "Perplexity"),
                "Decode latency", "Decode energy", term("pareto", "On the front of")},
               rows);
}

Html equal_list(const Record& record) {
  Html items;
  for (const EqualComparison& equal : record.pareto.equal) items += element("li", {}, equality_sentence(equal));
  return items.empty() ? items : element("ul", {{"class", "notes"}}, items);
}

}  // namespace

Html pareto_section(const Record& record) {
  if (record.pareto.points.empty()) return {};
  const std::string lede = fmt::format(
      "What can be had for which size, latency and energy{}. A dominated plan is worth nothing: one other "
      "is nowhere worse and somewhere better.",
      record.request.arch.empty() ? "" : ", decoding on " + record.request.arch);
  Html content = equal_list(record);
  content += front_cards(record);
  content += kinds_legend(record);
  content += points_table(record);
  return section("pareto", "The Pareto front", lede, content);
}

}  // namespace sparsecim::report
