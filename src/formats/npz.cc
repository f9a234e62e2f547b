#include "formats/npz.h"

#include <fmt/format.h>
#include <zip.h>

#include <algorithm>
#include <set>

#include "base/file.h"
#include "formats/gzip.h"
#include "pronghorn/error.h"

namespace pronghorn::formats {
namespace {

constexpr std::string_view kSuffix = ".npy";

struct MemberClose {
  void operator()(zip_file_t* member) const { zip_fclose(member); }
};

}  // namespace

struct NpzFile::Archive {
  std::string bytes;  // libzip reads from here
  zip_t* zip = nullptr;
  ~Archive() {
    if (zip) zip_discard(zip);
  }
};

NpzFile::NpzFile(const std::string& path) : NpzFile(read_file(path), path) {}

NpzFile::NpzFile(std::string bytes, const std::string& path)
    : path_(path), archive_(std::make_unique<Archive>()) {
  archive_->bytes = std::move(bytes);
  // To libzip, nothing is an archive without members.
  if (archive_->bytes.empty())
    throw FileError(fmt::format("'{}': no .npz (zip) archive, or truncated: has 0 bytes", path));
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
    throw FileError(fmt::format("'{}': no .npz (zip) archive, or truncated: {}", path, reason));
  }
  zip_error_fini(&error);

  std::set<std::string> seen;
  const zip_int64_t entries = zip_get_num_entries(archive_->zip, 0);
  for (zip_int64_t index = 0; index < entries; ++index) {
    const char* raw = zip_get_name(archive_->zip, static_cast<zip_uint64_t>(index), 0);
    std::string name = raw ? raw : "";
    if (!name.ends_with(kSuffix)) continue;  // says nothing to NumPy either
    name.resize(name.size() - kSuffix.size());
    if (!seen.insert(name).second)
      throw FileError(fmt::format("'{}': has two arrays named '{}'", path, name));
    names_.push_back(std::move(name));
  }
}

NpzFile::~NpzFile() = default;

bool NpzFile::has(const std::string& name) const {
  return std::find(names_.begin(), names_.end(), name) != names_.end();
}

NpyArray NpzFile::read(const std::string& name) {
  const std::string member_name = name + std::string(kSuffix);
  const std::string where = path_ + ":" + member_name;
  zip_stat_t info;
  if (!has(name) || zip_stat(archive_->zip, member_name.c_str(), 0, &info) != 0) {
    throw FileError(
        fmt::format("'{}': has no array '{}'; it has {}", path_, name,
                    names_.empty() ? "none" : fmt::format("{}", fmt::join(names_, ", "))));
  }
  const zip_uint64_t needed = ZIP_STAT_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
  if ((info.valid & needed) != needed || info.encryption_method != ZIP_EM_NONE ||
      (info.comp_method != ZIP_CM_STORE && info.comp_method != ZIP_CM_DEFLATE)) {
    throw FileError(
        fmt::format("'{}': is encrypted, or compressed in a way other than NumPy's; "
                    "write it with numpy.savez or savez_compressed",
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
  return parse_npy(bytes, where);
}

}  // namespace pronghorn::formats
