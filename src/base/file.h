#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pronghorn {

// The largest file that is read whole, and the most that a compressed one may expand to: well above
// any data set that fits a workstation's memory as floats, and a bound for what a broken or hostile
// file can ask for.
inline constexpr uint64_t kMaxFileBytes = uint64_t{8} << 30;

// Whether `path` is something that can be read as a file (a regular file, a pipe, a device).
bool is_file(const std::string& path);

// The whole file. Memory grows with what is really read, not with a size that is claimed. Throws
// FileError where it is missing, a directory, unreadable, or larger than `max_bytes`.
std::string read_file(const std::string& path, uint64_t max_bytes = kMaxFileBytes);

// A file that appears under its name when it is complete: it is written under a temporary name in
// the same directory, synced and renamed, so that a reader sees the old file or the new one, never
// half. Devices and pipes ("/dev/stdout") are written in place. A file that was not committed is
// removed. All functions throw FileError.
class AtomicFile {
 public:
  explicit AtomicFile(const std::string& path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::string_view bytes);
  // Nothing may be written after it.
  void commit();

 private:
  [[noreturn]] void fail(const char* what) const;

  std::string path_;
  // Where `path_` leads if it is a symbolic link, so that the link stays one.
  std::string target_;
  // Empty when written in place.
  std::string temporary_;
  int descriptor_ = -1;
};

void write_file_atomically(const std::string& path, std::string_view bytes);

}  // namespace pronghorn
