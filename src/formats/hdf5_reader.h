#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "formats/hdf5_objects.h"
#include "pronghorn/data.h"

namespace pronghorn::formats {

bool is_hdf5(std::string_view bytes);

// HDF5 files as Keras writes them: groups, arrays of numbers, attributes that are texts.
//
// The files are data from strangers, so they are read by code of our own, every access within
// bounds: the HDF5 library (1.10.8 here) crashes on about one in 150 files with a few damaged
// bytes. Only hard links are followed, at every part of a path: a soft link may lead in a circle,
// an external one to another file. Arrays must lie in the file itself (no external or virtual
// storage), be all there, and be stored plainly or with HDF5's own gzip, shuffle and fletcher32.
//
// Read are the structures that HDF5 1.6 to 1.14 write unless asked for the latest ("HDF5 File
// Format Specification Version 3.0"): symbol tables or links in object headers, chunks in version 1
// trees.
//
// Paths are as "layers/dense/vars/0"; "" is the root. All throw FileError, which names the file and
// the path within.
class Hdf5Reader {
 public:
  // The bytes must outlive this. `path` is for messages only.
  Hdf5Reader(std::string_view bytes, const std::string& path);

  bool has(const std::string& path) const;
  // The names in a group, in the order of their characters. None where there is no such group.
  std::vector<std::string> children(const std::string& group) const;
  // Empty for a scalar.
  std::vector<int64_t> extents(const std::string& path) const;
  // An array of floating-point numbers or integers as float32. Throws unless it has this shape.
  Array read(const std::string& path, const Shape& shape) const;
  // A scalar, or an array of one element, of integers.
  int64_t read_integer(const std::string& path) const;
  // Of any numbers.
  double read_number(const std::string& path) const;

  // None where the object, or its attribute, is missing.
  std::optional<std::string> text(const std::string& path, const std::string& attribute) const;
  // A list of texts, whole or split into "name0", "name1", ... as Keras does above 64 KB.
  std::optional<std::vector<std::string>> texts(const std::string& path,
                                                const std::string& attribute) const;

  // Throws FileError about what is at this path.
  [[noreturn]] void fail(const std::string& path, const std::string& message) const;

 private:
  // Calls `read`, and puts file and path before the message of what it throws.
  template <class Read>
  auto at(const std::string& path, Read&& read) const;
  std::optional<Hdf5Object> find(const std::string& path) const;
  Hdf5Object dataset(const std::string& path) const;
  std::optional<std::vector<std::string>> attribute(const std::string& path,
                                                    const std::string& name) const;

  std::string path_;
  Hdf5Image image_;
  uint64_t root_ = 0;
};

}  // namespace pronghorn::formats
