#include "formats/idx.h"

#include <gmock/gmock.h>

#include "formats/fixtures.h"

namespace pronghorn::formats {
namespace {

using ::testing::HasSubstr;
using namespace pronghorn::testing;

std::string refusal(std::string_view bytes) {
  return message_of<FileError>([&] { parse_idx(bytes, "some-idx"); });
}

TEST(Idx, ReadsImagesPlainAndCompressed) {
  for (const std::string& bytes : {idx({2, 3, 4}), gzip(idx({2, 3, 4}))}) {
    const ByteArray array = parse_idx(bytes, "f");
    EXPECT_EQ(array.shape, (Shape{2, 3, 4}));
    ASSERT_EQ(array.values.size(), 24u);
    EXPECT_EQ(array.values[23], 23);
  }
}

TEST(Idx, RefusesATruncatedFileAtEveryLength) {
  const std::string bytes = idx({2, 3, 4});
  for (size_t length = 0; length < bytes.size(); ++length)
    EXPECT_THAT(refusal(std::string_view(bytes).substr(0, length)), HasSubstr("truncated"))
        << length;
  EXPECT_THAT(refusal(gzip(bytes.substr(0, 30))), HasSubstr("has 30 bytes, but its shape (2, 3, 4) "
                                                            "needs 40"));
}

TEST(Idx, RefusesBytesTooMany) {
  EXPECT_THAT(refusal(idx({2, 3}) + "x"), HasSubstr("too long: has 19 bytes"));
  EXPECT_THAT(refusal(gzip(idx({2, 3}) + "x")), HasSubstr("more than the 18 bytes"));
}

TEST(Idx, RefusesAnotherMagicAndAnotherType) {
  std::string bytes = idx({5});
  bytes[0] = 'P';
  EXPECT_THAT(refusal(bytes), HasSubstr("no idx file: begins with 50 00 08 01"));
  bytes = idx({5});
  bytes[2] = '\x0d';
  EXPECT_THAT(refusal(bytes), HasSubstr("type 0x0d"));
  bytes = idx({5});
  bytes[3] = 0;
  EXPECT_THAT(refusal(bytes), HasSubstr("no idx file"));
}

// Asking for the memory first would ask for 2^64 bytes, or for 4 GiB.
TEST(Idx, RefusesDimensionsBeyondTheFile) {
  std::string bytes = idx({1, 1, 1});
  for (size_t at = 4; at < 16; ++at) bytes[at] = '\xff';
  EXPECT_THAT(refusal(bytes), HasSubstr("claims the shape"));
  bytes = idx({1, 1});
  for (size_t at = 4; at < 8; ++at) bytes[at] = '\xff';
  EXPECT_THAT(refusal(bytes), HasSubstr("truncated: has 13 bytes"));
}

}  // namespace
}  // namespace pronghorn::formats
