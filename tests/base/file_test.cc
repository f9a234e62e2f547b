#include "base/file.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "test_files.h"

namespace pronghorn {
namespace {

using ::testing::HasSubstr;
using namespace pronghorn::testing;

size_t entries(const std::string& directory) {
  return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(directory), {}));
}

TEST(ReadFile, ReadsWhatIsThere) {
  TemporaryDirectory directory;
  for (size_t size : {0, 1, 65536, 200000}) {
    const std::string bytes(size, 'x');
    EXPECT_EQ(read_file(write_file(directory / "file", bytes)), bytes);
  }
}

TEST(ReadFile, SaysWhatIsMissing) {
  TemporaryDirectory directory;
  const std::string message =
      message_of<FileError>([&] { read_file(directory / "none/such/file"); });
  EXPECT_THAT(message, HasSubstr("/none/such/file': no such file"));
  EXPECT_THAT(message, HasSubstr("that exists is '" + directory.path() + "'"));
  EXPECT_THAT(message_of<FileError>([&] { read_file(directory.path()); }),
              HasSubstr("is a directory"));
  write_file(directory / "plain", "");
  EXPECT_THAT(message_of<FileError>([&] { read_file(directory / "plain/below"); }),
              HasSubstr("part of this path is a file"));
}

TEST(ReadFile, IsBounded) {
  TemporaryDirectory directory;
  const std::string path = write_file(directory / "file", "12345");
  EXPECT_EQ(read_file(path, 5), "12345");
  EXPECT_THAT(message_of<FileError>([&] { read_file(path, 4); }),
              HasSubstr("has 5 bytes; at most 4"));
  // Endless, and of size 0.
  EXPECT_THAT(message_of<FileError>([] { read_file("/dev/zero", 1000); }),
              HasSubstr("more than the 1000 bytes"));
}

TEST(AtomicFile, AppearsWhenCommitted) {
  TemporaryDirectory directory;
  const std::string path = write_file(directory / "file", "old");
  {
    AtomicFile file(path);
    file.write("ne");
    EXPECT_EQ(file_bytes(path), "old");
    file.write("w");
    file.commit();
  }
  EXPECT_EQ(file_bytes(path), "new");
  EXPECT_EQ(entries(directory.path()), 1u);
  struct stat info;
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_NE(info.st_mode & S_IRUSR, 0u);
}

TEST(AtomicFile, LeavesNothingBehindWithoutCommit) {
  TemporaryDirectory directory;
  {
    AtomicFile file(directory / "file");
    file.write("half");
  }
  EXPECT_EQ(entries(directory.path()), 0u);
  write_file(directory / "file", "old");
  {
    AtomicFile file(directory / "file");
    file.write("half");
  }
  EXPECT_EQ(file_bytes(directory / "file"), "old");
  EXPECT_EQ(entries(directory.path()), 1u);
}

TEST(AtomicFile, TwoWritersOfOneNameDontMeet) {
  TemporaryDirectory directory;
  AtomicFile first(directory / "file"), second(directory / "file");
  first.write("first");
  second.write("second");
  second.commit();
  first.commit();
  EXPECT_EQ(file_bytes(directory / "file"), "first");
}

TEST(AtomicFile, SaysWhichDirectoryCantBeWritten) {
  TemporaryDirectory directory;
  write_file(directory / "plain", "");
  const auto refusal = [&](const std::string& path) {
    return message_of<FileError>([&] { write_file_atomically(path, "x"); });
  };
  EXPECT_THAT(refusal(directory / "none/file"),
              HasSubstr("directory '" + (directory / "none") + "' does not exist"));
  EXPECT_THAT(refusal(directory / "plain/file"), HasSubstr("plain' is a file, not a directory"));
  EXPECT_THAT(refusal(directory / "plain/sub/file"), HasSubstr("lies below a file"));
  EXPECT_THAT(refusal(directory.path()), HasSubstr("it is a directory"));
  EXPECT_THAT(refusal("/proc/file"), HasSubstr("directory '/proc' refuses new files"));
  EXPECT_THAT(refusal(""), HasSubstr("empty name"));
  EXPECT_EQ(entries(directory.path()), 1u);
}

// A full disk, as far as a test can have one.
TEST(AtomicFile, ReportsAFailedWriteAndLeavesDevicesInPlace) {
  EXPECT_THAT(message_of<FileError>([] { write_file_atomically("/dev/full", "x"); }),
              HasSubstr("'/dev/full': writing failed: No space left on device"));
  write_file_atomically("/dev/null", "x");
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
}

TEST(AtomicFile, WritesThroughSymbolicLinks) {
  TemporaryDirectory directory;
  write_file(directory / "real", "old");
  std::filesystem::create_symlink("real", directory / "link");
  write_file_atomically(directory / "link", "new");
  EXPECT_TRUE(std::filesystem::is_symlink(directory / "link"));
  EXPECT_EQ(file_bytes(directory / "real"), "new");
}

}  // namespace
}  // namespace pronghorn
