#include "report/svg.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

#include "report/printable.hpp"

namespace sparsecim::report {
namespace {

constexpr double kWidth = 330;
constexpr double kLetter = 7.8;         // width of a bold digit at 12 units in a wide sans serif
constexpr double kHeader = 30;          // over the rows of cell_map and row_chart
constexpr double kRowLabels = 34;       // left of those rows
constexpr std::size_t kRoomyRows = 44;  // up to so many rows are high enough for text

std::string at(double value) { return std::isfinite(value) ? fmt::format("{:.2f}", value) : "0"; }

double text_width(const std::string& text) {
  double width = 0;
  for (const auto& glyph : glyphs(text)) width += kLetter * glyph.width;
  return width;
}

Html svg(const std::string& label, double height, const Html& content) {
  return element(
      "svg", {{"viewBox", fmt::format("0 0 {:.0f} {:.2f}", kWidth, height)}, {"role", "img"}, {"aria-label", label}},
      content);
}

Html svg_text(double x, double y, const char* style, const std::string& words) {
  return element("text", {{"x", at(x)}, {"y", at(y)}, {"class", style}}, words);
}

Html box(double x, double y, double width, double height, const std::string& fill, const std::string& tip) {
  return element("rect",
                 {{"x", at(x)},
                  {"y", at(y)},
                  {"width", at(std::max(width, 0.0))},
                  {"height", at(height)},
                  {"style", fmt::format("fill:{}", fill)},
                  {"class", "mark"}},
                 element("title", {}, tip));
}

Html dot(double x, double y, double radius, const char* style, const std::string& tip) {
  return element("circle", {{"cx", at(x)}, {"cy", at(y)}, {"r", at(radius)}, {"class", style}},
                 element("title", {}, tip));
}

Html stroke(double x1, double y1, double x2, double y2, const char* style) {
  return element("line", {{"x1", at(x1)}, {"y1", at(y1)}, {"x2", at(x2)}, {"y2", at(y2)}, {"class", style}});
}

double total(const Bar& bar) {
  double sum = 0;
  for (const auto& segment : bar.segments) sum += std::max(segment.amount, 0.0);
  return sum;
}

double reach(const Bar& bar) { return std::max(total(bar), bar.high.value_or(0)); }

constexpr double kBarPitch = 38, kBarTop = 18, kBarHeight = 13;

Html whisker(const Bar& bar, double y, double scale) {
  const double middle = y + kBarTop + kBarHeight / 2, left = *bar.low * scale, right = *bar.high * scale;
  Html marks = stroke(left, middle, right, middle, "whisker");
  for (const double end : {left, right}) marks += stroke(end, middle - 3.5, end, middle + 3.5, "whisker");
  return marks;
}

Html draw_bar(const Bar& bar, double y, double scale) {
  Html marks = svg_text(0, y + 12, bar.strong ? "label strong" : "label", bar.label);
  if (bar.segments.empty()) return marks += svg_text(0, y + kBarTop + 11, "quiet", "not measured"), marks;
  double x = 0;
  for (const auto& segment : bar.segments) {
    const double width = std::max(segment.amount, 0.0) * scale;
    marks += box(x, y + kBarTop, width, kBarHeight, segment.fill, segment.tip);
    x += width;
  }
  if (bar.low && bar.high && *bar.low >= 0 && *bar.low < *bar.high) marks += whisker(bar, y, scale);
  return marks += svg_text(reach(bar) * scale + 7, y + kBarTop + 11, "value", bar.shown), marks;
}

double row_pitch(std::size_t rows) { return rows <= kRoomyRows ? 18 : 8; }

/// Row labels down the left side: all of them where they fit, every tenth otherwise.
Html row_labels(const std::vector<std::string>& labels) {
  const double pitch = row_pitch(labels.size());
  const std::size_t every = labels.size() <= kRoomyRows ? 1 : 10;
  Html texts;
  for (std::size_t row = 0; row < labels.size(); row += every)
    texts += svg_text(kRowLabels - 6, kHeader + pitch * (static_cast<double>(row) + 0.5) + 4, "tick end", labels[row]);
  return texts;
}

double rows_height(std::size_t rows) { return kHeader + row_pitch(rows) * static_cast<double>(rows) + 4; }

Html column_labels(const std::vector<std::string>& labels, double width) {
  Html texts;
  for (std::size_t column = 0; column < labels.size(); ++column) {
    const double x = kRowLabels + width * (static_cast<double>(column) + 0.5);
    const bool fits = text_width(labels[column]) <= width;
    const std::string turn = fits ? "" : fmt::format("rotate(-45 {:.2f} {:.2f})", x, kHeader - 8);
    texts += element(
        "text", {{"x", at(x)}, {"y", at(kHeader - 8)}, {"class", fits ? "tick middle" : "tick"}, {"transform", turn}},
        labels[column]);
  }
  return texts;
}

struct Axis {
  double low, high;
  double x(double value) const {
    constexpr double kRight = kWidth - 12;
    return kRowLabels + (value - low) / (high - low) * (kRight - kRowLabels);
  }
};

Axis axis_of(const RowChart& chart, const std::vector<Row>& rows) {
  double low = HUGE_VAL, high = -HUGE_VAL;
  const auto cover = [&](double value) { low = std::min(low, value), high = std::max(high, value); };
  for (const auto& row : rows) {
    for (const auto& mark : row.value) cover(mark.value);
    for (const auto& mark : row.parts) cover(mark.value);
  }
  if (chart.reference) cover(*chart.reference);
  if (chart.from_zero) cover(0);
  if (low > high) return {0, 1};
  const double margin = high > low ? 0.04 * (high - low) : std::max(std::abs(high) * 0.04, 1e-9);
  return {chart.from_zero ? low : low - margin, high + margin};
}

/// A step of 1, 2 or 5 times a power of ten that divides the span into two to five.
double tick_step(double span) {
  const double power = std::pow(10, std::floor(std::log10(span / 4.2)));
  for (const double step : {1.0, 2.0, 5.0})
    if (step * power >= span / 4.2) return step * power;
  return 10 * power;
}

Html draw_axis(const RowChart& chart, const Axis& axis, double bottom) {
  Html marks;
  const double step = tick_step((axis.high - axis.low) * chart.factor);
  if (!std::isfinite(step) || step <= 0) return marks;  // a span beyond what a double holds
  const int decimals = std::clamp(static_cast<int>(-std::floor(std::log10(step) + 1e-9)), 0, 12);
  const double first = std::ceil(axis.low * chart.factor / step - 1e-9);
  for (int i = 0; i < 7 && (first + i) * step <= axis.high * chart.factor; ++i) {
    const double value = (first + i) * step, x = axis.x(value / chart.factor);
    marks += stroke(x, kHeader - 4, x, bottom, "grid");
    marks += svg_text(x, kHeader - 9, "tick middle", fmt::format("{:.{}f}{}", value, decimals, chart.unit));
  }
  if (!chart.reference) return marks;
  const double x = axis.x(*chart.reference);
  return marks += stroke(x, kHeader - 4, x, bottom, "reference"), marks;
}

Html draw_row(const RowChart& chart, const Row& row, const Axis& axis, double y, double pitch) {
  Html marks;
  const double middle = y + pitch / 2;
  for (const auto& mark : row.value)
    if (chart.from_zero)
      marks +=
          box(axis.x(0), y + pitch * 0.18, axis.x(mark.value) - axis.x(0), pitch * 0.64, "var(--outlier)", mark.tip);
  for (const auto& mark : row.parts) marks += dot(axis.x(mark.value), middle, pitch * 0.12, "mark part", mark.tip);
  for (const auto& mark : row.value)
    if (!chart.from_zero) marks += dot(axis.x(mark.value), middle, pitch * 0.27, "mark point", mark.tip);
  return marks;
}

constexpr double kPlotLeft = 46, kPlotRight = kWidth - 10, kPlotTop = 20, kPlotBottom = 236, kPlotHeight = 272;
constexpr double kLogarithmicFrom = 3;  // times the least value

/// Where values of one axis lie in the plot.
struct Scale {
  double low, high, from, to;
  bool logarithmic = false;
  double place(double value) const {
    const auto on = [&](double v) { return logarithmic ? std::log(v) : v; };
    return from + (on(value) - on(low)) / (on(high) - on(low)) * (to - from);
  }
};

/// A scale with some room on both sides.
Scale scale_over(double low, double high, double from, double to, bool logarithmic) {
  if (logarithmic) {
    const double room = std::pow(high / low, 0.06);
    using Limits = std::numeric_limits<double>;
    return {std::max(low / room, Limits::denorm_min()), std::min(high * room, Limits::max()), from, to, true};
  }
  const double room = high > low ? 0.08 * (high - low) : std::max(std::abs(high) * 0.08, 1e-9);
  return {low - room, high + room, from, to, false};
}

/// Round values within a scale, in steps, or 1, 2 and 5 times powers of ten where it is logarithmic.
std::vector<double> ticks_of(const Scale& scale, double factor) {
  std::vector<double> ticks;
  if (scale.logarithmic) {
    const int first = static_cast<int>(std::floor(std::log10(scale.low)));
    const int decades = static_cast<int>(std::ceil(std::log10(scale.high))) - first;
    const int every = std::max(1, decades / 5);  // whole decades only where there are many
    for (int decade = 0; decade <= decades && decade <= 640; decade += every)
      for (const double part : {1.0, 2.0, 5.0})
        if (const double tick = part * std::pow(10, first + decade);
            tick >= scale.low && tick <= scale.high && (part == 1 || decades < 4))
          ticks.push_back(tick);
    return ticks;
  }
  const double step = tick_step((scale.high - scale.low) * factor);
  if (!std::isfinite(step) || step <= 0) return ticks;
  const double first = std::ceil(scale.low * factor / step - 1e-9);
  for (int i = 0; i < 7 && (first + i) * step <= scale.high * factor; ++i) ticks.push_back((first + i) * step / factor);
  return ticks;
}

std::string tick_text(double value) {
  return value != 0 && (std::abs(value) >= 1e5 || std::abs(value) < 1e-3) ? fmt::format("{:.0e}", value)
                                                                          : fmt::format("{:.6g}", value);
}

Html draw_plot(const ScatterChart& chart, const Scale& x, const Scale& y) {
  Html marks;
  for (const double tick : ticks_of(x, chart.x_factor)) {
    marks += stroke(x.place(tick), kPlotTop, x.place(tick), kPlotBottom, "grid");
    marks += svg_text(x.place(tick), kPlotBottom + 15, "tick middle", tick_text(tick * chart.x_factor));
  }
  for (const double tick : ticks_of(y, 1)) {
    marks += stroke(kPlotLeft, y.place(tick), kPlotRight, y.place(tick), "grid");
    marks += svg_text(kPlotLeft - 6, y.place(tick) + 4, "tick end", tick_text(tick));
  }
  marks += svg_text(0, 11, "tick", chart.y_name + (y.logarithmic ? ", logarithmic" : ""));
  marks += svg_text(kPlotRight, kPlotBottom + 31, "tick end",
                    chart.x_name + (chart.x_unit.empty() ? "" : ", " + chart.x_unit));
  return marks;
}

/// The front as stairs: what is between two points has the perplexity of the cheaper one.
Html draw_front(std::vector<ScatterPoint> points, const Scale& x, const Scale& y) {
  std::erase_if(points, [](const ScatterPoint& point) { return !point.front; });
  std::ranges::sort(points, {}, &ScatterPoint::x);
  Html marks;
  for (std::size_t i = 1; i < points.size(); ++i) {
    const double left = x.place(points[i - 1].x), right = x.place(points[i].x);
    const double above = y.place(points[i - 1].y), below = y.place(points[i].y);
    marks += stroke(left, above, right, above, "front");
    marks += stroke(right, above, right, below, "front");
  }
  return marks;
}

Html draw_scatter_point(const ScatterPoint& point, const Scale& x, const Scale& y) {
  return element("circle",
                 {{"cx", at(x.place(point.x))},
                  {"cy", at(y.place(point.y))},
                  {"r", point.strong ? "6.5" : "4.5"},
                  {"style", fmt::format("fill:{}", point.fill)},
                  {"class", point.front ? "mark plan" : "mark plan pale"}},
                 element("title", {}, point.tip));
}

}  // namespace

Html bar_chart(const std::string& title, const std::vector<Bar>& bars) {
  double longest = 0, words = 0;
  std::string label = title;
  for (const auto& bar : bars) {
    longest = std::max(longest, reach(bar));
    words = std::max(words, text_width(bar.shown));
    label += "; " + bar.label + " " + (bar.segments.empty() ? "not measured" : bar.shown);
  }
  const double room = std::max(kWidth - words - 10, kWidth / 4);
  const double scale = longest > 0 && std::isfinite(room / longest) ? room / longest : 0;
  Html marks;
  for (std::size_t i = 0; i < bars.size(); ++i) marks += draw_bar(bars[i], kBarPitch * static_cast<double>(i), scale);
  return svg(label, kBarPitch * static_cast<double>(bars.size()), marks);
}

Html cell_map(const std::string& title, const std::vector<std::string>& rows, const std::vector<std::string>& columns,
              const std::vector<Cell>& cells) {
  const double pitch = row_pitch(rows.size());
  const double width = (kWidth - kRowLabels) / static_cast<double>(std::max<std::size_t>(columns.size(), 1));
  Html marks = row_labels(rows);
  marks += column_labels(columns, width);
  for (const auto& cell : cells) {
    const double x = kRowLabels + width * static_cast<double>(cell.column);
    const double y = kHeader + pitch * static_cast<double>(cell.row);
    marks += box(x, y, width - 1, pitch - 1, cell.fill, cell.tip);
    if (rows.size() <= kRoomyRows && text_width(cell.label) + 2 <= width)
      marks += element("text",
                       {{"x", at(x + (width - 1) / 2)},
                        {"y", at(y + pitch / 2 + 3)},
                        {"class", "cell"},
                        {"style", fmt::format("fill:{}", cell.ink)}},
                       cell.label);
  }
  return svg(title, rows_height(rows.size()), marks);
}

Html row_chart(const RowChart& chart, const std::vector<Row>& rows) {
  const Axis axis = axis_of(chart, rows);
  const double pitch = row_pitch(rows.size()), height = rows_height(rows.size());
  std::vector<std::string> labels;
  for (const auto& row : rows) labels.push_back(row.label);
  Html marks = row_labels(labels);
  marks += draw_axis(chart, axis, height - 4);
  for (std::size_t i = 0; i < rows.size(); ++i)
    marks += draw_row(chart, rows[i], axis, kHeader + pitch * static_cast<double>(i), pitch);
  return svg(chart.title, height, marks);
}

Html scatter_chart(const ScatterChart& chart, const std::vector<ScatterPoint>& all) {
  std::vector<ScatterPoint> points;
  std::ranges::copy_if(all, std::back_inserter(points), [](const ScatterPoint& point) {
    return point.y > 0 && std::isfinite(point.y) && std::isfinite(point.x);
  });
  std::string label = chart.title;
  for (const ScatterPoint& point : points) label += "; " + point.tip;
  if (points.empty()) return svg(label, kPlotHeight, svg_text(0, kPlotTop, "quiet", "not measured"));
  const auto [left, right] = std::ranges::minmax(points, {}, &ScatterPoint::x);
  const auto [low, high] = std::ranges::minmax(points, {}, &ScatterPoint::y);
  const Scale x = scale_over(left.x, right.x, kPlotLeft, kPlotRight, false);
  const Scale y = scale_over(low.y, high.y, kPlotBottom, kPlotTop, high.y > kLogarithmicFrom * low.y);
  Html marks = draw_plot(chart, x, y);
  marks += draw_front(points, x, y);
  std::ranges::stable_sort(points, {}, [](const ScatterPoint& point) { return point.front + 2 * point.strong; });
  for (const ScatterPoint& point : points) marks += draw_scatter_point(point, x, y);
  return svg(label, kPlotHeight, marks);
}

}  // namespace sparsecim::report
