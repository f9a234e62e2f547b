#include "base/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "pronghorn/error.h"

namespace pronghorn {
namespace {

// Closes a descriptor that is only read from.
struct Descriptor {
  int value;
  ~Descriptor() {
    if (value >= 0) ::close(value);
  }
};

// The deepest directory on the way to `path` that exists, to tell a user where to look.
std::string nearest_directory(std::filesystem::path path) {
  std::error_code ignored;
  while (path.has_parent_path() && path != path.parent_path()) {
    path = path.parent_path();
    if (std::filesystem::is_directory(path, ignored)) return path.string();
  }
  return ".";
}

[[noreturn]] void fail_to_open(const std::string& path, int error) {
  switch (error) {
    case ENOENT:
      throw FileError(fmt::format("'{}': no such file; the nearest directory that exists is '{}'",
                                  path, nearest_directory(path)));
    case ENOTDIR:
      throw FileError(
          fmt::format("'{}': part of this path is a file, not a directory; the nearest "
                      "directory is '{}'",
                      path, nearest_directory(path)));
    case EACCES:
      throw FileError(fmt::format("'{}': permission denied; it must be readable", path));
    default:
      throw FileError(fmt::format("'{}': can't be opened: {}", path, std::strerror(error)));
  }
}

std::string directory_of(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

[[noreturn]] void fail_to_create(const std::string& path, const std::string& directory, int error) {
  struct stat info;
  if (::stat(directory.c_str(), &info) != 0) {
    throw FileError(
        fmt::format("'{}': can't be written: directory '{}' {}; make it first, or name "
                    "another place",
                    path, directory, errno == ENOTDIR ? "lies below a file" : "does not exist"));
  }
  if (!S_ISDIR(info.st_mode)) {
    throw FileError(
        fmt::format("'{}': can't be written: '{}' is a file, not a directory; name "
                    "another place",
                    path, directory));
  }
  throw FileError(
      fmt::format("'{}': can't be written: directory '{}' refuses new files ({}); name "
                  "a directory that you may write to",
                  path, directory, std::strerror(error)));
}

}  // namespace

bool is_file(const std::string& path) {
  struct stat info;
  return ::stat(path.c_str(), &info) == 0 && !S_ISDIR(info.st_mode);
}

std::string read_file(const std::string& path, uint64_t max_bytes) {
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.value < 0) fail_to_open(path, errno);
  struct stat info;
  if (::fstat(file.value, &info) != 0) fail_to_open(path, errno);
  if (S_ISDIR(info.st_mode)) throw FileError(fmt::format("'{}': is a directory, not a file", path));
  const uint64_t claimed = S_ISREG(info.st_mode) ? static_cast<uint64_t>(info.st_size) : 0;
  if (claimed > max_bytes) {
    throw FileError(
        fmt::format("'{}': has {} bytes; at most {} are read", path, claimed, max_bytes));
  }

  // One byte more than claimed lets the last read find the end without growing once more.
  std::string bytes(claimed + 1, '\0');
  uint64_t used = 0;
  for (;;) {
    if (used == bytes.size()) bytes.resize(std::max<uint64_t>(2 * used, 1 << 16));
    const ssize_t count = ::read(file.value, bytes.data() + used, bytes.size() - used);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      throw FileError(
          fmt::format("'{}': reading failed at byte {}: {}", path, used, std::strerror(errno)));
    }
    if (count == 0) break;
    used += static_cast<uint64_t>(count);
    if (used > max_bytes) {
      throw FileError(
          fmt::format("'{}': has more than the {} bytes that are read", path, max_bytes));
    }
  }
  bytes.resize(used);
  return bytes;
}

AtomicFile::AtomicFile(const std::string& path) : path_(path), target_(path) {
  if (path.empty()) throw FileError("a file to write has an empty name");
  std::error_code error;
  if (std::filesystem::is_symlink(path, error)) {
    const auto target = std::filesystem::weakly_canonical(path, error);
    if (!error) target_ = target.string();
  }
  struct stat info;
  if (::stat(target_.c_str(), &info) == 0) {
    if (S_ISDIR(info.st_mode)) {
      throw FileError(
          fmt::format("'{}': can't be written: it is a directory; name a file in it", path));
    }
    if (!S_ISREG(info.st_mode)) {  // renaming onto a device would replace it
      descriptor_ = ::open(target_.c_str(), O_WRONLY | O_CLOEXEC);
      if (descriptor_ < 0) fail("opening");
      return;
    }
  }
  const std::string directory = directory_of(target_);
  const std::string file_name = std::filesystem::path(target_).filename().string();
  // Exclusive creation with the process id and a count, not mkstemp, whose files only their owner
  // may read.
  for (int attempt = 0; descriptor_ < 0; ++attempt) {
    temporary_ = fmt::format("{}/.{}.{}-{}.tmp", directory, file_name, ::getpid(), attempt);
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor_ < 0 && (errno != EEXIST || attempt == 1000))
      fail_to_create(path, directory, errno);
  }
}

AtomicFile::~AtomicFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::fail(const char* what) const {
  throw FileError(fmt::format("'{}': {} failed: {}", path_, what, std::strerror(errno)));
}

void AtomicFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail("writing");
    bytes.remove_prefix(static_cast<size_t>(count));
  }
}

void AtomicFile::commit() {
  if (!temporary_.empty()) {
    if (::fsync(descriptor_) != 0) fail("syncing");
    if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail("renaming the finished file");
    temporary_.clear();
    // The name, too, should outlive a power cut. Where a directory can't be synced (some network
    // file systems) the file is still whole.
    const Descriptor directory{
        ::open(directory_of(target_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (directory.value >= 0) ::fsync(directory.value);
  }
  const int descriptor = descriptor_;
  descriptor_ = -1;
  // Network file systems report a failed write here.
  if (::close(descriptor) != 0) fail("closing");
}

void write_file_atomically(const std::string& path, std::string_view bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

}  // namespace pronghorn
