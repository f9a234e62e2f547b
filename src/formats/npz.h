#pragma once

#include <string>
#include <vector>

#include "formats/npy.h"
#include "formats/zip_archive.h"

namespace pronghorn::formats {

// NumPy's .npz format: a zip archive whose members, stored or deflated, are .npy files. Members are
// read by name; nothing is extracted to disk. All functions throw FileError.
class NpzFile {
 public:
  explicit NpzFile(const std::string& path);
  // `path` is for messages only.
  NpzFile(std::string bytes, const std::string& path);

  // Of the arrays, in the archive's order, without ".npy".
  const std::vector<std::string>& names() const { return names_; }
  bool has(const std::string& name) const;
  NpyArray read(const std::string& name);

 private:
  std::string path_;
  ZipReader zip_;
  std::vector<std::string> names_;
};

}  // namespace pronghorn::formats
