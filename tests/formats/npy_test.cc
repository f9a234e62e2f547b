#include "formats/npy.h"

#include <gmock/gmock.h>

#include <limits>

#include "formats/fixtures.h"

namespace pronghorn::formats {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace pronghorn::testing;

std::string refusal(std::string_view bytes) {
  return message_of<FileError>([&] { parse_npy(bytes, "some.npy"); });
}

// Version 1 around this header; `data` follows.
std::string with_header(const std::string& header, const std::string& data = "") {
  const auto size = static_cast<uint16_t>(header.size());
  return std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(size & 0xFF) +
         static_cast<char>(size >> 8) + header + data;
}

TEST(Npy, ReadsEveryVersionAsNumPyWritesIt) {
  for (const char* name : {"f4.npy", "f4_version2.npy", "f4_version3.npy", "f8_big_endian.npy"}) {
    const NpyArray stored = read_npy(fixture(name));
    EXPECT_EQ(stored.array.shape, (Shape{2, 3})) << name;
    EXPECT_THAT(stored.array.values, ElementsAre(0, 0.25f, 0.5f, 0.75f, 1, 1.25f)) << name;
    EXPECT_EQ(stored.kind, 'f');
    EXPECT_FALSE(stored.is_bytes());
  }
}

TEST(Npy, ReadsEveryTypeOfNumber) {
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_THAT(read_npy(fixture("f2.npy")).array.values,
              ElementsAre(1.5f, -2, 65504, 0x1p-24f, infinity, 0));
  EXPECT_THAT(read_npy(fixture("u1.npy")).array.values, ElementsAre(0, 51, 102, 255));
  EXPECT_TRUE(read_npy(fixture("u1.npy")).is_bytes());
  EXPECT_THAT(read_npy(fixture("i1.npy")).array.values, ElementsAre(-128, -1, 0, 127));
  EXPECT_THAT(read_npy(fixture("u2_big_endian.npy")).array.values, ElementsAre(1, 256, 65535));
  EXPECT_THAT(read_npy(fixture("i4.npy")).array.values, ElementsAre(-70000, 70000));
  EXPECT_THAT(read_npy(fixture("i8.npy")).array.values, ElementsAre(-1, 0x1p40f));
  EXPECT_THAT(read_npy(fixture("bool.npy")).array.values, ElementsAre(1, 0, 1));
}

TEST(Npy, TurnsFortranOrderIntoRows) {
  const Array array = read_npy(fixture("fortran_order.npy")).array;
  ASSERT_EQ(array.shape, (Shape{2, 3, 4}));
  size_t index = 0;
  for (int a = 0; a < 2; ++a)
    for (int b = 0; b < 3; ++b)
      for (int c = 0; c < 4; ++c)
        EXPECT_EQ(array.values[index++], static_cast<float>(100 * a + 10 * b + c));
}

TEST(Npy, ReadsScalarsAndEmptyArrays) {
  EXPECT_EQ(read_npy(fixture("scalar.npy")).array.shape, Shape{});
  EXPECT_THAT(read_npy(fixture("scalar.npy")).array.values, ElementsAre(2.5f));
  EXPECT_EQ(read_npy(fixture("empty.npy")).array.shape, (Shape{0, 3}));
}

TEST(Npy, WritesByteForByteWhatNumPyWrites) {
  TemporaryDirectory directory;
  write_npy(directory / "written.npy", {{2, 3}, {0, 0.25f, 0.5f, 0.75f, 1, 1.25f}});
  EXPECT_EQ(file_bytes(directory / "written.npy"), file_bytes(fixture("f4.npy")));
  write_npy(directory / "row.npy", {{3}, {-1, 0, 1e-30f}});
  EXPECT_THAT(read_npy(directory / "row.npy").array.values, ElementsAre(-1, 0, 1e-30f));
}

TEST(Npy, ReadsCompressedFiles) {
  TemporaryDirectory directory;
  const std::string path = write_file(directory / "f4.npy.gz", gzip(file_bytes(fixture("f4.npy"))));
  EXPECT_EQ(read_npy(path).array.shape, (Shape{2, 3}));
}

TEST(Npy, RefusesATruncatedFileAtEveryLength) {
  for (const char* name : {"f4.npy", "f4_version2.npy"}) {
    const std::string bytes = file_bytes(fixture(name));
    for (size_t length = 0; length < bytes.size(); ++length)
      EXPECT_THAT(refusal(std::string_view(bytes).substr(0, length)), HasSubstr("'some.npy': "))
          << name << " " << length;
  }
}

TEST(Npy, RefusesBytesTooMany) {
  EXPECT_THAT(refusal(file_bytes(fixture("f4.npy")) + "x"), HasSubstr("too long: has 25 bytes"));
}

TEST(Npy, RefusesWhatIsNoArrayOfNumbers) {
  EXPECT_THAT(message_of<FileError>([] { read_npy(fixture("objects.npy")); }),
              HasSubstr("Python objects"));
  EXPECT_THAT(message_of<FileError>([] { read_npy(fixture("strings.npy")); }),
              HasSubstr("type '<U2'"));
  EXPECT_THAT(message_of<FileError>([] { read_npy(fixture("records.npy")); }),
              HasSubstr("records with fields"));
  EXPECT_THAT(refusal("PK\x03\x04 something"), HasSubstr("no .npy file"));
}

TEST(Npy, RefusesBrokenHeaders) {
  const std::string data(16, '\0');
  const auto header = [](const std::string& shape) {
    return "{'descr': '<f4', 'fortran_order': False, 'shape': " + shape + "}";
  };
  EXPECT_EQ(parse_npy(with_header(header("(2, 2)"), data), "f").array.shape, (Shape{2, 2}));
  EXPECT_EQ(parse_npy(with_header(header("(4L,)"), data), "f").array.shape, (Shape{4}));
  for (const char* shape : {"(2, 2", "(-2, -2)", "(2; 2)", "(2, x)", "[2, 2]", "4", "", "(1e1,)",
                            "(99999999999999999999,)"})
    EXPECT_THAT(refusal(with_header(header(shape), data)), HasSubstr("header at byte")) << shape;
  for (const char* text :
       {"", "{", "{}", "not a dict", "{'descr': '<f4', 'shape': (4,)}",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': (4,)}",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (4,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4,), 'more': 1}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4,)} more",
        "{'descr': '<f4, 'fortran_order': False, 'shape': (4,)}"})
    EXPECT_THAT(refusal(with_header(text, data)), HasSubstr("header at byte")) << text;
  for (const char* descr : {"<f3", "<c8", "<f1", "<b2", "f4", "<M8[ns]", "", "|S1"})
    EXPECT_THAT(refusal(with_header("{'descr': '" + std::string(descr) +
                                        "', 'fortran_order': False, 'shape': (4,)}",
                                    data)),
                HasSubstr("elements of type '" + std::string(descr) + "'"))
        << descr;
}

TEST(Npy, RefusesShapesBeyondTheFile) {
  const std::string start = "{'descr': '<f8', 'fortran_order': True, 'shape': ";
  EXPECT_THAT(refusal(with_header(start + "(1000000000000,)}")), HasSubstr("truncated: has 0"));
  EXPECT_THAT(refusal(with_header(start + "(4294967296, 4294967296)}")), HasSubstr("2^63"));
  EXPECT_THAT(refusal(with_header(start + "(4294967296, 4294967296, 0)}")), HasSubstr("2^63"));
}

}  // namespace
}  // namespace pronghorn::formats
