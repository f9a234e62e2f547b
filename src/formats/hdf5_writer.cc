#include "formats/hdf5_writer.h"

#include <hdf5.h>

#include "pronghorn/error.h"

namespace pronghorn::formats {
namespace {

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
  const Handle attribute(H5Acreate2(object, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT),
                         H5Aclose);
  const char* pointer = text.c_str();
  check(attribute.valid() && H5Awrite(attribute, type, &pointer) >= 0);
}

void Hdf5Writer::add_dataset(const std::string& path, int64_t file_type, int64_t memory_type,
                             const std::vector<int64_t>& extents, const void* values) {
  const std::vector<hsize_t> sizes(extents.begin(), extents.end());
  const Handle space(sizes.empty()
                         ? H5Screate(H5S_SCALAR)
                         : H5Screate_simple(static_cast<int>(sizes.size()), sizes.data(), nullptr),
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
