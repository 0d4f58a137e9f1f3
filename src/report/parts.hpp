#pragma once

#include <string>
#include <vector>

#include "report/html.hpp"
#include "report/verdict.hpp"

// What several sections are made of.
namespace sparsecim::report {

/// A titled part of the page that the contents link to.
Html section(const char* id, const std::string& title, const Html& lede, const Html& content);

/// A chart with its title and what it means.
Html card(const std::string& title, const Html& note, const Html& chart);
/// A card of text, twice as wide where there is room.
Html wide_card(const std::string& title, const Html& text);
/// Cards side by side, as many as fit. `aligned`: their charts begin at the same height (cards made by card() with a
/// note).
Html cards(const std::vector<Html>& content, bool aligned = false);

/// A table that scrolls by itself where it is wider than the page. Its first column names the rows.
struct TableRow {
  std::vector<Html> cells;
  bool strong = false;
};
Html table(const std::string& caption, const std::vector<Html>& titles, const std::vector<TableRow>& rows);

/// A number with what it means below it, small.
Html with_remark(const std::string& value, const std::string& remark);

/// The colour of a variant in every chart.
std::string fill_of(const Variant& variant, const Cast& cast);

/// Coloured squares with names.
struct LegendEntry {
  std::string fill, name;
};
Html legend(const std::vector<LegendEntry>& entries);

}  // namespace sparsecim::report
