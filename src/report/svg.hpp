#pragma once

#include <string>
#include <vector>

#include "report/html.hpp"
#include "report/record.hpp"

// Charts as inline SVG, all 330 units wide: a chart is as wide as a phone, and pages put several side by side, so that
// letters keep their size on both. Colours are CSS colours or variables of the page; every mark says its value on
// hover.
namespace sparsecim::report {

struct Segment {
  double amount;
  std::string fill;  // "var(--subject)", "#2a9d8f"
  std::string tip;   // said on hover
};

/// A horizontal bar of one or more segments from zero.
struct Bar {
  std::string label;
  std::vector<Segment> segments;  // none: "not measured"
  std::string shown;              // written behind the bar
  Number low, high;               // an uncertainty band, drawn as a whisker
  bool strong = false;            // the bar that the reader is meant to find
};
/// `title` is what a screen reader says, followed by every label and value.
Html bar_chart(const std::string& title, const std::vector<Bar>& bars);

struct Cell {
  std::size_t row, column;
  std::string label, tip, fill, ink;  // ink: colour of the label
};
/// A map of coloured cells. Rows are as high as those of row_chart, so that the two can stand side by side.
Html cell_map(const std::string& title, const std::vector<std::string>& rows, const std::vector<std::string>& columns,
              const std::vector<Cell>& cells);

struct Mark {
  double value;
  std::string tip;
};
/// One row of a row_chart: a bar or a point for the row itself, dots for its parts.
struct Row {
  std::string label;
  std::vector<Mark> value;  // at most one
  std::vector<Mark> parts;
};
struct RowChart {
  std::string title;
  bool from_zero = true;  // bars from zero; otherwise points on an axis that spans the values
  Number reference;       // a dashed line, on the axis in any case
  double factor = 1;      // the axis is labelled with value * factor ...
  std::string unit = "";  // ... and this behind it
};
Html row_chart(const RowChart& chart, const std::vector<Row>& rows);

struct ScatterPoint {
  double x, y;
  std::string fill, tip;
  bool front = false;   // joined by the line; others are drawn pale
  bool strong = false;  // the point that the reader is meant to find
};
/// Both axes are labelled with value * factor and the unit behind it; y is logarithmic where it spans more than a
/// factor of three.
struct ScatterChart {
  std::string title, x_name, y_name;
  double x_factor = 1;
  std::string x_unit = "";
};
/// Points whose y is not positive are left out.
Html scatter_chart(const ScatterChart& chart, const std::vector<ScatterPoint>& points);

}  // namespace sparsecim::report
