#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pronghorn::formats {

bool is_zip(std::string_view bytes);

// A zip archive in memory, whose members, stored or deflated, are read by name; nothing is ever
// extracted to disk. All functions throw FileError.
class ZipReader {
 public:
  // `path` and `kind` ("an .npz") are for messages only. Throws where two members have one name.
  ZipReader(std::string bytes, const std::string& path, const std::string& kind);
  ~ZipReader();
  ZipReader(const ZipReader&) = delete;
  ZipReader& operator=(const ZipReader&) = delete;

  // In the archive's order.
  const std::vector<std::string>& names() const { return names_; }
  bool has(const std::string& name) const;
  // Checks the member's CRC. All members together may expand to expansion_limit(file size)
  // (formats/gzip.h), so that neither a zip bomb nor members that share bytes fill the memory.
  std::string read(const std::string& name);

 private:
  struct Archive;
  std::string path_;
  std::vector<std::string> names_;
  std::unique_ptr<Archive> archive_;
  uint64_t left_bytes_ = 0;
};

// The bytes of an archive with these members, stored, in this order.
std::string write_zip(const std::vector<std::pair<std::string, std::string>>& members);

}  // namespace pronghorn::formats
