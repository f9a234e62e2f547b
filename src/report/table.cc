#include "report/table.h"

#include <algorithm>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "report/text.h"

namespace pronghorn::report {
namespace {

std::string padded(std::string_view text, int width, bool left) {
  const int missing = width - display_width(text);
  const std::string spaces(static_cast<size_t>(std::max(missing, 0)), ' ');
  return left ? std::string(text) + spaces : spaces + std::string(text);
}

void end_line(std::string& text) {
  while (text.ends_with(' ')) text.pop_back();
  text += '\n';
}

}  // namespace

// Which columns are shown, and how wide.
struct Table::Layout {
  std::vector<size_t> shown;
  std::vector<int> widths;  // by number of the column

  int total() const {
    int sum = static_cast<int>(shown.size()) - 1;  // a space between
    for (const size_t column : shown) sum += widths[column];
    return sum;
  }
};

Table::Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

void Table::add_row(std::vector<std::string> cells) {
  if (cells.size() != columns_.size())
    throw std::logic_error("a table's row has another number of cells than the table of columns");
  for (std::string& cell : cells) cell = printable(cell);
  rows_.push_back(std::move(cells));
}

void Table::add_rule() { rows_.emplace_back(); }

// As wide as the contents; the first column of a group makes up for a heading that is wider than
// all columns under it.
std::vector<int> Table::natural_widths(const std::vector<size_t>& shown) const {
  std::vector<int> widths(columns_.size());
  for (const size_t column : shown) {
    for (const std::string& line : columns_[column].heading)
      widths[column] = std::max(widths[column], display_width(line));
    for (const auto& row : rows_)
      if (!row.empty()) widths[column] = std::max(widths[column], display_width(row[column]));
  }
  for (size_t first = 0; first < shown.size();) {
    const std::string& group = columns_[shown[first]].group;
    int sum = widths[shown[first]];
    size_t next = first + 1;
    for (; !group.empty() && next < shown.size() && columns_[shown[next]].group == group; ++next)
      sum += 1 + widths[shown[next]];
    widths[shown[first]] += std::max(0, display_width(group) - sum);
    first = next;
  }
  return widths;
}

Table::Layout Table::lay_out(int width) const {
  Layout layout;
  for (size_t column = 0; column < columns_.size(); ++column) layout.shown.push_back(column);
  const auto less_expendable = [&](size_t a, size_t b) {
    return columns_[a].expendable < columns_[b].expendable;
  };
  while (true) {
    layout.widths = natural_widths(layout.shown);
    // The widest of those that may shrink gives way first, one column at a time, so that two names
    // side by side end up equally wide.
    while (layout.total() > width) {
      int* widest = nullptr;
      for (const size_t column : layout.shown) {
        int& candidate = layout.widths[column];
        const int least = columns_[column].shrinks_to;
        if (least > 0 && candidate > least && (widest == nullptr || candidate > *widest))
          widest = &candidate;
      }
      if (widest == nullptr) break;
      --*widest;
    }
    const auto least = std::max_element(layout.shown.begin(), layout.shown.end(), less_expendable);
    if (layout.total() <= width || columns_[*least].expendable == 0) return layout;
    layout.shown.erase(least);
  }
}

std::string Table::heading(const Layout& layout) const {
  size_t lines = 0;
  for (const size_t column : layout.shown) lines = std::max(lines, columns_[column].heading.size());
  std::string result;

  std::string groups;
  bool grouped = false;
  for (size_t i = 0; i < layout.shown.size();) {
    const std::string& group = columns_[layout.shown[i]].group;
    int width = layout.widths[layout.shown[i]];
    size_t next = i + 1;
    while (!group.empty() && next < layout.shown.size() &&
           columns_[layout.shown[next]].group == group)
      width += 1 + layout.widths[layout.shown[next++]];
    if (i > 0) groups += ' ';
    groups += padded(shortened(group, width), width, false);
    grouped = grouped || !group.empty();
    i = next;
  }
  if (grouped) {
    result += groups;
    end_line(result);
  }
  for (size_t line = 0; line < lines; ++line) {
    std::string text;
    for (const size_t column : layout.shown) {
      const auto& own = columns_[column].heading;
      const size_t skipped = lines - own.size();
      if (column != layout.shown.front()) text += ' ';
      const std::string_view part = line >= skipped ? std::string_view(own[line - skipped]) : "";
      text += padded(shortened(part, layout.widths[column]), layout.widths[column],
                     columns_[column].left);
    }
    result += text;
    end_line(result);
  }
  return result;
}

std::string Table::to_string(int width) const {
  const Layout layout = lay_out(width);
  std::string result = heading(layout);
  for (const auto& row : rows_) {
    if (row.empty()) {
      result += std::string(static_cast<size_t>(layout.total()), '-') + '\n';
      continue;
    }
    for (const size_t column : layout.shown) {
      if (column != layout.shown.front()) result += ' ';
      result += padded(shortened(row[column], layout.widths[column]), layout.widths[column],
                       columns_[column].left);
    }
    end_line(result);
  }
  return result;
}

}  // namespace pronghorn::report
