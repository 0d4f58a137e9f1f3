#include "report/table.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/check.hpp"
#include "report/printable.hpp"

namespace sparsecim {
namespace {

using report::Glyph;
using report::glyphs;

constexpr int kGap = 2;            // blanks between columns
constexpr int kNarrowestText = 8;  // a text column is not shortened below this
constexpr std::string_view kEllipsis = "…";

int width_of(const std::vector<Glyph>& line) {
  return std::accumulate(line.begin(), line.end(), 0, [](int sum, const Glyph& glyph) { return sum + glyph.width; });
}

std::string joined(auto begin, auto end) {
  std::string text;
  for (; begin != end; ++begin) text += begin->bytes;
  return text;
}

/// As much of both ends as fits into `width` columns: names of matrices differ at both.
std::string shortened(std::string_view text, int width) {
  const auto line = glyphs(text);
  if (width_of(line) <= width) return joined(line.begin(), line.end());
  int room = width - 1;  // one column for the ellipsis
  auto head = line.begin();
  auto tail = line.end();
  for (int left = room / 2; head != line.end() && head->width <= left; ++head) left -= head->width, room -= head->width;
  while (tail != head && std::prev(tail)->width <= room) room -= (--tail)->width;
  while (tail != line.end() && tail->width == 0) ++tail;  // a mark whose base letter was cut away
  return joined(line.begin(), head) + std::string(kEllipsis) + joined(tail, line.end());
}

/// A number, perhaps with a sign or "~" in front and a unit behind; an empty cell and "-" (no value) go with numbers.
bool numeric(std::string_view cell) {
  if (cell.empty() || cell == "-" || cell == "–") return true;
  const auto digit = cell.find_first_not_of("+-~<>=. ");
  return digit != std::string_view::npos && cell[digit] >= '0' && cell[digit] <= '9' &&
         cell.find(':') == std::string_view::npos;  // 4:8 is a pattern
}

struct ColumnLayout {
  int width = 0;
  bool number = true;
};

using Rows = std::vector<std::vector<std::string>>;

std::vector<ColumnLayout> natural_layout(const std::vector<std::string>& titles, const Rows& rows) {
  std::vector<ColumnLayout> layout(titles.size());
  for (std::size_t column = 0; column < titles.size(); ++column) {
    bool any = false;
    layout[column].width = display_width(titles[column]);
    for (const auto& row : rows) {
      if (row.empty()) continue;
      layout[column].width = std::max(layout[column].width, display_width(row[column]));
      layout[column].number &= numeric(row[column]);
      any |= !row[column].empty();
    }
    layout[column].number &= any;
  }
  return layout;
}

int total_width(const std::vector<ColumnLayout>& layout) {
  int total = kGap * (static_cast<int>(layout.size()) - 1);
  for (const auto& column : layout) total += column.width;
  return total;
}

/// Takes columns from the widest text, one at a time, until the lines fit or no text can give more.
void fit(std::vector<ColumnLayout>& layout, int width) {
  const auto spare = [](const ColumnLayout& column) { return column.number ? 0 : column.width; };
  while (total_width(layout) > width) {
    const auto widest = std::ranges::max_element(layout, {}, spare);
    if (widest == layout.end() || spare(*widest) <= kNarrowestText) return;
    --widest->width;
  }
}

std::string line_of(const std::vector<std::string>& cells, const std::vector<ColumnLayout>& layout) {
  std::string line;
  int owed = 0;  // blanks not yet printed, so that no line ends in them
  for (std::size_t column = 0; column < cells.size(); ++column) {
    const std::string cell = shortened(cells[column], layout[column].width);
    const int padding = layout[column].width - display_width(cell);
    if (layout[column].number) owed += padding;
    if (!cell.empty()) line += std::string(static_cast<std::size_t>(std::exchange(owed, 0)), ' ') + cell;
    owed += kGap + (layout[column].number ? 0 : padding);
  }
  return line + "\n";
}

std::string rule_of(int width) {
  std::string line;
  for (int column = 0; column < width; ++column) line += "─";
  return line + "\n";
}

}  // namespace

int display_width(std::string_view text) { return width_of(glyphs(text)); }

int output_width() {
  winsize size{};
  if (isatty(STDOUT_FILENO) == 0 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 100;
  return size.ws_col;
}

Table::Table(std::vector<std::string> titles) : titles_(std::move(titles)) { SC_CHECK(!titles_.empty()); }

Table& Table::row(std::vector<std::string> cells) {
  SC_CHECK(cells.size() == titles_.size());
  rows_.push_back(std::move(cells));
  return *this;
}

Table& Table::rule() {
  rows_.emplace_back();
  return *this;
}

std::string Table::text(int width) const {
  auto layout = natural_layout(titles_, rows_);
  if (width > 0) fit(layout, width);
  const std::string rule = rule_of(total_width(layout));
  std::string text = line_of(titles_, layout) + rule;
  for (const auto& row : rows_) text += row.empty() ? rule : line_of(row, layout);
  return text;
}

}  // namespace sparsecim
