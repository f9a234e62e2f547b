#include "formats/hdf5_values.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>

#include "formats/checked.h"
#include "pronghorn/error.h"

namespace pronghorn::formats {
namespace {

// Numbers of the filters that are HDF5's own.
constexpr uint64_t kGzip = 1;
constexpr uint64_t kShuffle = 2;
constexpr uint64_t kFletcher32 = 3;
constexpr size_t kFletcherBytes = 4;  // a checksum behind the data

constexpr unsigned kDeepestTree = 32;

// IV.A.2.l
std::vector<uint64_t> read_filters(const Hdf5Image& image, const Hdf5Object& dataset) {
  std::vector<uint64_t> filters;
  const Hdf5Message* message = dataset.find(kFiltersMessage);
  if (message == nullptr) return filters;
  const uint64_t version = image.number(message->begin, 1);
  const uint64_t count = image.number(message->begin + 1, 1);
  uint64_t at = message->begin + (version == 1 ? 8 : 2);
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t filter = image.number(at, 2);
    if (filter != kGzip && filter != kShuffle && filter != kFletcher32)
      throw FileError(fmt::format(
          "is compressed by HDF5's filter {}; gzip, shuffle and fletcher32 can be read", filter));
    filters.push_back(filter);
    const bool named = version == 1 || filter >= 256;
    const uint64_t name = named ? image.number(at + 2, 2) : 0;
    at += named ? 4 : 2;
    const uint64_t values = image.number(at + 2, 2);
    at += 4 + name + 4 * values + (version == 1 && values % 2 != 0 ? 4 : 0);
  }
  return filters;
}

std::string inflated(std::string_view bytes, size_t most) {
  std::string result(most, '\0');
  uLongf size = most;
  if (uncompress(reinterpret_cast<Bytef*>(result.data()), &size,
                 reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()) != Z_OK)
    throw FileError(
        fmt::format("a chunk's gzip data is corrupt or expands to more than {} bytes", most));
  result.resize(size);
  return result;
}

// The bytes of all elements were stored first bytes first.
std::string unshuffled(const std::string& bytes, size_t element) {
  const size_t count = bytes.size() / element;
  std::string result = bytes;
  for (size_t i = 0; i < count; ++i)
    for (size_t byte = 0; byte < element; ++byte)
      result[i * element + byte] = bytes[byte * count + i];
  return result;
}

// A dataset in chunks, under a version 1 tree (III.A.1).
class Chunks {
 public:
  Chunks(const Hdf5Image& image, const Hdf5Object& dataset, const std::vector<uint64_t>& extents,
         uint32_t element)
      : image_(image),
        filters_(read_filters(image, dataset)),
        extents_(extents),
        element_(element) {}

  // `layout` is where the message tells the rank (IV.A.2.i, version 3).
  std::string read(uint64_t layout) {
    const size_t rank = extents_.size();
    if (rank == 0 || image_.number(layout, 1) != rank + 1) corrupt("a chunk's rank");
    for (size_t axis = 0; axis < rank; ++axis)
      chunk_.push_back(image_.number(layout + 9 + 4 * axis, 4));
    const auto product = [&](const std::vector<uint64_t>& sizes) {
      const auto bytes =
          checked_product(std::vector<int64_t>(sizes.begin(), sizes.end()), element_);
      if (!bytes) corrupt("a chunk's size");
      return static_cast<uint64_t>(*bytes);
    };
    chunk_bytes_ = product(chunk_);
    const uint64_t bytes = product(extents_);
    // A chunk may be larger than the array, but not out of all proportion.
    constexpr uint64_t kSmallChunk = 1 << 20;
    if (chunk_bytes_ == 0 || chunk_bytes_ > std::max(2 * bytes, kSmallChunk))
      corrupt("chunks larger than the array");
    uint64_t chunks = 1;
    for (size_t axis = 0; axis < rank; ++axis)
      chunks *= (extents_[axis] + chunk_[axis] - 1) / chunk_[axis];
    // Each stands in the tree with its place.
    if (chunks > image_.size() / 16) throw FileError("its values are not all there");
    values_.assign(bytes, '\0');
    walk(image_.number(layout + 1, 8), 0);
    if (placed_ != chunks) throw FileError("its values are not all there");
    return std::move(values_);
  }

 private:
  [[noreturn]] static void corrupt(const char* what) {
    throw FileError(fmt::format("truncated or corrupt: {}", what));
  }

  void walk(uint64_t node, unsigned depth) {
    if (node == kHdf5Undefined) return;
    if (depth > kDeepestTree) corrupt("a tree of chunks is too deep");
    image_.expect(node, "TREE");
    if (image_.number(node + 4, 1) != 1) corrupt("a tree of chunks is of another kind");
    const bool leaf = image_.number(node + 5, 1) == 0;
    const uint64_t key_bytes = 8 + 8 * (extents_.size() + 1);
    const uint64_t entries = image_.number(node + 6, 2);
    for (uint64_t i = 0; i < entries; ++i) {
      const uint64_t key = node + 24 + i * (key_bytes + 8);
      const uint64_t child = image_.number(key + key_bytes, 8);
      if (leaf)
        place(key, child);
      else
        walk(child, depth + 1);
    }
  }

  std::string undo_filters(std::string bytes, uint64_t skipped) const {
    for (size_t i = filters_.size(); i-- > 0;) {
      if ((skipped >> i & 1) != 0) continue;
      if (filters_[i] == kGzip) bytes = inflated(bytes, chunk_bytes_ + kFletcherBytes);
      if (filters_[i] == kShuffle) bytes = unshuffled(bytes, element_);
      // The checksum is for faults of disks.
      if (filters_[i] == kFletcher32)
        bytes.resize(bytes.size() - std::min(bytes.size(), kFletcherBytes));
    }
    if (bytes.size() != chunk_bytes_)
      throw FileError(
          fmt::format("a chunk has {} bytes where {} are expected", bytes.size(), chunk_bytes_));
    return bytes;
  }

  // Copies what of a chunk lies within the array; chunks at its end stand out.
  void place(uint64_t key, uint64_t address) {
    const size_t rank = extents_.size();
    const std::string chunk = undo_filters(
        std::string(image_.bytes(address, image_.number(key, 4))), image_.number(key + 4, 4));
    std::vector<uint64_t> begin, inside, index(rank, 0);
    for (size_t axis = 0; axis < rank; ++axis) {
      begin.push_back(image_.number(key + 8 + 8 * axis, 8));
      if (begin[axis] >= extents_[axis] || begin[axis] % chunk_[axis] != 0)
        corrupt("a chunk lies outside of the array");
      inside.push_back(std::min(chunk_[axis], extents_[axis] - begin[axis]));
    }
    // One that comes twice would hide one that is missing; and cost time without end.
    if (++placed_ > image_.size() / 16) corrupt("a tree with too many chunks");
    for (;;) {
      uint64_t from = 0;
      uint64_t to = 0;
      for (size_t axis = 0; axis < rank; ++axis) {
        from = from * chunk_[axis] + index[axis];
        to = to * extents_[axis] + begin[axis] + index[axis];
      }
      std::memcpy(values_.data() + to * element_, chunk.data() + from * element_,
                  inside[rank - 1] * element_);
      size_t axis = rank - 1;
      for (;;) {
        if (axis == 0) return;
        --axis;
        if (++index[axis] < inside[axis]) break;
        index[axis] = 0;
      }
    }
  }

  const Hdf5Image& image_;
  const std::vector<uint64_t> filters_;
  const std::vector<uint64_t> extents_;
  const uint32_t element_;
  std::vector<uint64_t> chunk_;
  uint64_t chunk_bytes_ = 0;
  uint64_t placed_ = 0;
  std::string values_;
};

}  // namespace

std::string read_values(const Hdf5Image& image, const Hdf5Object& dataset,
                        const std::vector<uint64_t>& extents, uint32_t element) {
  if (dataset.find(kExternalFilesMessage) != nullptr)
    throw FileError("its values lie in another file, which is never read");
  const Hdf5Message* layout = dataset.find(kLayoutMessage);
  if (layout == nullptr) throw FileError("is no array");
  const uint64_t version = image.number(layout->begin, 1);
  const uint64_t kind = image.number(layout->begin + 1, 1);
  if (version == 4 && kind == 3)
    throw FileError("is a virtual dataset, whose values lie in other files, which are never read");
  if (version != 3 && !(version == 4 && kind < 2))
    throw FileError(fmt::format(
        "is laid out in version {}, as only {} versions of HDF5 do; write the file with h5py's "
        "default libver",
        version, version > 3 ? "the latest" : "old"));
  const std::optional<int64_t> bytes =
      checked_product(std::vector<int64_t>(extents.begin(), extents.end()), element);
  if (!bytes) throw FileError("its size passes 2^63 bytes");
  const uint64_t at = layout->begin + 2;
  if (kind == 2) return Chunks(image, dataset, extents, element).read(at);
  // Compact: in the message itself; else contiguous.
  const uint64_t address = kind == 0 ? at + 2 : image.number(at, 8);
  const uint64_t stored = kind == 0 ? image.number(at, 2) : image.number(at + 8, 8);
  if (*bytes == 0) return {};
  if (kind > 1 || address == kHdf5Undefined || stored != static_cast<uint64_t>(*bytes))
    throw FileError("its values are not all there");
  return std::string(image.bytes(address, stored));
}

}  // namespace pronghorn::formats
