#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "formats/hdf5_objects.h"

namespace pronghorn::formats {

// The bytes of a dataset's values in row-major order, as elements of its type. Its filters undone
// are gzip, shuffle and fletcher32. Throws FileError, without the dataset's name, where the values
// are not all in the file, are compressed in another way, or expand to more than the shape holds.
std::string read_values(const Hdf5Image& image, const Hdf5Object& dataset,
                        const std::vector<uint64_t>& extents, uint32_t element_bytes);

}  // namespace pronghorn::formats
