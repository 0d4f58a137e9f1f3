#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sparsecim {

/// How many terminal columns `text` takes: wide characters count two, combining marks none.
int display_width(std::string_view text);

/// The width of the terminal on stdout; 100 where stdout is a file or a pipe.
int output_width();

/// A table for terminals. Columns whose every entry is a number ("12,345", "-1.2 ms", "3.0 x") are flushed right,
/// others left. Control characters and invalid UTF-8 in the cells are shown as U+FFFD: names come from files.
class Table {
 public:
  explicit Table(std::vector<std::string> titles);

  /// REQUIRES: as many cells as there are titles.
  Table& row(std::vector<std::string> cells);
  /// A line across the table, between the rows before and after it.
  Table& rule();

  /// The table, each line ending in a newline and without trailing blanks. Text columns are shortened in the middle
  /// ("model.lay…q_proj", never below 8 columns) until the lines fit `width`; numbers are never cut, so that a table of
  /// too many numbers is wider. A width of 0 leaves everything whole.
  std::string text(int width = output_width()) const;

 private:
  std::vector<std::string> titles_;
  std::vector<std::vector<std::string>> rows_;  // an empty row is a rule
};

}  // namespace sparsecim
