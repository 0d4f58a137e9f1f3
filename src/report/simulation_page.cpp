#include "report/simulation_page.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "report/page.hpp"
#include "report/parts.hpp"
#include "report/svg.hpp"
#include "report/units.hpp"

namespace sparsecim {
namespace {

using report::element;
using report::Html;

/// A number that every simulation has.
Result<double> figure(const Json& result, const char* key) {
  const auto found = result.find(key);
  if (found == result.end() || !found->is_number()) return fail("the result's '{}' is no number", key);
  return found->get<double>();
}

std::string word(const Json& result, const char* key) {
  const auto found = result.find(key);
  return found != result.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Html tile(const std::string& title, const std::string& value, const std::string& remark) {
  return element("div", {{"class", "tile"}}, element("h3", {}, title), element("p", {{"class", "big"}}, value),
                 element("ul", {}, element("li", {}, remark)));
}

/// The figures that every simulation has, and those of this kind of machine.
Result<Html> tiles(const Json& result) {
  SC_TRY_ASSIGN(const double latency, figure(result, "latency_ns"));
  SC_TRY_ASSIGN(const double energy, figure(result, "energy_pj"));
  SC_TRY_ASSIGN(const double energy_low, figure(result, "energy_pj_low"));
  SC_TRY_ASSIGN(const double energy_high, figure(result, "energy_pj_high"));
  SC_TRY_ASSIGN(const double area, figure(result, "area_um2"));
  SC_TRY_ASSIGN(const double area_low, figure(result, "area_um2_low"));
  SC_TRY_ASSIGN(const double area_high, figure(result, "area_um2_high"));
  SC_TRY_ASSIGN(const double utilization, figure(result, "utilization"));
  SC_TRY_ASSIGN(const double macros, figure(result, "macros"));
  using namespace report;
  Html all = tile("Latency", format_time(latency), "of the whole run");
  all += tile("Energy", format_energy(energy),
              fmt::format("{} .. {}", format_energy(energy_low), format_energy(energy_high)));
  all += tile("Area", format_area(area), fmt::format("{} .. {}", format_area(area_low), format_area(area_high)));
  const bool arrays = result.contains("arrays");
  all += tile(arrays ? "Arrays" : "Macros", format_number(macros),
              fmt::format("{} {}", format_percent(utilization), arrays ? "of the cells hold weights" : "used"));
  if (const auto parameters = result.find("parameters");
      arrays && parameters != result.end() && parameters->is_number())
    all += tile("Stored weights", format_significant(parameters->get<double>()), "padding counted");
  return element("div", {{"class", "tiles"}}, all);
}

constexpr std::size_t kComponentColors = 8;  // --c0 .. --c7 of the page

/// One bar for each component, the largest first.
Html component_chart(const Json& result, const char* key, const std::string& title, std::string (*format)(double)) {
  std::vector<std::pair<double, std::string>> amounts;
  const auto found = result.find(key);
  if (found == result.end() || !found->is_object()) return {};
  for (const auto& [name, band] : found->items())
    if (band.is_object() && band.contains("nominal") && band["nominal"].is_number())
      amounts.emplace_back(band["nominal"].get<double>(), name);
  std::ranges::sort(amounts, std::greater{});
  std::vector<report::Bar> bars;
  for (const auto& [amount, name] : amounts) {
    if (amount <= 0) continue;
    const std::string fill = fmt::format("var(--c{})", std::min(bars.size(), kComponentColors - 1));
    bars.push_back({.label = name,
                    .segments = {{amount, fill, fmt::format("{}: {}", name, format(amount))}},
                    .shown = format(amount),
                    .low = {},
                    .high = {}});
  }
  return bars.empty() ? Html() : report::card(title, "Nominal costs.", report::bar_chart(title, bars));
}

Html wide_picture(const std::string& title, const std::string& note, const std::string& svg) {
  if (svg.empty()) return {};
  return element("div", {{"class", "card picture"}}, element("h3", {}, title), element("p", {{"class", "note"}}, note),
                 Html::trusted(svg));
}

Html pictures_section(const ArrayPictures& pictures) {
  if (pictures.cells.empty()) return {};
  Html content = wide_picture(
      "What the cells hold",
      "The first arrays of the chip, a row per input and a column per output. A colour is a matrix, or one of its "
      "factors; it gets lighter from step to step of the tile. Grey cells are empty. Hover or tap for names.",
      pictures.cells);
  content += wide_picture("When the arrays work",
                          "The same arrays and colours over the first tokens of the first matrices; a token later is a "
                          "shade lighter. Grey: the array waits.",
                          pictures.timeline);
  return report::section("arrays", "Arrays", {}, content);
}

constexpr std::size_t kMostOperations = 40;

/// The operations that take longest.
Html operations_section(const Json& result) {
  const auto found = result.find("operations");
  if (found == result.end() || !found->is_array()) return {};
  std::vector<const Json*> operations;
  for (const Json& operation : *found) operations.push_back(&operation);
  const auto time = [](const Json* operation) { return operation->value("latency_ns", 0.0); };
  std::ranges::stable_sort(operations, std::greater{}, time);
  const std::size_t shown = std::min(operations.size(), kMostOperations);
  std::vector<report::TableRow> rows;
  for (std::size_t i = 0; i < shown; ++i)
    rows.push_back(
        {{operations[i]->value("name", ""), report::format_time(time(operations[i])),
          report::format_energy(operations[i]->value("energy_pj", 0.0)), operations[i]->value("bound", "")}});
  const std::string lede = shown < operations.size()
                               ? fmt::format("The {} of {} that take longest.", shown, operations.size())
                               : std::string("By time.");
  return report::section("operations", "Operations", lede,
                         report::table("", {"Operation", "Time", "Energy", "Spent on"}, rows));
}

Html result_notes(const Json& result) {
  Html items;
  const auto found = result.find("notes");
  if (found == result.end() || !found->is_array()) return {};
  for (const Json& note : *found)
    if (note.is_string()) items += element("li", {}, note.get<std::string>());
  return items.empty() ? items : report::section("notes", "Notes", {}, element("ul", {{"class", "notes"}}, items));
}

}  // namespace

Result<std::string> render_simulation_page(const Json& result, const ArrayPictures& pictures) {
  const std::string machine = word(result, "machine"), workload = word(result, "workload");
  const std::string title = fmt::format("{} on {}", workload, machine);
  Html content =
      element("header", {}, element("p", {{"class", "over"}}, "sparsecim simulate"), element("h1", {}, title));
  SC_TRY_ASSIGN(const Html figures, tiles(result));
  content += figures;
  content += pictures_section(pictures);
  const Html energy = component_chart(result, "energy_by_component_pj", "Energy by component", report::format_energy);
  const Html area = component_chart(result, "area_by_component_um2", "Area by component", report::format_area);
  content += report::section("costs", "Costs", {}, report::cards({energy, area}));
  content += operations_section(result);
  content += result_notes(result);
  return report::page(title + ", sparsecim", content);
}

}  // namespace sparsecim
