#include <gmock/gmock.h>
#include <hdf5.h>

#include <functional>

#include "formats/fixtures.h"
#include "formats/hdf5_reader.h"
#include "formats/hdf5_writer.h"
#include "pronghorn/error.h"

namespace pronghorn::formats {
namespace {

using ::testing::ElementsAre;
using testing::file_bytes;
using ::testing::HasSubstr;
using testing::message_of;
using testing::TemporaryDirectory;

// A file that the HDF5 library writes.
std::string hdf5_file(const std::function<void(hid_t)>& fill, bool latest = false) {
  const Hdf5Guard guard;
  const TemporaryDirectory directory;
  const std::string path = directory / "file.h5";
  const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
  if (latest) H5Pset_libver_bounds(access, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST);
  const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access);
  EXPECT_GE(file, 0);
  fill(file);
  H5Fclose(file);
  H5Pclose(access);
  return file_bytes(path);
}

// A 5 x 3 dataset "x" of 0, 1, 2, ... of this type, made with these properties.
void add_matrix(hid_t file, hid_t creation, hid_t type = H5T_IEEE_F32LE, hsize_t rows = 5) {
  const hsize_t extents[] = {rows, 3};
  const hid_t space = H5Screate_simple(2, extents, nullptr);
  const hid_t dataset = H5Dcreate2(file, "x", type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
  std::vector<float> values;
  for (hsize_t i = 0; i < 3 * rows; ++i) values.push_back(static_cast<float>(i));
  EXPECT_GE(H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), 0);
}

void expect_matrix(const std::string& bytes) {
  const Hdf5Reader file(bytes, "f");
  const Array array = file.read("x", {5, 3});
  for (int i = 0; i < 15; ++i) EXPECT_EQ(array.values[static_cast<size_t>(i)], i);
}

TEST(Hdf5, ReadsWhatItWrites) {
  Hdf5Writer writer;
  std::vector<float> values = {1, 2, 3, 4, 5, 6};
  writer.add_group("a/b");
  writer.add_text("a/b", "name", "größe");
  // More than a node of a group's tree holds.
  for (int i = 0; i < 300; ++i) writer.add("a/b/" + std::to_string(i), {2, 3}, values.data());
  writer.add_int32("n", -7);
  writer.add_float("r", 0.5f);
  const std::string bytes = writer.finish();
  const Hdf5Reader file(bytes, "f");
  EXPECT_EQ(file.children("a/b").size(), 300u);
  EXPECT_EQ(file.read("a/b/299", {2, 3}).values, values);
  EXPECT_EQ(file.text("a/b", "name"), "größe");
  EXPECT_EQ(file.read_integer("n"), -7);
  EXPECT_EQ(file.read_number("r"), 0.5);
  EXPECT_FALSE(file.has("a/c"));
  EXPECT_FALSE(file.text("a", "name"));
  EXPECT_THAT(message_of<FileError>([&] {
                file.read("a/b/1", {3, 2});
              }),
              HasSubstr("'f': a/b/1: has shape (2, 3); (3, 2) is expected"));
  EXPECT_THAT(message_of<FileError>([&] { file.read("a/b/400", {3}); }), HasSubstr("is missing"));
}

TEST(Hdf5, ReadsEveryTypeOfNumber) {
  for (const hid_t type : {H5T_IEEE_F32LE, H5T_IEEE_F32BE, H5T_IEEE_F64LE, H5T_IEEE_F64BE,
                           H5T_STD_I8LE, H5T_STD_U16BE, H5T_STD_I32LE, H5T_STD_I64BE})
    expect_matrix(hdf5_file([&](hid_t file) { add_matrix(file, H5P_DEFAULT, type); }));
}

TEST(Hdf5, ReadsChunksAndHdf5sOwnFilters) {
  const hsize_t chunk[] = {2, 2};
  for (int filters = 0; filters < 8; ++filters) {
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(creation, 2, chunk);
    if (filters & 1) H5Pset_shuffle(creation);
    if (filters & 2) H5Pset_deflate(creation, 6);
    if (filters & 4) H5Pset_fletcher32(creation);
    expect_matrix(hdf5_file([&](hid_t file) { add_matrix(file, creation); }));
    H5Pclose(creation);
  }
  const hid_t compact = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_layout(compact, H5D_COMPACT);
  expect_matrix(hdf5_file([&](hid_t file) { add_matrix(file, compact); }));
  H5Pclose(compact);
}

std::string refusal(const std::string& bytes, const std::string& path = "x",
                    const Shape& shape = {5, 3}) {
  return message_of<FileError>([&] { Hdf5Reader(bytes, "f").read(path, shape); });
}

// CVE-2026-1669: an array whose values are another file's.
TEST(HostileHdf5, ExternalAndVirtualStorageIsRefused) {
  const hid_t external = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_external(external, "/etc/passwd", 0, 60);
  const std::string stored_elsewhere = hdf5_file([&](hid_t file) {
    const hsize_t extents[] = {5, 3};
    H5Dcreate2(file, "x", H5T_IEEE_F32LE, H5Screate_simple(2, extents, nullptr), H5P_DEFAULT,
               external, H5P_DEFAULT);
  });
  EXPECT_THAT(refusal(stored_elsewhere), HasSubstr("lie in another file, which is never read"));

  const hsize_t extents[] = {5, 3};
  const hid_t space = H5Screate_simple(2, extents, nullptr);
  const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_virtual(creation, space, "/etc/passwd", "y", space);
  const std::string virtual_dataset = hdf5_file([&](hid_t file) {
    H5Dcreate2(file, "x", H5T_IEEE_F32LE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
  });
  EXPECT_THAT(refusal(virtual_dataset), HasSubstr("virtual dataset"));
}

TEST(HostileHdf5, LinksThatAreNotHardAreRefusedAlsoOnTheWay) {
  const std::string links = hdf5_file([](hid_t file) {
    add_matrix(file, H5P_DEFAULT);
    H5Lcreate_soft("/x", file, "soft", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("/round", file, "round", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("/", file, "way", H5P_DEFAULT, H5P_DEFAULT);
  });
  EXPECT_THAT(refusal(links, "soft"), HasSubstr("soft: is a soft link, which is never followed"));
  EXPECT_THAT(refusal(links, "round"), HasSubstr("round: is a soft link"));
  EXPECT_THAT(refusal(links, "way/x"), HasSubstr("way: is a soft link"));
  const std::string external = hdf5_file([](hid_t file) {
    H5Lcreate_external("/etc/hosts", "/", file, "other", H5P_DEFAULT, H5P_DEFAULT);
  });
  EXPECT_THAT(refusal(external, "other/x"), HasSubstr("other: is an external link"));
  EXPECT_THAT(refusal(external, "../x"), HasSubstr("a part of the path is '..'"));
}

TEST(HostileHdf5, AGroupWithinItselfIsOnlyAsDeepAsItIsAsked) {
  const std::string cyclic = hdf5_file([](hid_t file) {
    add_matrix(file, H5P_DEFAULT);
    H5Lcreate_hard(file, "/", file, "again", H5P_DEFAULT, H5P_DEFAULT);
  });
  EXPECT_EQ(Hdf5Reader(cyclic, "f").read("again/again/x", {5, 3}).values.size(), 15u);
  std::string path;
  for (int i = 0; i < 70; ++i) path += "again/";
  EXPECT_THAT(refusal(cyclic, path + "x"), HasSubstr("lies more than 64 groups deep"));
}

// CVE-2026-0897: a small file whose array claims to be huge.
TEST(HostileHdf5, ShapeBombsAreRefusedBeforeMemoryIsAskedFor) {
  const auto claims = [](std::vector<hsize_t> extents, hid_t creation) {
    return hdf5_file([&](hid_t file) {
      H5Dcreate2(file, "x", H5T_IEEE_F32LE,
                 H5Screate_simple(static_cast<int>(extents.size()), extents.data(), nullptr),
                 H5P_DEFAULT, creation, H5P_DEFAULT);
    });
  };
  const hsize_t huge = hsize_t{1} << 40;
  EXPECT_THAT(refusal(claims({huge}, H5P_DEFAULT)), HasSubstr("has shape (1099511627776,)"));
  EXPECT_THAT(refusal(claims({huge}, H5P_DEFAULT), "x", {int64_t{1} << 40}),
              HasSubstr("are not all there"));
  EXPECT_THAT(refusal(claims({huge, huge, huge}, H5P_DEFAULT), "x",
                      {int64_t{1} << 40, int64_t{1} << 40, int64_t{1} << 40}),
              HasSubstr("passes 2^63"));
  const hid_t chunked = H5Pcreate(H5P_DATASET_CREATE);
  const hsize_t chunk[] = {1 << 10};
  H5Pset_chunk(chunked, 1, chunk);
  EXPECT_THAT(refusal(claims({huge}, chunked), "x", {int64_t{1} << 40}),
              HasSubstr("are not all there"));
}

TEST(HostileHdf5, OtherFiltersAreRefused) {
  const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
  const hsize_t chunk[] = {2, 2};
  H5Pset_chunk(creation, 2, chunk);
  H5Pset_scaleoffset(creation, H5Z_SO_INT, 0);
  EXPECT_THAT(refusal(hdf5_file([&](hid_t file) { add_matrix(file, creation, H5T_STD_I32LE); })),
              HasSubstr("compressed by HDF5's filter 6; gzip, shuffle and fletcher32"));
}

TEST(HostileHdf5, TextsAndCompoundsAreNoNumbers) {
  const std::string bytes = hdf5_file([](hid_t file) {
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, 8);
    const hsize_t extents[] = {5, 3};
    H5Dcreate2(file, "x", type, H5Screate_simple(2, extents, nullptr), H5P_DEFAULT, H5P_DEFAULT,
               H5P_DEFAULT);
  });
  EXPECT_THAT(refusal(bytes), HasSubstr("no numbers that are read"));
}

TEST(HostileHdf5, TheLatestFormatIsReadOrSaysHowToWriteAnother) {
  expect_matrix(hdf5_file([](hid_t file) { add_matrix(file, H5P_DEFAULT); }, /*latest=*/true));
  const std::string many = hdf5_file(
      [](hid_t file) {
        for (int i = 0; i < 40; ++i)
          H5Gcreate2(file, std::to_string(i).c_str(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
      },
      /*latest=*/true);
  EXPECT_THAT(refusal(many), HasSubstr("h5py's default libver"));
}

TEST(HostileHdf5, EveryTruncationIsOneError) {
  const std::string bytes = hdf5_file([](hid_t file) { add_matrix(file, H5P_DEFAULT); });
  for (size_t size = 0; size < bytes.size(); size += 7) {
    const std::string part = bytes.substr(0, size);
    EXPECT_THROW(Hdf5Reader(part, "f").read("x", {5, 3}), FileError) << size;
  }
}

TEST(Hdf5, ErrorsOfTheLibraryAreStillPrintedForOthers) {
  H5E_auto2_t before = nullptr, after = nullptr;
  void* data = nullptr;
  H5Eget_auto2(H5E_DEFAULT, &before, &data);
  Hdf5Writer().finish();
  H5Eget_auto2(H5E_DEFAULT, &after, &data);
  EXPECT_EQ(before, after);
}

}  // namespace
}  // namespace pronghorn::formats
