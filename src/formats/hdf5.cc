#include "formats/hdf5.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <hdf5.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "formats/checked.h"
#include "formats/hdf5_chunks.h"
#include "formats/numbers.h"
#include "pronghorn/error.h"

namespace pronghorn::formats {
namespace {

// Of names in a group and of texts in a list: Pronghorn takes models of as many layers.
constexpr uint64_t kMostEntries = uint64_t{1} << 16;
constexpr size_t kDeepestPath = 64;
constexpr std::string_view kSignature = "\x89HDF\r\n\x1a\n";

// An identifier of the library, closed by what closes its kind.
class Handle {
 public:
  using Close = herr_t (*)(hid_t);
  Handle(hid_t id, Close close) : id_(id), close_(close) {}
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  operator hid_t() const { return id_; }
  bool valid() const { return id_ >= 0; }

 private:
  hid_t id_;
  Close close_;
};

std::vector<std::string> parts_of(const std::string& path) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin <= path.size() && !path.empty();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    parts.push_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

std::string text_of(std::string_view bytes) {
  return std::string(bytes.substr(0, std::min(bytes.find('\0'), bytes.size())));
}

const char* class_name(H5T_class_t type) {
  switch (type) {
    case H5T_STRING:
      return "text";
    case H5T_COMPOUND:
      return "a compound";
    case H5T_REFERENCE:
      return "references";
    case H5T_VLEN:
      return "of variable length";
    default:
      return "no numbers";
  }
}

}  // namespace

Hdf5Guard::Hdf5Guard() {
  static std::recursive_mutex mutex;
  lock_ = std::unique_lock(mutex);
  H5open();
  H5E_auto2_t print = nullptr;
  H5Eget_auto2(H5E_DEFAULT, &print, &print_data_);
  print_ = reinterpret_cast<void*>(print);
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

Hdf5Guard::~Hdf5Guard() {
  H5Eclear2(H5E_DEFAULT);
  H5Eset_auto2(H5E_DEFAULT, reinterpret_cast<H5E_auto2_t>(print_), print_data_);
}

bool is_hdf5(std::string_view bytes) { return bytes.starts_with(kSignature); }

Hdf5Reader::Hdf5Reader(std::string_view bytes, const std::string& path)
    : path_(path), file_bytes_(bytes.size()) {
  if (!is_hdf5(bytes)) throw FileError(fmt::format("'{}': is no HDF5 file", path));
  const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  constexpr size_t kGrowth = 1 << 16;
  // Writing to a file of this name is off: all is in memory.
  const bool ready = H5Pset_fapl_core(access, kGrowth, 0) >= 0 &&
                     H5Pset_fclose_degree(access, H5F_CLOSE_STRONG) >= 0 &&
                     H5Pset_file_image(access, const_cast<char*>(bytes.data()), bytes.size()) >= 0;
  if (ready) file_ = H5Fopen("pronghorn", H5F_ACC_RDONLY, access);
  if (file_ < 0) throw FileError(fmt::format("'{}': no HDF5 file, truncated, or corrupt", path));
}

Hdf5Reader::~Hdf5Reader() {
  if (file_ >= 0) H5Fclose(file_);
}

void Hdf5Reader::fail(const std::string& path, const std::string& message) const {
  throw FileError(
      fmt::format("'{}': {}: {}", path_, path.empty() ? "the root group" : path, message));
}

int64_t Hdf5Reader::open(const std::string& path) const {
  const std::vector<std::string> parts = parts_of(path);
  if (parts.size() > kDeepestPath)
    fail(path, fmt::format("lies more than {} groups deep", kDeepestPath));
  hid_t object = H5Oopen(file_, "/", H5P_DEFAULT);
  std::string so_far;
  for (const std::string& part : parts) {
    const Handle parent(object, H5Oclose);
    so_far += (so_far.empty() ? "" : "/") + part;
    if (part.empty() || part == "." || part == "..")
      fail(path, fmt::format("a part of the path is '{}'", part));
    if (!parent.valid() || H5Iget_type(parent) != H5I_GROUP ||
        H5Lexists(parent, part.c_str(), H5P_DEFAULT) <= 0)
      return -1;
    H5L_info_t link;
    if (H5Lget_info(parent, part.c_str(), &link, H5P_DEFAULT) < 0)
      fail(so_far, "can't be read; the file is truncated or corrupt");
    if (link.type != H5L_TYPE_HARD)
      fail(so_far, fmt::format("is {} link, which is never followed: a model's weights must be in "
                               "the file itself",
                               link.type == H5L_TYPE_SOFT       ? "a soft"
                               : link.type == H5L_TYPE_EXTERNAL ? "an external"
                                                                : "a user-defined"));
    object = H5Oopen(parent, part.c_str(), H5P_DEFAULT);
    if (object < 0) fail(so_far, "can't be read; the file is truncated or corrupt");
  }
  return object;
}

bool Hdf5Reader::has(const std::string& path) const {
  return Handle(open(path), H5Oclose).valid();
}

std::vector<std::string> Hdf5Reader::children(const std::string& group) const {
  const Handle object(open(group), H5Oclose);
  std::vector<std::string> names;
  if (!object.valid()) return names;
  H5G_info_t info;
  if (H5Iget_type(object) != H5I_GROUP || H5Gget_info(object, &info) < 0)
    fail(group, "is no group");
  if (info.nlinks > kMostEntries)
    fail(group, fmt::format("claims to hold {} objects; at most {} are read", info.nlinks,
                            kMostEntries));
  for (hsize_t i = 0; i < info.nlinks; ++i) {
    const ssize_t length = H5Lget_name_by_idx(object, ".", H5_INDEX_NAME, H5_ITER_INC, i, nullptr,
                                              0, H5P_DEFAULT);
    if (length < 0 || static_cast<uint64_t>(length) > file_bytes_)
      fail(group, "its names can't be read; the file is truncated or corrupt");
    std::string name(static_cast<size_t>(length) + 1, '\0');
    H5Lget_name_by_idx(object, ".", H5_INDEX_NAME, H5_ITER_INC, i, name.data(), name.size(),
                       H5P_DEFAULT);
    name.pop_back();
    names.push_back(std::move(name));
  }
  return names;
}

std::vector<int64_t> Hdf5Reader::extents(const std::string& path) const {
  const Handle dataset(open(path), H5Oclose);
  if (!dataset.valid()) fail(path, "is missing");
  if (H5Iget_type(dataset) != H5I_DATASET) fail(path, "is no array");
  const Handle space(H5Dget_space(dataset), H5Sclose);
  const int rank = space.valid() ? H5Sget_simple_extent_ndims(space) : -1;
  if (rank < 0 || rank > H5S_MAX_RANK || H5Sget_simple_extent_type(space) == H5S_NULL)
    fail(path, "its shape can't be read");
  std::vector<hsize_t> sizes(static_cast<size_t>(rank));
  H5Sget_simple_extent_dims(space, sizes.data(), nullptr);
  std::vector<int64_t> extents;
  for (const hsize_t size : sizes)
    extents.push_back(static_cast<int64_t>(
        std::min<hsize_t>(size, static_cast<hsize_t>(std::numeric_limits<int64_t>::max()))));
  return extents;
}

Array Hdf5Reader::read(const std::string& path, const Shape& shape) const {
  const std::vector<int64_t> sizes = extents(path);
  if (Shape(sizes) != shape)
    fail(path, fmt::format("has shape {}; {} is expected", Shape(sizes).to_string(),
                           shape.to_string()));
  const Handle dataset(open(path), H5Oclose);
  const Handle type(H5Dget_type(dataset), H5Tclose);
  const Handle creation(H5Dget_create_plist(dataset), H5Pclose);
  if (!type.valid() || !creation.valid()) fail(path, "can't be read; the file is corrupt");

  const H5T_class_t type_class = H5Tget_class(type);
  const size_t element = H5Tget_size(type);
  const bool number = (type_class == H5T_FLOAT || type_class == H5T_INTEGER) && element <= 8;
  // As Keras stores what NumPy has not.
  const bool bfloat16 =
      type_class == H5T_OPAQUE && element == 2 && text(path, "dtype") == "bfloat16";
  if (!number && !bfloat16)
    fail(path, fmt::format("its elements are {}; floating-point numbers and integers of up to 8 "
                           "bytes can be read",
                           class_name(type_class)));

  if (H5Pget_external_count(creation) != 0)
    fail(path, "its values lie in another file, which is never read");
  const H5D_layout_t layout = H5Pget_layout(creation);
  if (layout != H5D_COMPACT && layout != H5D_CONTIGUOUS && layout != H5D_CHUNKED)
    fail(path, "is a virtual dataset, whose values lie in other files, which are never read");
  const std::optional<int64_t> bytes =
      checked_product(sizes, static_cast<int64_t>(std::max(element, sizeof(float))));
  if (!bytes) fail(path, "its size passes 2^63 bytes");

  Array array{shape, {}};
  if (*bytes == 0) return array;
  const auto count = static_cast<size_t>(shape.elements());
  const auto corrupt = [&] { fail(path, "its values can't be read; the file is corrupt"); };
  const auto no_values = [&] { fail(path, "its values are not all there"); };
  if (layout != H5D_CHUNKED) {
    if (layout == H5D_CONTIGUOUS && H5Dget_offset(dataset) == HADDR_UNDEF) no_values();
    if (count * element > file_bytes_ || H5Dget_storage_size(dataset) != count * element)
      no_values();
    if (bfloat16) {
      std::vector<uint16_t> raw(count);
      if (H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, raw.data()) < 0) corrupt();
      for (const uint16_t value : raw) array.values.push_back(bfloat16_to_float(value));
      return array;
    }
    array.values.resize(count);
    if (H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, array.values.data()) < 0)
      corrupt();
    return array;
  }
  std::string raw;
  try {
    raw = read_chunks(dataset, creation, sizes, element, file_bytes_);
  } catch (const FileError& error) {
    fail(path, error.what());
  }
  if (bfloat16) {
    for (size_t i = 0; i < count; ++i)
      array.values.push_back(bfloat16_to_float(load<uint16_t>(raw.data() + 2 * i)));
    return array;
  }
  raw.resize(count * std::max(element, sizeof(float)));
  if (H5Tconvert(type, H5T_NATIVE_FLOAT, count, raw.data(), nullptr, H5P_DEFAULT) < 0) corrupt();
  array.values.resize(count);
  std::memcpy(array.values.data(), raw.data(), count * sizeof(float));
  return array;
}

int64_t Hdf5Reader::read_integer(const std::string& path) const {
  const std::optional<int64_t> count = checked_product(extents(path));
  if (count != 1) fail(path, "must be one number");
  const Handle dataset(open(path), H5Oclose);
  const Handle type(H5Dget_type(dataset), H5Tclose);
  const Handle creation(H5Dget_create_plist(dataset), H5Pclose);
  int64_t value = 0;
  if (H5Tget_class(type) != H5T_INTEGER || H5Pget_external_count(creation) != 0 ||
      H5Pget_nfilters(creation) != 0 || H5Pget_layout(creation) == H5D_VIRTUAL ||
      H5Dread(dataset, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, &value) < 0)
    fail(path, "is no integer that can be read");
  return value;
}

double Hdf5Reader::read_number(const std::string& path) const {
  return read(path, Shape(extents(path).empty() ? std::vector<int64_t>{} : std::vector<int64_t>{1}))
      .values[0];
}

std::optional<std::vector<std::string>> Hdf5Reader::attribute(const std::string& path,
                                                              const std::string& name) const {
  const Handle object(open(path), H5Oclose);
  if (!object.valid() || H5Aexists(object, name.c_str()) <= 0) return std::nullopt;
  const std::string where = fmt::format("attribute '{}'", name);
  const auto corrupt = [&] { fail(path, where + " can't be read; the file is corrupt"); };
  const Handle attribute(H5Aopen(object, name.c_str(), H5P_DEFAULT), H5Aclose);
  if (!attribute.valid()) corrupt();
  const Handle type(H5Aget_type(attribute), H5Tclose);
  const Handle space(H5Aget_space(attribute), H5Sclose);
  const hssize_t points = H5Sget_simple_extent_npoints(space);
  if (points < 0) corrupt();
  const auto count = static_cast<uint64_t>(points);
  std::vector<std::string> texts;
  if (count == 0) return texts;  // Keras writes empty lists as lists of floats
  if (count > kMostEntries)
    fail(path, fmt::format("{} claims to be a list of {} texts; at most {} are read", where, count,
                           kMostEntries));
  if (H5Tget_class(type) != H5T_STRING) fail(path, where + " is no text");

  if (H5Tis_variable_str(type) > 0) {
    std::vector<char*> pointers(count, nullptr);
    const Handle memory(H5Tcopy(H5T_C_S1), H5Tclose);
    H5Tset_size(memory, H5T_VARIABLE);
    H5Tset_cset(memory, H5Tget_cset(type));
    const bool read = H5Aread(attribute, memory, pointers.data()) >= 0;
    if (read)
      for (const char* pointer : pointers) texts.emplace_back(pointer == nullptr ? "" : pointer);
    H5Dvlen_reclaim(memory, space, H5P_DEFAULT, pointers.data());
    if (!read) corrupt();
    return texts;
  }
  const size_t length = H5Tget_size(type);
  if (length == 0 || length > file_bytes_ || count * length > file_bytes_)
    fail(path, where + " claims to be larger than the file");
  std::string bytes(count * length, '\0');
  if (H5Aread(attribute, type, bytes.data()) < 0) corrupt();
  for (size_t i = 0; i < count; ++i)
    texts.push_back(text_of(std::string_view(bytes).substr(i * length, length)));
  return texts;
}

std::optional<std::string> Hdf5Reader::text(const std::string& path,
                                            const std::string& name) const {
  const std::optional<std::vector<std::string>> texts = attribute(path, name);
  if (!texts) return std::nullopt;
  if (texts->size() != 1) fail(path, fmt::format("attribute '{}' is no single text", name));
  return texts->front();
}

std::optional<std::vector<std::string>> Hdf5Reader::texts(const std::string& path,
                                                          const std::string& name) const {
  if (std::optional<std::vector<std::string>> whole = attribute(path, name)) return whole;
  std::optional<std::vector<std::string>> all;
  for (int piece = 0;; ++piece) {
    const auto texts = attribute(path, fmt::format("{}{}", name, piece));
    if (!texts) return all;
    if (!all) all.emplace();
    all->insert(all->end(), texts->begin(), texts->end());
    if (all->size() > kMostEntries) fail(path, fmt::format("attribute '{}' is too long", name));
  }
}

namespace {

// Writing can only fail where memory ends.
void check(bool ok) {
  if (!ok) throw FileError("an HDF5 file could not be built in memory");
}

// Groups on the way to a new object are made with it.
hid_t with_groups() {
  const hid_t links = H5Pcreate(H5P_LINK_CREATE);
  check(H5Pset_create_intermediate_group(links, 1) >= 0);
  return links;
}

}  // namespace

Hdf5Writer::Hdf5Writer() {
  const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  constexpr size_t kGrowth = 1 << 20;
  check(H5Pset_fapl_core(access, kGrowth, 0) >= 0 &&
        H5Pset_fclose_degree(access, H5F_CLOSE_STRONG) >= 0);
  file_ = H5Fcreate("pronghorn", H5F_ACC_TRUNC, H5P_DEFAULT, access);
  check(file_ >= 0);
}

Hdf5Writer::~Hdf5Writer() {
  if (file_ >= 0) H5Fclose(file_);
}

void Hdf5Writer::add_group(const std::string& path) {
  const Handle links(with_groups(), H5Pclose);
  check(Handle(H5Gcreate2(file_, path.c_str(), links, H5P_DEFAULT, H5P_DEFAULT), H5Gclose).valid());
}

void Hdf5Writer::add_text(const std::string& path, const std::string& name,
                          const std::string& text) {
  const Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  check(H5Tset_size(type, H5T_VARIABLE) >= 0 && H5Tset_cset(type, H5T_CSET_UTF8) >= 0);
  const Handle space(H5Screate(H5S_SCALAR), H5Sclose);
  const Handle object(H5Oopen(file_, path.c_str(), H5P_DEFAULT), H5Oclose);
  const Handle attribute(
      H5Acreate2(object, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  const char* pointer = text.c_str();
  check(attribute.valid() && H5Awrite(attribute, type, &pointer) >= 0);
}

void Hdf5Writer::add_dataset(const std::string& path, int64_t file_type, int64_t memory_type,
                             const std::vector<int64_t>& extents, const void* values) {
  const std::vector<hsize_t> sizes(extents.begin(), extents.end());
  const Handle space(sizes.empty() ? H5Screate(H5S_SCALAR)
                                   : H5Screate_simple(static_cast<int>(sizes.size()), sizes.data(),
                                                      nullptr),
                     H5Sclose);
  const Handle links(with_groups(), H5Pclose);
  // A time in the file would make two files of one model differ.
  const Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  check(H5Pset_obj_track_times(creation, false) >= 0);
  const Handle dataset(
      H5Dcreate2(file_, path.c_str(), file_type, space, links, creation, H5P_DEFAULT), H5Dclose);
  check(dataset.valid() &&
        H5Dwrite(dataset, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
}

void Hdf5Writer::add(const std::string& path, const Shape& shape, const float* values) {
  add_dataset(path, H5T_IEEE_F32LE, H5T_NATIVE_FLOAT,
              {shape.extents().begin(), shape.extents().end()}, values);
}

void Hdf5Writer::add_int32(const std::string& path, int32_t value) {
  add_dataset(path, H5T_STD_I32LE, H5T_NATIVE_INT32, {}, &value);
}

void Hdf5Writer::add_float(const std::string& path, float value) {
  add_dataset(path, H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, {}, &value);
}

void Hdf5Writer::add_uint32(const std::string& path, const std::vector<uint32_t>& values) {
  add_dataset(path, H5T_STD_U32LE, H5T_NATIVE_UINT32, {static_cast<int64_t>(values.size())},
              values.data());
}

std::string Hdf5Writer::finish() {
  check(H5Fflush(file_, H5F_SCOPE_LOCAL) >= 0);
  const ssize_t size = H5Fget_file_image(file_, nullptr, 0);
  check(size > 0);
  std::string bytes(static_cast<size_t>(size), '\0');
  check(H5Fget_file_image(file_, bytes.data(), bytes.size()) == size);
  return bytes;
}

}  // namespace pronghorn::formats
