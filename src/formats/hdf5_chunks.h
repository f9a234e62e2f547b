#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace pronghorn::formats {

// The values of a chunked HDF5 dataset in row-major order, in the file's element type. The library
// hands out the chunks as they are stored, and the filters are undone here: its own inflate has no
// bound, and other filters would be plugins' code. Identifiers are hid_t. Throws FileError (without
// the dataset's name) for other filters than gzip, shuffle and fletcher32, missing chunks, and
// chunks that expand to more than they hold.
std::string read_chunks(int64_t dataset, int64_t creation, const std::vector<int64_t>& extents,
                        size_t element_bytes, uint64_t file_bytes);

}  // namespace pronghorn::formats
