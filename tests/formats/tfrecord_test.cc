#include "formats/tfrecord.h"

#include <gtest/gtest.h>

namespace pronghorn::formats {
namespace {

TEST(Crc32c, HasTheCheckValuesOfItsSources) {
  EXPECT_EQ(crc32c("123456789"), 0xE3069283u);  // the catalogues' check value
  // RFC 3720, B.4.
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(crc32c(std::string(32, '\xFF')), 0x62A8AB43u);
  std::string rising;
  for (int i = 0; i < 32; ++i) rising += static_cast<char>(i);
  EXPECT_EQ(crc32c(rising), 0x46DD794Eu);
  EXPECT_EQ(crc32c(""), 0u);
}

// The bytes that TensorBoard's own RecordWriter makes of "foo" and of nothing.
TEST(TfRecord, FramesAsTensorBoardDoes) {
  using namespace std::string_literals;
  EXPECT_EQ(tfrecord("foo"),
            "\x03\x00\x00\x00\x00\x00\x00\x00\xB0\x99\x49\x0E\x66\x6F\x6F\x61\x8A\xBE\xFE"s);
  EXPECT_EQ(tfrecord(""), "\x00\x00\x00\x00\x00\x00\x00\x00\x29\x03\x98\x07\xD8\xEA\x82\xA2"s);
}

}  // namespace
}  // namespace pronghorn::formats
