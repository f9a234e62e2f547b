#pragma once

#include <string>
#include <vector>

namespace pronghorn::report {

// A column of a text table.
struct Column {
  // Lines of the heading, the last one stands directly above the numbers; fewer are filled up from
  // above.
  std::vector<std::string> heading;
  // Names are left, numbers right.
  bool left = false;
  // What a table that is too wide leaves out: the largest first. 0 always stays.
  int expendable = 0;
  // Columns that may be shortened (names, kernels) shrink to this before others are left out;
  // 0: never shortened.
  int shrinks_to = 0;
  // Columns side by side with the same one share it as a heading above their own.
  std::string group;
};

// Rows of text under headings, as wide as their contents are and no wider than it is told.
class Table {
 public:
  explicit Table(std::vector<Column> columns);

  // As many cells as columns. Text that came from elsewhere is made printable here.
  void add_row(std::vector<std::string> cells);
  // A line of dashes before the next row: what follows are totals.
  void add_rule();
  bool empty() const { return rows_.empty(); }

  // At most `width` columns, each line ended by a newline; no spaces at line ends.
  std::string to_string(int width) const;

 private:
  struct Layout;
  std::vector<int> natural_widths(const std::vector<size_t>& shown) const;
  Layout lay_out(int width) const;
  std::string heading(const Layout& layout) const;

  std::vector<Column> columns_;
  // A row without cells is a rule.
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace pronghorn::report
