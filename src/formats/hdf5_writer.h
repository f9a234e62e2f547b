#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "pronghorn/shape.h"

namespace pronghorn::formats {

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

// Builds a file in memory by the HDF5 library, with old features only, as h5py does, which all
// versions read. Reading is Hdf5Reader's.
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
