#include "formats/hdf5_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "formats/hdf5_values.h"
#include "formats/numbers.h"
#include "pronghorn/error.h"

namespace pronghorn::formats {
namespace {

constexpr size_t kDeepestPath = 64;
constexpr size_t kMostTexts = 1 << 16;
constexpr std::string_view kSignature = "\x89HDF\r\n\x1a\n";

std::vector<std::string> parts_of(const std::string& path) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin <= path.size() && !path.empty();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    parts.push_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

const char* describe(Hdf5Link::Kind kind) {
  switch (kind) {
    case Hdf5Link::Kind::kSoft:
      return "a soft";
    case Hdf5Link::Kind::kExternal:
      return "an external";
    default:
      return "a user-defined";
  }
}

Hdf5Type element_type(const Hdf5Image& image, const Hdf5Object& dataset) {
  const Hdf5Message* message = dataset.find(kDatatypeMessage);
  if (message == nullptr) throw FileError("is no array");
  if ((message->flags & 2) != 0) throw FileError("has a type that lies elsewhere");
  return read_type(image, message->begin, message->size);
}

std::vector<uint64_t> shape_of(const Hdf5Image& image, const Hdf5Object& dataset) {
  const Hdf5Message* message = dataset.find(kDataspaceMessage);
  const auto extents = message == nullptr || (message->flags & 2) != 0
                           ? std::nullopt
                           : read_dataspace(image, message->begin, message->size);
  if (!extents) throw FileError("has no shape");
  return *extents;
}

int64_t integer(const char* bytes, const Hdf5Type& type) {
  uint64_t value = 0;
  for (uint32_t i = 0; i < type.bytes; ++i)
    value =
        value << 8 | static_cast<unsigned char>(bytes[type.big_endian ? i : type.bytes - 1 - i]);
  const unsigned unused = 64 - 8 * type.bytes;
  return type.is_signed && unused > 0 ? static_cast<int64_t>(value << unused) >> unused
                                      : static_cast<int64_t>(value);
}

double number(const char* bytes, const Hdf5Type& type) {
  if (type.kind == Hdf5Type::Kind::kInteger) return static_cast<double>(integer(bytes, type));
  char ordered[8];
  for (uint32_t i = 0; i < type.bytes; ++i)
    ordered[i] = bytes[type.big_endian ? type.bytes - 1 - i : i];
  if (type.kind == Hdf5Type::Kind::kOpaque) return bfloat16_to_float(load<uint16_t>(bytes));
  if (type.bytes == 2) return half_to_float(load<uint16_t>(ordered));
  if (type.bytes == 4) return load<float>(ordered);
  return load<double>(ordered);
}

}  // namespace

bool is_hdf5(std::string_view bytes) { return bytes.starts_with(kSignature); }

void Hdf5Reader::fail(const std::string& path, const std::string& message) const {
  throw FileError(
      fmt::format("'{}': {}: {}", path_, path.empty() ? "the root group" : path, message));
}

template <class Read>
auto Hdf5Reader::at(const std::string& path, Read&& read) const {
  try {
    return read();
  } catch (const FileError& error) {
    fail(path, error.what());
  }
}

Hdf5Reader::Hdf5Reader(std::string_view bytes, const std::string& path)
    : path_(path), image_(bytes) {
  if (!is_hdf5(bytes)) throw FileError(fmt::format("'{}': is no HDF5 file", path));
  at("", [&] {
    // II: the superblock.
    const uint64_t version = image_.number(8, 1);
    const bool old = version < 2;
    const uint64_t sizes = image_.number(old ? 13 : 9, 2);
    if (version > 3 || sizes != 0x0808)
      throw FileError(fmt::format("is of a kind of HDF5 that is not read (version {})", version));
    const uint64_t base = old ? (version == 0 ? 24 : 28) : 12;
    if (image_.number(base, 8) != 0) throw FileError("does not begin at the file's begin");
    const uint64_t end = image_.number(base + 16, 8);
    if (end > bytes.size())
      throw FileError(fmt::format("truncated: has {} bytes of {}", bytes.size(), end));
    root_ = image_.number(old ? base + 40 : base + 24, 8);
  });
}

std::optional<Hdf5Object> Hdf5Reader::find(const std::string& path) const {
  const std::vector<std::string> parts = parts_of(path);
  if (parts.size() > kDeepestPath)
    fail(path, fmt::format("lies more than {} groups deep", kDeepestPath));
  Hdf5Object object = at("", [&] { return read_object(image_, root_); });
  std::string so_far;
  for (const std::string& part : parts) {
    if (part.empty() || part == "." || part == "..")
      fail(path, fmt::format("a part of the path is '{}'", part));
    const std::vector<Hdf5Link> links = at(so_far, [&] { return read_links(image_, object); });
    so_far += (so_far.empty() ? "" : "/") + part;
    const auto link = std::find_if(links.begin(), links.end(),
                                   [&](const Hdf5Link& known) { return known.name == part; });
    if (link == links.end()) return std::nullopt;
    if (link->kind != Hdf5Link::Kind::kHard)
      fail(so_far, fmt::format("is {} link, which is never followed: what a model needs must be in "
                               "the file itself",
                               describe(link->kind)));
    object = at(so_far, [&] { return read_object(image_, link->address); });
  }
  return object;
}

Hdf5Object Hdf5Reader::dataset(const std::string& path) const {
  std::optional<Hdf5Object> object = find(path);
  if (!object) fail(path, "is missing");
  if (is_group(*object)) fail(path, "is a group, not an array");
  return *std::move(object);
}

bool Hdf5Reader::has(const std::string& path) const { return find(path).has_value(); }

std::vector<std::string> Hdf5Reader::children(const std::string& group) const {
  std::vector<std::string> names;
  const std::optional<Hdf5Object> object = find(group);
  if (!object) return names;
  if (!is_group(*object)) fail(group, "is no group");
  for (const Hdf5Link& link : at(group, [&] { return read_links(image_, *object); }))
    names.push_back(link.name);
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<int64_t> Hdf5Reader::extents(const std::string& path) const {
  const Hdf5Object object = dataset(path);
  std::vector<int64_t> extents;
  for (const uint64_t extent : at(path, [&] { return shape_of(image_, object); }))
    extents.push_back(static_cast<int64_t>(
        std::min<uint64_t>(extent, static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))));
  return extents;
}

Array Hdf5Reader::read(const std::string& path, const Shape& shape) const {
  const std::vector<int64_t> found = extents(path);
  if (Shape(found) != shape)
    fail(path,
         fmt::format("has shape {}; {} is expected", Shape(found).to_string(), shape.to_string()));
  const Hdf5Object object = dataset(path);
  return at(path, [&] {
    const Hdf5Type type = element_type(image_, object);
    const bool integers =
        type.kind == Hdf5Type::Kind::kInteger && type.bytes >= 1 && type.bytes <= 8;
    // As Keras stores what NumPy has not.
    const bool bfloat16 =
        type.kind == Hdf5Type::Kind::kOpaque && type.bytes == 2 &&
        read_text_attribute(image_, object, "dtype") == std::vector<std::string>{"bfloat16"};
    if (!integers && type.kind != Hdf5Type::Kind::kFloat && !bfloat16)
      throw FileError(
          "its elements are no numbers that are read; floating-point numbers of 2, 4 and 8 bytes "
          "and integers are");
    const std::string raw = read_values(image_, object, shape_of(image_, object), type.bytes);
    Array array{shape, std::vector<float>(raw.size() / type.bytes)};
    if (type.kind == Hdf5Type::Kind::kFloat && type.bytes == 4 && !type.big_endian) {
      if (!raw.empty()) std::memcpy(array.values.data(), raw.data(), raw.size());
      return array;
    }
    for (size_t i = 0; i < array.values.size(); ++i)
      array.values[i] = static_cast<float>(number(raw.data() + i * type.bytes, type));
    return array;
  });
}

int64_t Hdf5Reader::read_integer(const std::string& path) const {
  const Hdf5Object object = dataset(path);
  return at(path, [&] {
    const Hdf5Type type = element_type(image_, object);
    const std::vector<uint64_t> shape = shape_of(image_, object);
    if (type.kind != Hdf5Type::Kind::kInteger || type.bytes == 0 || type.bytes > 8 ||
        !(shape.empty() || shape == std::vector<uint64_t>{1}))
      throw FileError("must be an integer");
    return integer(read_values(image_, object, shape, type.bytes).data(), type);
  });
}

double Hdf5Reader::read_number(const std::string& path) const {
  const std::vector<int64_t> found = extents(path);
  return read(path, Shape(found.empty() ? std::vector<int64_t>{} : std::vector<int64_t>{1}))
      .values.at(0);
}

std::optional<std::vector<std::string>> Hdf5Reader::attribute(const std::string& path,
                                                              const std::string& name) const {
  const std::optional<Hdf5Object> object = find(path);
  if (!object) return std::nullopt;
  return at(path.empty() ? fmt::format("attribute '{}'", name)
                         : fmt::format("{}, attribute '{}'", path, name),
            [&] { return read_text_attribute(image_, *object, name); });
}

std::optional<std::string> Hdf5Reader::text(const std::string& path,
                                            const std::string& name) const {
  const std::optional<std::vector<std::string>> texts = attribute(path, name);
  if (!texts) return std::nullopt;
  if (texts->size() != 1) fail(path, fmt::format("attribute '{}' is no single text", name));
  return texts->front();
}

std::optional<std::vector<std::string>> Hdf5Reader::texts(const std::string& path,
                                                          const std::string& name) const {
  if (std::optional<std::vector<std::string>> whole = attribute(path, name)) return whole;
  std::optional<std::vector<std::string>> all;
  for (int piece = 0;; ++piece) {
    const auto texts = attribute(path, fmt::format("{}{}", name, piece));
    if (!texts) return all;
    if (!all) all.emplace();
    all->insert(all->end(), texts->begin(), texts->end());
    if (all->size() > kMostTexts) fail(path, fmt::format("attribute '{}' is too long", name));
  }
}

}  // namespace pronghorn::formats
