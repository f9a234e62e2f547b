#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pronghorn/data.h"

namespace pronghorn::formats {

// A table of numbers.
struct CsvTable {
  // The names in the first line, or empty where that line has numbers.
  std::vector<std::string> header;
  // (rows, columns)
  Array cells;
};

// Comma-separated numbers as RFC 4180 has them: quoted cells, "" for a quote in one, lines that end
// in LF or CRLF, a byte order mark before the first. Empty lines are skipped. The first line is a
// header if none of its cells is a number. A gzip file is inflated. Throws FileError with line and
// column (both from 1, the column counting cells) for rows of different lengths, cells that are no
// finite numbers, and broken quoting.
CsvTable read_csv(const std::string& path);
// `path` is for messages only.
CsvTable parse_csv(std::string_view text, const std::string& path);

}  // namespace pronghorn::formats
