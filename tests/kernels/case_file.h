#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "pronghorn/shape.h"

namespace pronghorn::test {

// One line of a file in bench/shapes (its README.md describes the format).
struct Case {
  std::string file;  // "conv2d", without ".txt"
  std::string name;
  std::map<std::string, std::string, std::less<>> settings;

  // A setting, or `fallback` where the line doesn't have it. Without a fallback: throws where it is
  // missing.
  std::string text(std::string_view key, std::string_view fallback) const;
  const std::string& text(std::string_view key) const;
  int64_t integer(std::string_view key, int64_t fallback) const;
  int64_t integer(std::string_view key) const;
  double real(std::string_view key, double fallback) const;
  bool has(std::string_view key) const { return settings.find(key) != settings.end(); }
  // "3x5x7"
  Shape shape(std::string_view key) const;
  // Two extents, "2x2"; the fallback for both.
  std::pair<int64_t, int64_t> pair(std::string_view key, int64_t fallback) const;
  // "a,b,c"
  std::vector<std::string> list(std::string_view key) const;
};

// The cases of bench/shapes/`file`.txt. Throws std::runtime_error, with file and line, where it is
// malformed.
std::vector<Case> read_cases(const std::string& file);

Shape parse_shape(std::string_view text);

}  // namespace pronghorn::test
