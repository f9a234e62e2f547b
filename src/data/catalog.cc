// The named data sets: load_dataset and list_datasets of pronghorn/data.h.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string_view>

#include "base/file.h"
#include "data/labels.h"
#include "formats/idx.h"
#include "formats/npz.h"
#include "pronghorn/data.h"
#include "pronghorn/error.h"

namespace pronghorn {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kClasses = 10;
constexpr int64_t kSide = 28;  // pixels

struct Entry {
  std::string_view name;
  std::string_view description;
};
constexpr std::array<Entry, 3> kCatalog = {{
    {"mnist-10k",
     "10,000 real MNIST digits, 9,000 to train on and 1,000 to test on; 28x28x1, "
     "10 classes; part of Pronghorn"},
    {"mnist", "the 60,000 + 10,000 MNIST digits, 28x28x1, 10 classes"},
    {"fashion-mnist", "60,000 + 10,000 images of clothes, 28x28x1, 10 classes"},
}};

// Of the four files, as MNIST and all that imitate it name them.
constexpr std::array<const char*, 4> kIdxNames = {
    "train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte"};

// Where a data set lies: an .npz file, or four idx files.
struct Location {
  std::string npz;
  std::array<std::string, 4> idx;
  std::string where;
};

std::vector<fs::path> shipped_directories() {
  std::vector<fs::path> roots;
  if (const char* chosen = std::getenv("PRONGHORN_DATA"); chosen && *chosen)
    roots.push_back(chosen);
  // Of a program that was installed and then moved, its data lie beside it.
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (!error) roots.push_back(program.parent_path().parent_path() / PRONGHORN_DATA_BELOW_PREFIX);
  roots.push_back(PRONGHORN_INSTALLED_DATA);
  roots.push_back(PRONGHORN_SOURCE_DATA);
  for (fs::path& root : roots) root /= "mnist10k";
  return roots;
}

std::vector<fs::path> directories_of(const std::string& name, const std::string& data_dir) {
  if (name == "mnist-10k") return shipped_directories();
  std::vector<fs::path> directories;
  if (!data_dir.empty()) {
    directories.push_back(fs::path(data_dir) / name);
    directories.push_back(data_dir);
  }
  if (name == "fashion-mnist") directories.push_back("/usr/share/datasets/fashion-mnist");
  return directories;
}

// The four files in a directory, each plain or .gz. `missing` gets those that are not there.
std::optional<Location> find_in(const fs::path& directory, const std::string& name,
                                std::vector<std::string>& missing) {
  Location location;
  location.where = directory.string();
  if (const fs::path npz = directory / (name + ".npz"); is_file(npz.string())) {
    location.npz = location.where = npz.string();
    return location;
  }
  for (size_t i = 0; i < kIdxNames.size(); ++i) {
    const std::string plain = (directory / kIdxNames[i]).string();
    if (is_file(plain))
      location.idx[i] = plain;
    else if (is_file(plain + ".gz"))
      location.idx[i] = plain + ".gz";
    else
      missing.push_back(kIdxNames[i]);
  }
  return missing.empty() ? std::optional(location) : std::nullopt;
}

struct Search {
  std::optional<Location> found;
  std::string missing;  // where not found: what to do
};

Search search(const std::string& name, const std::string& data_dir) {
  std::vector<std::string> looked_in;
  for (const fs::path& directory : directories_of(name, data_dir)) {
    std::vector<std::string> missing;
    if (auto location = find_in(directory, name, missing)) return {location, ""};
    looked_in.push_back("'" + directory.string() + "'");
    // Some of the four: surely meant, so the others are the news.
    if (missing.size() < kIdxNames.size()) {
      return {std::nullopt, fmt::format("{} lacks {} (plain or .gz)", looked_in.back(),
                                        fmt::join(missing, ", "))};
    }
  }
  const std::string places =
      looked_in.empty() ? "" : fmt::format(" (looked in {})", fmt::join(looked_in, ", "));
  if (name == "mnist-10k") {
    return {std::nullopt, "its files are part of Pronghorn but were not found" + places +
                              "; set PRONGHORN_DATA to the directory that has mnist10k"};
  }
  const std::string files =
      fmt::format("the files {} (plain or .gz), or {}.npz", fmt::join(kIdxNames, ", "), name);
  if (name == "fashion-mnist") {
    return {std::nullopt, fmt::format("`apt install dataset-fashion-mnist`, or name the directory "
                                      "that has {}, with --data-dir{}",
                                      files, places)};
  }
  return {std::nullopt,
          fmt::format("name the directory that has {}, with --data-dir{}", files, places)};
}

// Pixels (n, 28, 28) and labels (n) become a data set.
Dataset assemble(const std::string& name, Array x, Array y, const std::string& x_path,
                 const std::string& y_path) {
  const int64_t samples = x.samples();
  if (samples < 1 ||
      (x.shape != Shape{samples, kSide, kSide} && x.shape != Shape{samples, kSide, kSide, 1})) {
    throw FileError(fmt::format("'{}': images of shape {}; (n, {}, {}) would be right", x_path,
                                x.shape.to_string(), kSide, kSide));
  }
  if (y.shape != Shape{samples}) {
    throw FileError(fmt::format("'{}': labels of shape {} for {} images; ({},) would be right",
                                y_path, y.shape.to_string(), samples, samples));
  }
  // Not so only in an .npz whose images are no bytes.
  if (!std::all_of(x.values.begin(), x.values.end(), [](float v) { return v >= 0 && v <= 1; })) {
    throw FileError(
        fmt::format("'{}': has values outside [0, 1]; unsigned bytes, or floats from 0 "
                    "to 1, would be right",
                    x_path));
  }
  data::check_labels(y, kClasses, y_path);
  x.shape = {samples, kSide, kSide, 1};
  return {name, std::move(x), std::move(y), kClasses};
}

Dataset load_idx_pair(const std::string& name, const std::string& x_path,
                      const std::string& y_path) {
  const formats::ByteArray pixels = formats::read_idx(x_path);
  const formats::ByteArray classes = formats::read_idx(y_path);
  // Division, as in Keras's examples: a product with 1/255 differs in the last bit.
  std::array<float, 256> grey;
  for (size_t byte = 0; byte < grey.size(); ++byte) grey[byte] = static_cast<float>(byte) / 255.0f;
  Array x{pixels.shape, std::vector<float>(pixels.values.size())};
  std::transform(pixels.values.begin(), pixels.values.end(), x.values.begin(),
                 [&](uint8_t byte) { return grey[byte]; });
  Array y{classes.shape, std::vector<float>(classes.values.begin(), classes.values.end())};
  return assemble(name, std::move(x), std::move(y), x_path, y_path);
}

}  // namespace

TrainAndTest load_dataset(const std::string& name, const std::string& data_dir) {
  const bool known =
      std::any_of(kCatalog.begin(), kCatalog.end(), [&](const Entry& e) { return e.name == name; });
  if (!known) {
    std::vector<std::string_view> names;
    for (const Entry& entry : kCatalog) names.push_back(entry.name);
    throw ArgumentError(fmt::format("there is no data set '{}'; the known ones are {}", name,
                                    fmt::join(names, ", ")));
  }
  std::error_code error;
  if (!data_dir.empty() && !fs::is_directory(data_dir, error))
    throw FileError(fmt::format("'{}': no such directory of data", data_dir));
  const Search result = search(name, data_dir);
  if (!result.found)
    throw FileError(fmt::format("data set '{}' is missing: {}", name, result.missing));
  const Location& location = *result.found;
  if (location.npz.empty()) {
    return {load_idx_pair(name, location.idx[0], location.idx[1]),
            load_idx_pair(name, location.idx[2], location.idx[3])};
  }
  TrainAndTest sets = load_npz(location.npz);
  const auto part = [&](Dataset& set, const char* which) {
    return assemble(name, std::move(set.x), std::move(set.y),
                    fmt::format("{}:x_{}", location.npz, which),
                    fmt::format("{}:y_{}", location.npz, which));
  };
  return {part(sets.train, "train"), part(sets.test, "test")};
}

std::vector<DatasetInfo> list_datasets(const std::string& data_dir) {
  std::vector<DatasetInfo> infos;
  for (const Entry& entry : kCatalog) {
    const Search result = search(std::string(entry.name), data_dir);
    infos.push_back({std::string(entry.name), std::string(entry.description),
                     result.found ? result.found->where : "", result.missing});
  }
  return infos;
}

}  // namespace pronghorn
