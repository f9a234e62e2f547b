#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pronghorn/shape.h"

namespace pronghorn::formats {

// An array of unsigned bytes, row-major.
struct ByteArray {
  Shape shape;
  std::vector<uint8_t> values;
};

// The idx format of MNIST's files (yann.lecun.com/exdb/mnist): two zero bytes, a type, the number
// of dimensions, each dimension as 4 bytes big-endian, the values. Type 0x08, unsigned bytes, is
// the one that data sets use and the one that is read. A gzip file is inflated. Throws FileError
// unless the file has exactly the bytes that its dimensions say.
ByteArray read_idx(const std::string& path);
// `bytes` are the file's, perhaps gzip's; `path` is for messages only.
ByteArray parse_idx(std::string_view bytes, const std::string& path);

}  // namespace pronghorn::formats
