#include "formats/idx.h"

#include <fmt/format.h>

#include <optional>

#include "base/file.h"
#include "formats/checked.h"
#include "formats/gzip.h"
#include "pronghorn/error.h"

namespace pronghorn::formats {
namespace {

constexpr uint8_t kUnsignedBytes = 0x08;
// Images in color, in time, in batches: nobody has more. A bound keeps broken files from being
// read as arrays of 255 dimensions.
constexpr int kMaxRank = 8;
constexpr size_t kMagicBytes = 4;

uint8_t byte_at(std::string_view bytes, size_t index) { return static_cast<uint8_t>(bytes[index]); }

struct Header {
  Shape shape;
  size_t header_bytes;
  uint64_t value_bytes;
};

// `prefix` has the whole header, or less where the file is shorter.
Header parse_header(std::string_view prefix, const std::string& path) {
  if (prefix.size() < kMagicBytes) {
    throw FileError(
        fmt::format("'{}': truncated: has {} bytes, but an idx file begins with 4 that "
                    "say what it holds",
                    path, prefix.size()));
  }
  const uint8_t type = byte_at(prefix, 2);
  const uint8_t rank = byte_at(prefix, 3);
  if (byte_at(prefix, 0) != 0 || byte_at(prefix, 1) != 0 || rank < 1 || rank > kMaxRank) {
    throw FileError(
        fmt::format("'{}': no idx file: begins with {:02x} {:02x} {:02x} {:02x}; "
                    "00 00 08 03 (images) or 00 00 08 01 (labels) would be right",
                    path, byte_at(prefix, 0), byte_at(prefix, 1), type, rank));
  }
  if (type != kUnsignedBytes) {
    throw FileError(
        fmt::format("'{}': idx file of type 0x{:02x}; only unsigned bytes (0x08) are "
                    "read",
                    path, type));
  }
  const size_t header_bytes = kMagicBytes + 4 * size_t{rank};
  if (prefix.size() < header_bytes) {
    throw FileError(fmt::format("'{}': truncated at byte {}, within its {} dimensions", path,
                                prefix.size(), rank));
  }
  std::vector<int64_t> extents;
  for (size_t at = kMagicBytes; at < header_bytes; at += 4) {
    extents.push_back(int64_t{byte_at(prefix, at)} << 24 | int64_t{byte_at(prefix, at + 1)} << 16 |
                      int64_t{byte_at(prefix, at + 2)} << 8 | int64_t{byte_at(prefix, at + 3)});
  }
  const std::optional<int64_t> elements = checked_product(extents);
  Shape shape(std::move(extents));
  if (!elements || static_cast<uint64_t>(*elements) > kMaxFileBytes) {
    throw FileError(fmt::format("'{}': claims the shape {}, more than the {} bytes that are read",
                                path, shape.to_string(), kMaxFileBytes));
  }
  return {std::move(shape), header_bytes, static_cast<uint64_t>(*elements)};
}

}  // namespace

ByteArray parse_idx(std::string_view bytes, const std::string& path) {
  // Of a compressed file, the header is looked at first: it says how much may follow.
  constexpr size_t kMaxHeaderBytes = kMagicBytes + 4 * kMaxRank;
  std::string inflated = is_gzip(bytes) ? gunzip_prefix(bytes, path, kMaxHeaderBytes) : "";
  const Header header = parse_header(is_gzip(bytes) ? inflated : bytes, path);
  const uint64_t expected = header.header_bytes + header.value_bytes;
  if (is_gzip(bytes)) {
    inflated = gunzip(bytes, path, expected);
    bytes = inflated;
  }
  if (bytes.size() != expected) {
    throw FileError(fmt::format("'{}': {}: has {} bytes, but its shape {} needs {}", path,
                                bytes.size() < expected ? "truncated" : "too long", bytes.size(),
                                header.shape.to_string(), expected));
  }
  const auto values = bytes.substr(header.header_bytes);
  return {header.shape, std::vector<uint8_t>(values.begin(), values.end())};
}

ByteArray read_idx(const std::string& path) { return parse_idx(read_file(path), path); }

}  // namespace pronghorn::formats
