#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pronghorn/data.h"

namespace pronghorn::formats {

// An array as NumPy stored it.
struct NpyArray {
  Array array;
  // NumPy's kind of its elements: 'b' bool, 'i' and 'u' integers, 'f' floats.
  char kind = 'f';
  // Of an element in the file.
  int element_bytes = 4;

  bool is_bytes() const { return kind == 'u' && element_bytes == 1; }
};

// NumPy's .npy format, versions 1 to 3 (numpy/lib/format.py): bool, integers of 1 to 8 bytes and
// floats of 2, 4 and 8, of either byte order; arrays in Fortran order are turned into row-major.
// Values become float32, rounded where they must be. Python objects are pickled programs and are
// refused. A gzip file is inflated. Throws FileError unless the file has exactly the bytes that its
// header says.
NpyArray read_npy(const std::string& path);
// `path` is for messages only.
NpyArray parse_npy(std::string_view bytes, const std::string& path);

// Version 1.0, little-endian float32, row-major; the file appears only when complete.
void write_npy(const std::string& path, const Array& array);

}  // namespace pronghorn::formats
