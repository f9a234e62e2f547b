#include "formats/npz.h"

#include <gmock/gmock.h>
#include <zip.h>

#include "formats/fixtures.h"

namespace pronghorn::formats {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace pronghorn::testing;

TEST(Npz, ReadsStoredAndDeflatedMembers) {
  for (const char* name : {"keras_stored.npz", "keras_deflated.npz"}) {
    NpzFile file(fixture(name));
    EXPECT_THAT(file.names(), ElementsAre("x_train", "y_train", "x_test", "y_test"));
    const NpyArray x = file.read("x_train");
    EXPECT_TRUE(x.is_bytes());
    EXPECT_EQ(x.array.shape, (Shape{3, 28, 28}));
    EXPECT_EQ(x.array.values[300], 300 % 256);
    EXPECT_THAT(file.read("y_train").array.values, ElementsAre(7, 0, 9));
  }
}

TEST(Npz, NamesWhatItHasWhereAnArrayIsMissing) {
  NpzFile file(fixture("wrong_names.npz"));
  EXPECT_FALSE(file.has("x_train"));
  EXPECT_THAT(message_of<FileError>([&] { file.read("x_train"); }),
              HasSubstr("has no array 'x_train'; it has images, labels"));
}

TEST(Npz, RefusesWhatIsNoArchive) {
  EXPECT_THAT(message_of<FileError>([] { NpzFile file(fixture("f4.npy")); }),
              HasSubstr("no .npz (zip) archive"));
  TemporaryDirectory directory;
  const std::string bytes = file_bytes(fixture("xy.npz"));
  for (size_t length = 0; length < bytes.size(); length += 7) {
    const std::string path = write_file(directory / "cut.npz", bytes.substr(0, length));
    EXPECT_THAT(message_of<FileError>([&] { NpzFile file(path); }), HasSubstr("truncated"))
        << length;
  }
}

TEST(Npz, NoticesACorruptMember) {
  TemporaryDirectory directory;
  for (const char* name : {"keras_stored.npz", "keras_deflated.npz"}) {
    std::string bytes = file_bytes(fixture(name));
    bytes[300] ^= 0x10;  // within x_train's values
    NpzFile file(write_file(directory / "corrupt.npz", bytes));
    EXPECT_THAT(message_of<FileError>([&] { file.read("x_train"); }),
                HasSubstr("corrupt.npz:x_train.npy': corrupt"))
        << name;
    EXPECT_EQ(file.read("y_train").array.samples(), 3);
  }
}

std::string archive(const std::string& path, const std::string& member, const std::string& bytes) {
  int error = 0;
  zip_t* zip = zip_open(path.c_str(), ZIP_CREATE, &error);
  zip_source_t* source = zip_source_buffer(zip, bytes.data(), bytes.size(), 0);
  EXPECT_GE(zip_file_add(zip, member.c_str(), source, 0), 0);
  EXPECT_EQ(zip_close(zip), 0);
  return path;
}

TEST(Npz, RefusesAZipBomb) {
  TemporaryDirectory directory;
  const std::string path =
      archive(directory / "bomb.npz", "x.npy", std::string((size_t{64} << 20) + 1, '\0'));
  NpzFile file(path);
  EXPECT_THAT(message_of<FileError>([&] { file.read("x"); }), HasSubstr("may expand to 67108864"));
}

// Each member is small enough, all together are not.
TEST(Npz, RefusesMembersThatExpandTooFarTogether) {
  TemporaryDirectory directory;
  const std::string path = directory / "bombs.npz";
  for (const char* member : {"a.npy", "b.npy"})
    archive(path, member, std::string(size_t{40} << 20, '\0'));
  NpzFile file(path);
  EXPECT_THAT(message_of<FileError>([&] { file.read("a"); }), HasSubstr("no .npy file"));
  EXPECT_THAT(message_of<FileError>([&] { file.read("b"); }), HasSubstr("may expand to"));
}

TEST(Npz, IgnoresMembersThatAreNoArrays) {
  TemporaryDirectory directory;
  const std::string path = directory / "mixed.npz";
  archive(path, "README", "text");
  archive(path, "../x.npy", file_bytes(fixture("f4.npy")));
  NpzFile file(path);
  EXPECT_THAT(file.names(), ElementsAre("../x"));  // a name, never a path
  EXPECT_EQ(file.read("../x").array.shape, (Shape{2, 3}));
}

}  // namespace
}  // namespace pronghorn::formats
