#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "formats/npy.h"

namespace pronghorn::formats {

// NumPy's .npz format: a zip archive whose members, stored or deflated, are .npy files. Members are
// read by name; nothing is extracted to disk. All functions throw FileError.
class NpzFile {
 public:
  explicit NpzFile(const std::string& path);
  // `path` is for messages only.
  NpzFile(std::string bytes, const std::string& path);
  ~NpzFile();
  NpzFile(const NpzFile&) = delete;
  NpzFile& operator=(const NpzFile&) = delete;

  // Of the arrays, in the archive's order, without ".npy".
  const std::vector<std::string>& names() const { return names_; }
  bool has(const std::string& name) const;
  // Checks the member's CRC. All members together may expand to expansion_limit(file size)
  // (formats/gzip.h), so that neither a zip bomb nor members that share bytes fill the memory.
  NpyArray read(const std::string& name);

 private:
  struct Archive;
  std::string path_;
  std::vector<std::string> names_;
  std::unique_ptr<Archive> archive_;
  uint64_t left_bytes_ = 0;
};

}  // namespace pronghorn::formats
