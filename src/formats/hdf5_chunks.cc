#include "formats/hdf5_chunks.h"

#include <fmt/format.h>
#include <hdf5.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "formats/checked.h"
#include "pronghorn/error.h"

namespace pronghorn::formats {
namespace {

// A checksum behind the data.
constexpr size_t kFletcherBytes = 4;

std::vector<H5Z_filter_t> filters_of(hid_t creation) {
  std::vector<H5Z_filter_t> filters;
  const int count = H5Pget_nfilters(creation);
  if (count < 0) throw FileError("its filters can't be read; the file is corrupt");
  for (int i = 0; i < count; ++i) {
    unsigned flags = 0;
    unsigned config = 0;
    size_t values = 0;
    char name[64] = "";
    const H5Z_filter_t filter = H5Pget_filter2(creation, static_cast<unsigned>(i), &flags, &values,
                                               nullptr, sizeof(name), name, &config);
    if (filter != H5Z_FILTER_DEFLATE && filter != H5Z_FILTER_SHUFFLE &&
        filter != H5Z_FILTER_FLETCHER32)
      throw FileError(fmt::format(
          "is compressed by HDF5's filter {}{}; gzip, shuffle and fletcher32 can be read", filter,
          name[0] == '\0' ? "" : fmt::format(" ({})", name)));
    filters.push_back(filter);
  }
  return filters;
}

std::string inflate(const std::string& bytes, size_t expected) {
  std::string result(expected, '\0');
  uLongf size = expected;
  if (uncompress(reinterpret_cast<Bytef*>(result.data()), &size,
                 reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()) != Z_OK)
    throw FileError(
        fmt::format("a chunk's gzip data is corrupt or expands to more than {} bytes", expected));
  result.resize(size);
  return result;
}

// The bytes of all elements were stored first bytes first.
std::string unshuffle(const std::string& bytes, size_t element) {
  const size_t count = bytes.size() / element;
  std::string result = bytes;
  for (size_t i = 0; i < count; ++i)
    for (size_t byte = 0; byte < element; ++byte)
      result[i * element + byte] = bytes[byte * count + i];
  return result;
}

std::string undo_filters(std::string bytes, const std::vector<H5Z_filter_t>& filters,
                         uint32_t skipped, size_t chunk_bytes, size_t element) {
  for (size_t i = filters.size(); i-- > 0;) {
    if (i < 32 && (skipped >> i & 1) != 0) continue;
    if (filters[i] == H5Z_FILTER_DEFLATE) bytes = inflate(bytes, chunk_bytes + kFletcherBytes);
    if (filters[i] == H5Z_FILTER_SHUFFLE) bytes = unshuffle(bytes, element);
    // The checksum guards against a disk's faults, which gzip's own finds as well.
    if (filters[i] == H5Z_FILTER_FLETCHER32)
      bytes.resize(bytes.size() - std::min(bytes.size(), kFletcherBytes));
  }
  if (bytes.size() != chunk_bytes)
    throw FileError(
        fmt::format("a chunk has {} bytes where {} are expected", bytes.size(), chunk_bytes));
  return bytes;
}

// Copies what of a chunk lies within the array; chunks at its end stand out.
void place(const std::string& chunk, const std::vector<hsize_t>& begin,
           const std::vector<hsize_t>& chunk_extents, const std::vector<int64_t>& extents,
           size_t element, std::string& values) {
  const size_t rank = extents.size();
  const auto inside = [&](size_t axis) {
    return std::min(chunk_extents[axis], static_cast<hsize_t>(extents[axis]) - begin[axis]);
  };
  std::vector<hsize_t> index(rank, 0);
  for (;;) {
    size_t from = 0;
    size_t to = 0;
    for (size_t axis = 0; axis < rank; ++axis) {
      from = from * chunk_extents[axis] + index[axis];
      to = to * static_cast<size_t>(extents[axis]) + begin[axis] + index[axis];
    }
    std::memcpy(values.data() + to * element, chunk.data() + from * element,
                inside(rank - 1) * element);
    size_t axis = rank - 1;
    do {
      if (axis == 0) return;
      --axis;
      if (++index[axis] < inside(axis)) break;
      index[axis] = 0;
    } while (true);
  }
}

}  // namespace

std::string read_chunks(int64_t dataset, int64_t creation, const std::vector<int64_t>& extents,
                        size_t element, uint64_t file_bytes) {
  const std::vector<H5Z_filter_t> filters = filters_of(creation);
  const size_t rank = extents.size();
  std::vector<hsize_t> chunk(rank);
  if (rank == 0 || H5Pget_chunk(creation, static_cast<int>(rank), chunk.data()) !=
                       static_cast<int>(rank))
    throw FileError("its chunks can't be read; the file is corrupt");
  const std::optional<int64_t> chunk_bytes = checked_product(
      std::vector<int64_t>(chunk.begin(), chunk.end()), static_cast<int64_t>(element));
  const std::optional<int64_t> bytes = checked_product(extents, static_cast<int64_t>(element));
  // A chunk may be larger than the array, but not out of all proportion.
  constexpr int64_t kSmallChunk = 1 << 20;
  if (!bytes || !chunk_bytes || *chunk_bytes <= 0 ||
      *chunk_bytes > std::max(2 * *bytes, kSmallChunk))
    throw FileError("its chunks are larger than the array");

  std::string values(static_cast<size_t>(*bytes), '\0');
  std::vector<hsize_t> begin(rank, 0);
  for (;;) {
    hsize_t stored = 0;
    if (H5Dget_chunk_storage_size(dataset, begin.data(), &stored) < 0 || stored == 0)
      throw FileError("its values are not all there");
    if (stored > file_bytes) throw FileError("a chunk claims to be larger than the file");
    std::string raw(stored, '\0');
    uint32_t skipped = 0;
    if (H5Dread_chunk(dataset, H5P_DEFAULT, begin.data(), &skipped, raw.data()) < 0)
      throw FileError("its values can't be read; the file is corrupt");
    place(undo_filters(std::move(raw), filters, skipped, static_cast<size_t>(*chunk_bytes),
                       element),
          begin, chunk, extents, element, values);
    size_t axis = rank;
    for (;;) {
      if (axis == 0) return values;
      --axis;
      begin[axis] += chunk[axis];
      if (begin[axis] < static_cast<hsize_t>(extents[axis])) break;
      begin[axis] = 0;
    }
  }
}

}  // namespace pronghorn::formats
