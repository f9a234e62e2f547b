#include "formats/npz.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/file.h"
#include "pronghorn/error.h"

namespace pronghorn::formats {
namespace {

constexpr std::string_view kSuffix = ".npy";

}  // namespace

NpzFile::NpzFile(const std::string& path) : NpzFile(read_file(path), path) {}

NpzFile::NpzFile(std::string bytes, const std::string& path)
    : path_(path), zip_(std::move(bytes), path, ".npz") {
  for (const std::string& name : zip_.names())
    // Others say nothing to NumPy either.
    if (name.ends_with(kSuffix)) names_.push_back(name.substr(0, name.size() - kSuffix.size()));
}

bool NpzFile::has(const std::string& name) const {
  return std::find(names_.begin(), names_.end(), name) != names_.end();
}

NpyArray NpzFile::read(const std::string& name) {
  if (!has(name)) {
    throw FileError(
        fmt::format("'{}': has no array '{}'; it has {}", path_, name,
                    names_.empty() ? "none" : fmt::format("{}", fmt::join(names_, ", "))));
  }
  const std::string member = name + std::string(kSuffix);
  return parse_npy(zip_.read(member), path_ + ":" + member);
}

}  // namespace pronghorn::formats
