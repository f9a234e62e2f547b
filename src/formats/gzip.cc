#include "formats/gzip.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <limits>

#include "base/file.h"
#include "pronghorn/error.h"

namespace pronghorn::formats {
namespace {

constexpr int kGzipWindow = 15 + 16;  // zlib's code for gzip's wrapping alone
constexpr size_t kChunk = size_t{1} << 16;

class Inflater {
 public:
  Inflater(std::string_view src, const std::string& path) : src_(src), path_(path) {
    if (inflateInit2(&stream_, kGzipWindow) != Z_OK)
      throw FileError(fmt::format("'{}': no memory to inflate it", path));
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // Up to `size` bytes; 0 at the end of the last member.
  size_t read(char* dst, size_t size) {
    stream_.next_out = reinterpret_cast<Bytef*>(dst);
    stream_.avail_out = static_cast<uInt>(std::min<size_t>(size, kChunk));
    const uInt wanted = stream_.avail_out;
    while (stream_.avail_out > 0 && !finished_) {
      feed();
      const int status = inflate(&stream_, Z_NO_FLUSH);
      if (status == Z_STREAM_END)
        next_member();
      else if (status == Z_BUF_ERROR && position() == src_.size())
        throw FileError(fmt::format("'{}': truncated: the gzip data breaks off at byte {}", path_,
                                    src_.size()));
      else if (status != Z_OK)
        throw FileError(fmt::format("'{}': corrupt gzip data at byte {} ({})", path_, position(),
                                    stream_.msg ? stream_.msg : zError(status)));
    }
    return wanted - stream_.avail_out;
  }

 private:
  uint64_t position() const { return given_ - stream_.avail_in; }

  // zlib counts what it is given in 32 bits.
  void feed() {
    if (stream_.avail_in > 0) return;
    const uint64_t size =
        std::min<uint64_t>(src_.size() - given_, std::numeric_limits<uInt>::max());
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(src_.data() + given_));
    stream_.avail_in = static_cast<uInt>(size);
    given_ += size;
  }

  // Members may follow each other, and zeros may pad the last one; anything else is no gzip.
  void next_member() {
    const std::string_view rest = src_.substr(position());
    if (rest.find_first_not_of('\0') == std::string_view::npos) {
      finished_ = true;
      return;
    }
    if (!is_gzip(rest)) {
      throw FileError(fmt::format("'{}': bytes that are no gzip data follow its end at byte {}",
                                  path_, position()));
    }
    inflateReset(&stream_);
  }

  std::string_view src_;
  const std::string& path_;
  z_stream stream_{};
  uint64_t given_ = 0;
  bool finished_ = false;
};

}  // namespace

uint64_t expansion_limit(uint64_t compressed_bytes) {
  constexpr uint64_t kAlwaysAllowed = uint64_t{64} << 20;
  constexpr uint64_t kRatio = 200;
  if (compressed_bytes > kMaxFileBytes / kRatio) return kMaxFileBytes;
  return std::max(kAlwaysAllowed, kRatio * compressed_bytes);
}

bool is_gzip(std::string_view bytes) {
  return bytes.size() >= 2 && bytes[0] == '\x1f' && bytes[1] == '\x8b';
}

std::string gunzip(std::string_view bytes, const std::string& path, uint64_t max_bytes) {
  Inflater inflater(bytes, path);
  std::string inflated;
  uint64_t used = 0;
  for (;;) {
    if (used == inflated.size()) inflated.resize(std::max<uint64_t>(2 * used, kChunk));
    const size_t count = inflater.read(inflated.data() + used, inflated.size() - used);
    if (count == 0) break;
    used += count;
    if (used > max_bytes) {
      throw FileError(
          fmt::format("'{}': {} bytes of gzip data expand to more than the {} bytes "
                      "that they should, or may, have",
                      path, bytes.size(), max_bytes));
    }
  }
  inflated.resize(used);
  return inflated;
}

std::string gunzip_prefix(std::string_view bytes, const std::string& path, size_t count) {
  Inflater inflater(bytes, path);
  std::string prefix(count, '\0');
  size_t used = 0;
  while (used < count) {
    const size_t read = inflater.read(prefix.data() + used, count - used);
    if (read == 0) break;
    used += read;
  }
  prefix.resize(used);
  return prefix;
}

std::string read_file_or_gzip(const std::string& path) {
  std::string bytes = read_file(path);
  return is_gzip(bytes) ? gunzip(bytes, path, expansion_limit(bytes.size())) : bytes;
}

}  // namespace pronghorn::formats
