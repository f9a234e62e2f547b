#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pronghorn/data.h"

namespace pronghorn::formats {

// HDF5 files as Keras writes them: groups, arrays of numbers, attributes that are texts. Files are
// read from and written to memory, so that nothing in one can make the library touch another.
//
// A file is data from strangers. Only hard links are followed, at every part of a path: a soft
// link may lead in a circle, an external one to another file. Arrays must lie in the file itself
// (no external or virtual storage), be all there, and be stored plainly or with HDF5's own gzip,
// shuffle and fletcher32 filters, which are undone here and not by plugins.

// The HDF5 library knows one thread, and prints its errors; this keeps others out and it silent.
class Hdf5Guard {
 public:
  Hdf5Guard();
  ~Hdf5Guard();
  Hdf5Guard(const Hdf5Guard&) = delete;
  Hdf5Guard& operator=(const Hdf5Guard&) = delete;

 private:
  std::unique_lock<std::recursive_mutex> lock_;
  void* print_data_ = nullptr;
  void* print_ = nullptr;
};

bool is_hdf5(std::string_view bytes);

// Paths are as "layers/dense/vars/0"; "" is the root. All throw FileError, which names the file and
// the path within.
class Hdf5Reader {
 public:
  // `path` is for messages only.
  Hdf5Reader(std::string_view bytes, const std::string& path);
  ~Hdf5Reader();
  Hdf5Reader(const Hdf5Reader&) = delete;
  Hdf5Reader& operator=(const Hdf5Reader&) = delete;

  bool has(const std::string& path) const;
  // The names in a group, in the order of their characters. None where there is no such group.
  std::vector<std::string> children(const std::string& group) const;
  // An empty shape for a scalar.
  std::vector<int64_t> extents(const std::string& path) const;
  // An array of floating-point numbers or integers as float32. Throws unless it has this shape.
  Array read(const std::string& path, const Shape& shape) const;
  // A scalar, or an array of one element, of integers.
  int64_t read_integer(const std::string& path) const;
  // Of floating-point numbers.
  double read_number(const std::string& path) const;

  // None where the object, or its attribute, is missing.
  std::optional<std::string> text(const std::string& path, const std::string& attribute) const;
  // A list of texts, whole or split into "name0", "name1", ... as Keras does above 64 KB.
  std::optional<std::vector<std::string>> texts(const std::string& path,
                                                const std::string& attribute) const;

 private:
  [[noreturn]] void fail(const std::string& path, const std::string& message) const;
  // The identifier of the object, to be closed; negative where something on the way is missing.
  int64_t open(const std::string& path) const;
  std::optional<std::vector<std::string>> attribute(const std::string& path,
                                                    const std::string& name) const;

  Hdf5Guard guard_;
  std::string path_;
  uint64_t file_bytes_;
  int64_t file_ = -1;
};

// Builds a file with old HDF5 features only (as h5py does), which all versions read.
class Hdf5Writer {
 public:
  Hdf5Writer();
  ~Hdf5Writer();
  Hdf5Writer(const Hdf5Writer&) = delete;
  Hdf5Writer& operator=(const Hdf5Writer&) = delete;

  // Groups on the way are made.
  void add_group(const std::string& path);
  void add_text(const std::string& path, const std::string& attribute, const std::string& text);
  // float32.
  void add(const std::string& path, const Shape& shape, const float* values);
  void add_int32(const std::string& path, int32_t value);
  void add_float(const std::string& path, float value);
  void add_uint32(const std::string& path, const std::vector<uint32_t>& values);

  // The file's bytes; nothing may be added after it.
  std::string finish();

 private:
  void add_dataset(const std::string& path, int64_t file_type, int64_t memory_type,
                   const std::vector<int64_t>& extents, const void* values);

  Hdf5Guard guard_;
  int64_t file_ = -1;
};

}  // namespace pronghorn::formats
