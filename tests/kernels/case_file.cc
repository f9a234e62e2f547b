#include "kernels/case_file.h"

#include <fmt/format.h>

#include <fstream>
#include <set>
#include <sstream>
#include <stdexcept>

namespace pronghorn::test {

std::string Case::text(std::string_view key, std::string_view fallback) const {
  const auto found = settings.find(key);
  return found == settings.end() ? std::string(fallback) : found->second;
}
const std::string& Case::text(std::string_view key) const {
  const auto found = settings.find(key);
  if (found == settings.end())
    throw std::runtime_error(fmt::format("case {} of {}.txt has no '{}'", name, file, key));
  return found->second;
}
int64_t Case::integer(std::string_view key, int64_t fallback) const {
  return has(key) ? integer(key) : fallback;
}
int64_t Case::integer(std::string_view key) const { return std::stoll(text(key)); }
double Case::real(std::string_view key, double fallback) const {
  return has(key) ? std::stod(text(key)) : fallback;
}
Shape Case::shape(std::string_view key) const { return parse_shape(text(key)); }

std::pair<int64_t, int64_t> Case::pair(std::string_view key, int64_t fallback) const {
  if (!has(key)) return {fallback, fallback};
  const Shape extents = shape(key);
  return {extents[0], extents[1]};
}

std::vector<std::string> Case::list(std::string_view key) const {
  std::vector<std::string> items;
  std::istringstream stream(text(key, ""));
  for (std::string item; std::getline(stream, item, ',');) items.push_back(item);
  return items;
}

Shape parse_shape(std::string_view text) {
  std::vector<int64_t> extents;
  std::istringstream stream{std::string(text)};
  for (std::string extent; std::getline(stream, extent, 'x');)
    extents.push_back(std::stoll(extent));
  return Shape(std::move(extents));
}

std::vector<Case> read_cases(const std::string& file) {
  const std::string path = fmt::format("{}/bench/shapes/{}.txt", PRONGHORN_SOURCE_DIR, file);
  std::ifstream stream(path);
  if (!stream) throw std::runtime_error("can't read " + path);
  std::vector<Case> cases;
  std::set<std::string> names;
  int number = 0;
  for (std::string line; std::getline(stream, line);) {
    ++number;
    std::istringstream words(line.substr(0, line.find('#')));
    Case found;
    found.file = file;
    if (!(words >> found.name)) continue;
    if (!names.insert(found.name).second)
      throw std::runtime_error(fmt::format("{}:{}: a second '{}'", path, number, found.name));
    for (std::string word; words >> word;) {
      const size_t equals = word.find('=');
      if (equals == std::string::npos)
        throw std::runtime_error(fmt::format("{}:{}: '{}' is no key=value", path, number, word));
      found.settings[word.substr(0, equals)] = word.substr(equals + 1);
    }
    cases.push_back(std::move(found));
  }
  return cases;
}

}  // namespace pronghorn::test
