// What was chosen: the map of patterns and the outliers that led to it.
#include <algorithm>
#include <map>

#include "report/parts.hpp"
#include "report/pattern_colors.hpp"
#include "report/sections.hpp"
#include "report/svg.hpp"
#include "report/units.hpp"

namespace sparsecim::report {
namespace {

/// Rows of the map: the blocks by their number. Columns: the linears in order of appearance.
struct MapAxes {
  std::map<std::int64_t, std::size_t> row_of;
  std::map<std::string, std::size_t> column_of;
  std::vector<std::string> rows, columns;
};

MapAxes axes_of(const Selection& selection) {
  MapAxes axes;
  for (const auto& block : selection.blocks) axes.row_of[block.block] = 0;
  for (const auto& matrix : selection.matrices) {
    axes.row_of[matrix.block] = 0;
    if (axes.column_of.emplace(matrix.linear, axes.columns.size()).second) axes.columns.push_back(matrix.linear);
  }
  for (auto& [block, row] : axes.row_of) {
    row = axes.rows.size();
    axes.rows.push_back(std::to_string(block));
  }
  if (selection.matrices.empty()) axes.columns = {"all matrices"};
  return axes;
}

/// "self_attn.q_proj" as "q", "mlp.gate_proj" as "gate".
std::string short_name(const std::string& linear) {
  std::string name = linear.substr(linear.rfind('.') + 1);
  if (name.size() > 5 && name.ends_with("_proj")) name.resize(name.size() - 5);
  return name;
}

Cell cell_of(std::size_t row, std::size_t column, const std::string& pattern, const std::string& tip) {
  const auto color = color_of_pattern(pattern);
  return {row, column, pattern, tip, color.fill, color.ink};
}

std::string matrix_tip(const SelectedMatrix& matrix) {
  std::string tip = matrix.name + ": " + matrix.pattern;
  if (matrix.n_out && matrix.n_in)
    tip += fmt::format(", {} x {} weights", format_number(*matrix.n_out), format_number(*matrix.n_in));
  if (matrix.outlier_share) tip += ", outliers " + format_percent(*matrix.outlier_share);
  if (matrix.outlier_distribution) tip += ", distribution " + format_number(*matrix.outlier_distribution);
  return tip;
}

Html pattern_map(const Selection& selection, const MapAxes& axes) {
  std::vector<Cell> cells;
  for (const auto& matrix : selection.matrices)
    cells.push_back(
        cell_of(axes.row_of.at(matrix.block), axes.column_of.at(matrix.linear), matrix.pattern, matrix_tip(matrix)));
  if (selection.matrices.empty())
    for (const auto& block : selection.blocks)
      cells.push_back(cell_of(axes.row_of.at(block.block), 0, block.pattern,
                              fmt::format("block {}: {}", block.block, block.pattern)));
  std::vector<std::string> columns;
  std::ranges::transform(axes.columns, std::back_inserter(columns), short_name);
  return cell_map(
      fmt::format("Pattern of each matrix: {} blocks, {} matrices each", axes.rows.size(), axes.columns.size()),
      axes.rows, columns, cells);
}

/// One of the two outlier statistics, by block and by matrix.
struct Statistic {
  Number SelectedBlock::* of_block;
  Number SelectedMatrix::* of_matrix;
  std::string (*format)(double);
};
constexpr Statistic kShare = {&SelectedBlock::outlier_share, &SelectedMatrix::outlier_share, format_percent};
constexpr Statistic kDistribution = {&SelectedBlock::outlier_distribution, &SelectedMatrix::outlier_distribution,
                                     format_number};

std::vector<Row> rows_of(const Selection& selection, const MapAxes& axes, const Statistic& statistic) {
  std::vector<Row> rows(axes.rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i].label = axes.rows[i];
  for (const auto& block : selection.blocks)
    if (const auto& value = block.*statistic.of_block)
      rows[axes.row_of.at(block.block)].value = {
          {*value, fmt::format("block {}: {}", block.block, statistic.format(*value))}};
  for (const auto& matrix : selection.matrices)
    if (const auto& value = matrix.*statistic.of_matrix)
      rows[axes.row_of.at(matrix.block)].parts.push_back({*value, matrix.name + ": " + statistic.format(*value)});
  return rows;
}

bool empty(const std::vector<Row>& rows) {
  return std::ranges::all_of(rows, [](const Row& row) { return row.value.empty() && row.parts.empty(); });
}

void add_row_card(std::vector<Html>& into, const std::vector<Row>& rows, const Html& note, const RowChart& chart) {
  if (!empty(rows)) into.push_back(card(chart.title, note, row_chart(chart, rows)));
}

Html map_cards(const Selection& selection) {
  const auto axes = axes_of(selection);
  std::vector<Html> all = {card("Pattern by block and matrix", "Rows are decoder blocks, from the input down.",
                                pattern_map(selection, axes))};
  add_row_card(all, rows_of(selection, axes, kShare), Html("Bars: whole blocks. Dots: their matrices."),
               {.title = "Outlier share", .reference = {}, .factor = 100, .unit = " %"});
  add_row_card(all, rows_of(selection, axes, kDistribution), Html("Dashed: as scattered as by chance."),
               {.title = "Outlier distribution", .from_zero = false, .reference = 1.0});
  return cards(all, true);
}

struct PatternUse {
  double weights = 0;
  std::size_t matrices = 0;
};

std::map<std::string, PatternUse> uses_of(const Selection& selection) {
  std::map<std::string, PatternUse> uses;
  for (const auto& matrix : selection.matrices) {
    auto& use = uses[matrix.pattern];
    use.weights += matrix.weights.value_or(0);
    ++use.matrices;
  }
  return uses;
}

std::vector<std::string> used_patterns(const Selection& selection) {
  std::vector<std::string> patterns;
  for (const auto& matrix : selection.matrices) patterns.push_back(matrix.pattern);
  if (selection.matrices.empty())
    for (const auto& block : selection.blocks) patterns.push_back(block.pattern);
  return sorted_patterns(std::move(patterns));
}

std::string legend_entry(const std::string& pattern) {
  const double density = density_of_pattern(pattern);
  return density < 1 ? fmt::format("{} (keeps {})", pattern, format_round_percent(density)) : pattern;
}

Html pattern_legend(const Selection& selection) {
  std::vector<LegendEntry> entries;
  for (const auto& pattern : used_patterns(selection))
    entries.push_back({color_of_pattern(pattern).fill, legend_entry(pattern)});
  return legend(entries);
}

Html use_card(const Selection& selection) {
  const auto uses = uses_of(selection);
  double total = 0;
  for (const auto& [pattern, use] : uses) total += use.weights;
  if (total <= 0) return {};
  std::vector<Bar> bars;
  for (const auto& pattern : used_patterns(selection)) {
    const auto& use = uses.at(pattern);
    Bar bar;
    bar.label = fmt::format("{}, {} matri{}", pattern, use.matrices, use.matrices == 1 ? "x" : "ces");
    bar.shown = format_percent(use.weights / total);
    bar.segments = {{use.weights, color_of_pattern(pattern).fill,
                     fmt::format("{}: {} weights", pattern, format_number(use.weights))}};
    bars.push_back(std::move(bar));
  }
  return card("Weights by pattern", {}, bar_chart("Weights by pattern", bars));
}

Html rule_card(const Record& record) {
  const auto& request = record.request;
  Html content;
  if (request.method == "flow")
    content += element("p", {}, term("flow", "FLOW"), " gives more kept weights (N) where the ",
                       term("share", "outlier share"), " is high, and a larger group (M) where outliers are ",
                       term("distribution", "clustered"),
                       ", and meets the requested sparsity with the least departure from both.");
  if (record.selection.slack)
    content += element("p", {},
                       fmt::format("Slack: the plan is {} percentage points above the requested sparsity.",
                                   format_number(100 * *record.selection.slack)));
  Html notes;
  for (const auto& note : record.selection.notes) notes += element("li", {}, note);
  if (!notes.empty()) content += element("ul", {}, notes);
  return content.empty() ? content : wide_card("How the patterns were chosen", content);
}

}  // namespace

Html patterns_section(const Record& record) {
  const auto& selection = record.selection;
  if (selection.blocks.empty() && selection.matrices.empty())
    return section("patterns", "Patterns", {},
                   element("p", {{"class", "none"}}, "The record holds no selection of patterns."));
  std::vector<Html> more;
  for (auto& extra : {use_card(selection), rule_card(record)})
    if (!extra.empty()) more.push_back(extra);
  return section("patterns", "Patterns", {}, pattern_legend(selection) += map_cards(selection) += cards(more));
}

}  // namespace sparsecim::report
