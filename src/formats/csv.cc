#include "formats/csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "formats/gzip.h"
#include "pronghorn/error.h"

namespace pronghorn::formats {
namespace {

// A row at a time; the row's memory is used again for the next.
class RowReader {
 public:
  RowReader(std::string_view text, const std::string& path) : text_(text), path_(path) {
    if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3);
  }

  // False at the end of the file.
  bool next(std::vector<std::string>& cells) {
    while (at_ < text_.size() && at_line_end()) skip_line_end();
    if (at_ >= text_.size()) return false;
    row_line_ = line_;
    size_t column = 0;
    for (;;) {
      if (column == cells.size()) cells.emplace_back();
      read_cell(cells[column], column + 1);
      ++column;
      if (at_ < text_.size() && text_[at_] == ',') {
        ++at_;
        continue;
      }
      break;
    }
    cells.resize(column);
    skip_line_end();
    return true;
  }

  // On which the row that was read began.
  int64_t line() const { return row_line_; }

 private:
  bool at_line_end() const {
    return text_[at_] == '\n' || text_.substr(at_, 2) == "\r\n" ||
           (text_[at_] == '\r' && at_ + 1 == text_.size());
  }
  void skip_line_end() {
    if (at_ < text_.size() && text_[at_] == '\r') ++at_;
    if (at_ < text_.size() && text_[at_] == '\n') ++at_;
    ++line_;
  }

  void read_cell(std::string& cell, size_t column) {
    cell.clear();
    if (at_ < text_.size() && text_[at_] == '"') return read_quoted_cell(cell, column);
    const size_t begin = at_;
    while (at_ < text_.size() && text_[at_] != ',' && !at_line_end()) ++at_;
    cell.assign(text_.substr(begin, at_ - begin));
  }

  void read_quoted_cell(std::string& cell, size_t column) {
    for (++at_;; ++at_) {
      if (at_ >= text_.size()) {
        throw FileError(
            fmt::format("'{}': line {}, column {}: the quote that opens here is never "
                        "closed",
                        path_, row_line_, column));
      }
      if (text_[at_] == '"') {
        if (text_.substr(at_, 2) != "\"\"") break;
        ++at_;
      }
      if (text_[at_] == '\n') ++line_;
      cell += text_[at_];
    }
    ++at_;
    if (at_ < text_.size() && text_[at_] != ',' && !at_line_end()) {
      throw FileError(
          fmt::format("'{}': line {}, column {}: text follows a closing quote; a comma "
                      "or the line's end would be right",
                      path_, line_, column));
    }
  }

  std::string_view text_;
  const std::string& path_;
  size_t at_ = 0;
  int64_t line_ = 1;
  int64_t row_line_ = 1;
};

// Nothing where the cell is no number; infinite and NaN are none.
std::optional<float> parse_number(std::string_view cell) {
  const auto is_space = [](char c) { return c == ' ' || c == '\t'; };
  while (!cell.empty() && is_space(cell.front())) cell.remove_prefix(1);
  while (!cell.empty() && is_space(cell.back())) cell.remove_suffix(1);
  if (cell.starts_with('+') && !cell.starts_with("+-")) cell.remove_prefix(1);
  double number = 0;
  const auto [end, status] = std::from_chars(cell.data(), cell.data() + cell.size(), number);
  if (cell.empty() || status != std::errc() || end != cell.data() + cell.size())
    return std::nullopt;
  if (!(std::abs(number) <= std::numeric_limits<float>::max())) return std::nullopt;
  return static_cast<float>(number);
}

std::string shown(const std::string& cell) {
  if (cell.find_first_not_of(" \t") == std::string::npos) return "an empty cell";
  constexpr size_t kShown = 40;
  std::string text = cell.size() > kShown ? cell.substr(0, kShown) + "..." : cell;
  // One line on a terminal whatever the file holds.
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  return "'" + text + "'";
}

}  // namespace

CsvTable parse_csv(std::string_view text, const std::string& path) {
  RowReader reader(text, path);
  std::vector<std::string> row;
  CsvTable table;
  size_t columns = 0;
  int64_t rows = 0;
  bool first = true;
  while (reader.next(row)) {
    if (first) {
      first = false;
      columns = row.size();
      const bool names =
          std::none_of(row.begin(), row.end(), [](const auto& cell) { return parse_number(cell); });
      if (names) {
        table.header = row;
        continue;
      }
    }
    if (row.size() != columns) {
      throw FileError(fmt::format("'{}': line {}: has {} columns, but the first line has {}", path,
                                  reader.line(), row.size(), columns));
    }
    for (size_t column = 0; column < columns; ++column) {
      const std::optional<float> number = parse_number(row[column]);
      if (!number) {
        throw FileError(fmt::format(
            "'{}': line {}, column {}: {} is no finite number{}", path, reader.line(), column + 1,
            shown(row[column]),
            rows == 0 && table.header.empty() ? " (a header would have no numbers at all)" : ""));
      }
      table.cells.values.push_back(*number);
    }
    ++rows;
  }
  if (rows == 0) throw FileError(fmt::format("'{}': has no row of numbers", path));
  table.cells.shape = {rows, static_cast<int64_t>(columns)};
  return table;
}

CsvTable read_csv(const std::string& path) { return parse_csv(read_file_or_gzip(path), path); }

}  // namespace pronghorn::formats
