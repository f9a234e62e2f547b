#include "formats/gzip.h"

#include <gmock/gmock.h>

#include "formats/fixtures.h"

namespace pronghorn::formats {
namespace {

using ::testing::HasSubstr;
using namespace pronghorn::testing;

std::string patterned(size_t size) {
  std::string bytes(size, '\0');
  uint32_t state = 1;
  for (char& byte : bytes) {
    state = state * 1664525u + 1013904223u;
    byte = static_cast<char>(state >> 28);
  }
  return bytes;
}

TEST(Gzip, InflatesWhatWasDeflated) {
  for (size_t size : {0, 1, 1000, 65536, 300000})
    EXPECT_EQ(gunzip(gzip(patterned(size)), "f", size), patterned(size)) << size;
}

TEST(Gzip, ReadsMembersOneAfterTheOtherAndPaddingZeros) {
  const std::string two = gzip("first ") + gzip("second") + std::string(512, '\0');
  EXPECT_EQ(gunzip(two, "f", 100), "first second");
}

TEST(Gzip, RefusesATruncatedFileAtEveryLength) {
  const std::string zipped = gzip(patterned(2000));
  for (size_t length = 2; length < zipped.size(); ++length) {
    const std::string message = message_of<FileError>(
        [&] { gunzip(std::string_view(zipped).substr(0, length), "some.gz", 2000); });
    EXPECT_THAT(message, HasSubstr("'some.gz': truncated"));
    EXPECT_THAT(message, HasSubstr("at byte " + std::to_string(length)));
  }
}

TEST(Gzip, RefusesCorruptDataAndSaysWhere) {
  std::string zipped = gzip(patterned(2000));
  zipped[zipped.size() - 6] ^= 1;  // in the CRC
  const std::string message = message_of<FileError>([&] { gunzip(zipped, "some.gz", 2000); });
  EXPECT_THAT(message, HasSubstr("'some.gz': corrupt gzip data at byte"));
  EXPECT_THAT(message, HasSubstr("incorrect data check"));
}

TEST(Gzip, RefusesWhatFollowsTheLastMember) {
  const std::string zipped = gzip("text");
  EXPECT_THAT(message_of<FileError>([&] { gunzip(zipped + "more", "f", 100); }),
              HasSubstr("byte " + std::to_string(zipped.size())));
}

TEST(Gzip, RefusesMoreThanTheBound) {
  EXPECT_EQ(gunzip(gzip(std::string(5000, 'x')), "f", 5000).size(), 5000u);
  EXPECT_THAT(message_of<FileError>([] { gunzip(gzip(std::string(5001, 'x')), "f", 5000); }),
              HasSubstr("more than the 5000 bytes"));
}

TEST(Gzip, PrefixStopsEarly) {
  const std::string zipped = gzip(patterned(100000));
  EXPECT_EQ(gunzip_prefix(std::string_view(zipped).substr(0, 500), "f", 16), patterned(16));
  EXPECT_EQ(gunzip_prefix(gzip("ab"), "f", 16), "ab");
}

TEST(Gzip, ABombIsBounded) {
  EXPECT_EQ(expansion_limit(1000), uint64_t{64} << 20);
  EXPECT_EQ(expansion_limit(uint64_t{1} << 20), uint64_t{200} << 20);
  EXPECT_EQ(expansion_limit(~uint64_t{0}), uint64_t{8} << 30);
  TemporaryDirectory directory;
  const std::string path =
      write_file(directory / "bomb.gz", gzip(std::string((size_t{64} << 20) + 1, '\0')));
  EXPECT_THAT(message_of<FileError>([&] { read_file_or_gzip(path); }), HasSubstr("expand to more"));
}

}  // namespace
}  // namespace pronghorn::formats
