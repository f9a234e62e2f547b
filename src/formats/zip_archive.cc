#include "formats/zip_archive.h"

#include <fmt/format.h>
#include <zip.h>

#include <algorithm>
#include <set>

#include "formats/gzip.h"
#include "pronghorn/error.h"

namespace pronghorn::formats {
namespace {

struct MemberClose {
  void operator()(zip_file_t* member) const { zip_fclose(member); }
};

// No model or array needs as many; a list of millions would only cost time.
constexpr zip_int64_t kMostMembers = 1 << 16;

}  // namespace

bool is_zip(std::string_view bytes) { return bytes.starts_with("PK\x03\x04"); }

struct ZipReader::Archive {
  std::string bytes;  // libzip reads from here
  zip_t* zip = nullptr;
  ~Archive() {
    if (zip) zip_discard(zip);
  }
};

ZipReader::ZipReader(std::string bytes, const std::string& path, const std::string& kind)
    : path_(path), archive_(std::make_unique<Archive>()) {
  archive_->bytes = std::move(bytes);
  // To libzip, nothing is an archive without members.
  if (archive_->bytes.empty())
    throw FileError(
        fmt::format("'{}': no {} (zip) archive, or truncated: has 0 bytes", path, kind));
  left_bytes_ = expansion_limit(archive_->bytes.size());
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* source =
      zip_source_buffer_create(archive_->bytes.data(), archive_->bytes.size(), 0, &error);
  if (source) archive_->zip = zip_open_from_source(source, ZIP_RDONLY, &error);
  if (!archive_->zip) {
    const std::string reason = zip_error_strerror(&error);
    zip_error_fini(&error);
    if (source) zip_source_free(source);
    throw FileError(fmt::format("'{}': no {} (zip) archive, or truncated: {}", path, kind, reason));
  }
  zip_error_fini(&error);

  const zip_int64_t entries = zip_get_num_entries(archive_->zip, 0);
  if (entries > kMostMembers)
    throw FileError(
        fmt::format("'{}': has {} members; at most {} are read", path, entries, kMostMembers));
  std::set<std::string> seen;
  for (zip_int64_t index = 0; index < entries; ++index) {
    const char* raw = zip_get_name(archive_->zip, static_cast<zip_uint64_t>(index), 0);
    std::string name = raw ? raw : "";
    if (!seen.insert(name).second)
      throw FileError(fmt::format("'{}': has two members named '{}'", path, name));
    names_.push_back(std::move(name));
  }
}

ZipReader::~ZipReader() = default;

bool ZipReader::has(const std::string& name) const {
  return std::find(names_.begin(), names_.end(), name) != names_.end();
}

std::string ZipReader::read(const std::string& name) {
  const std::string where = path_ + ":" + name;
  zip_stat_t info;
  if (zip_stat(archive_->zip, name.c_str(), 0, &info) != 0)
    throw FileError(fmt::format("'{}': has no member '{}'", path_, name));
  const zip_uint64_t needed = ZIP_STAT_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
  if ((info.valid & needed) != needed || info.encryption_method != ZIP_EM_NONE ||
      (info.comp_method != ZIP_CM_STORE && info.comp_method != ZIP_CM_DEFLATE)) {
    throw FileError(
        fmt::format("'{}': is encrypted, or compressed in a way other than deflate, which NumPy "
                    "and Keras use",
                    where));
  }
  if (info.size > left_bytes_) {
    throw FileError(fmt::format(
        "'{}': claims to expand to {} bytes; an archive of {} bytes may "
        "expand to {}",
        where, info.size, archive_->bytes.size(), expansion_limit(archive_->bytes.size())));
  }

  const std::unique_ptr<zip_file_t, MemberClose> member(
      zip_fopen_index(archive_->zip, info.index, 0));
  if (!member) throw FileError(fmt::format("'{}': {}", where, zip_strerror(archive_->zip)));
  // Grows with what is really there; reading to the end makes libzip check the CRC.
  constexpr uint64_t kFirst = uint64_t{1} << 20;
  std::string bytes(std::min<uint64_t>(info.size, kFirst) + 1, '\0');
  uint64_t used = 0;
  for (;;) {
    if (used == bytes.size()) bytes.resize(std::min<uint64_t>(2 * used, info.size + 1));
    const zip_int64_t count =
        used > info.size ? -1 : zip_fread(member.get(), bytes.data() + used, bytes.size() - used);
    if (count < 0) {
      throw FileError(fmt::format("'{}': corrupt or truncated after {} of {} bytes: {}", where,
                                  used, info.size, zip_file_strerror(member.get())));
    }
    if (count == 0) break;
    used += static_cast<uint64_t>(count);
  }
  left_bytes_ -= used;
  bytes.resize(used);
  return bytes;
}

namespace {

// Writing to memory can only fail where it ends.
void check(bool ok) {
  if (!ok) throw FileError("a zip archive could not be built in memory");
}

struct SourceFree {
  void operator()(zip_source_t* source) const { zip_source_free(source); }
};

struct Discard {
  void operator()(zip_t* zip) const { zip_discard(zip); }
};

}  // namespace

std::string write_zip(const std::vector<std::pair<std::string, std::string>>& members) {
  const std::unique_ptr<zip_source_t, SourceFree> source(
      zip_source_buffer_create(nullptr, 0, 0, nullptr));
  check(source != nullptr);
  std::unique_ptr<zip_t, Discard> zip(
      zip_open_from_source(source.get(), ZIP_CREATE | ZIP_TRUNCATE, nullptr));
  check(zip != nullptr);
  zip_source_keep(source.get());  // closing the archive lets go of it once
  for (const auto& [name, bytes] : members) {
    zip_source_t* content = zip_source_buffer(zip.get(), bytes.data(), bytes.size(), 0);
    check(content != nullptr);
    const zip_int64_t index = zip_file_add(zip.get(), name.c_str(), content, ZIP_FL_ENC_UTF_8);
    if (index < 0) zip_source_free(content);
    check(index >= 0 && zip_set_file_compression(zip.get(), static_cast<zip_uint64_t>(index),
                                                 ZIP_CM_STORE, 0) == 0);
  }
  check(zip_close(zip.get()) == 0);
  zip.release();  // closed
  zip_stat_t info;
  check(zip_source_stat(source.get(), &info) == 0 && (info.valid & ZIP_STAT_SIZE) != 0);
  std::string result(info.size, '\0');
  check(zip_source_open(source.get()) == 0);
  const zip_int64_t read = zip_source_read(source.get(), result.data(), result.size());
  zip_source_close(source.get());
  check(read == static_cast<zip_int64_t>(result.size()));
  return result;
}

}  // namespace pronghorn::formats
