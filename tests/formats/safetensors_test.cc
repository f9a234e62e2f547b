#include "formats/safetensors.h"

#include <gmock/gmock.h>

#include <cstring>

#include "formats/fixtures.h"

namespace pronghorn::formats {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace pronghorn::testing;

std::string with_header(const std::string& header, size_t data_bytes = 0) {
  const uint64_t size = header.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &size, 8);
  return bytes + header + std::string(data_bytes, '\0');
}

std::string entry(const std::string& name, int begin, int end, const std::string& shape = "[1]",
                  const std::string& dtype = "F32") {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape +
         ",\"data_offsets\":[" + std::to_string(begin) + "," + std::to_string(end) + "]}";
}

std::string refusal(const std::string& bytes) {
  return message_of<FileError>([&] { parse_safetensors(bytes, "some.safetensors"); });
}

TEST(Safetensors, ReadsWhatTheReferenceLibraryWrites) {
  const auto tensors = read_safetensors(fixture("reference.safetensors"));
  std::vector<std::string> names;
  for (const auto& tensor : tensors) names.push_back(tensor.name);
  EXPECT_THAT(names, ElementsAre("double", "dense/kernel", "empty", "scalar", "brain", "half"));
  EXPECT_THAT(tensors[0].array.values, ElementsAre(0.1f, -4));
  EXPECT_EQ(tensors[1].array.shape, (Shape{2, 3}));
  EXPECT_THAT(tensors[1].array.values, ElementsAre(0, 0.25f, 0.5f, 0.75f, 1, 1.25f));
  EXPECT_EQ(tensors[2].array.shape, (Shape{0, 5}));
  EXPECT_EQ(tensors[3].array.shape, Shape{});
  EXPECT_THAT(tensors[3].array.values, ElementsAre(3));
  EXPECT_THAT(tensors[4].array.values, ElementsAre(1, -2.5f));
  EXPECT_THAT(tensors[5].array.values, ElementsAre(1.5f, -2, 0x1p-24f));
}

TEST(Safetensors, ReadsBackWhatItWroteInOrder) {
  TemporaryDirectory directory;
  const std::vector<NamedArray> tensors = {{"z/kernel", {{2, 2}, {1, -0.0f, 3e-42f, 4}}},
                                           {"none", {{0, 3}, {}}},
                                           {"a/bias \"\xC3\xA9\"", {{1}, {5}}},
                                           {"scalar", {{}, {6}}}};
  const std::string path = directory / "weights.safetensors";
  write_safetensors(path, tensors);
  const auto read = read_safetensors(path);
  ASSERT_EQ(read.size(), tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    EXPECT_EQ(read[i].name, tensors[i].name);
    EXPECT_EQ(read[i].array.shape, tensors[i].array.shape);
    const auto& values = tensors[i].array.values;
    ASSERT_EQ(read[i].array.values.size(), values.size());
    if (values.empty()) continue;
    EXPECT_EQ(std::memcmp(read[i].array.values.data(), values.data(), 4 * values.size()), 0);
  }
  const std::string bytes = file_bytes(path);
  EXPECT_THAT(bytes,
              HasSubstr(R"({"__metadata__":{"format":"pronghorn"},"z/kernel":{"dtype":"F32",)"
                        R"("shape":[2,2],"data_offsets":[0,16]})"));
  EXPECT_EQ((bytes.size() - 6 * sizeof(float)) % 8, 0u);  // the data are aligned
}

TEST(Safetensors, RefusesToWriteWhatCantBeReadBack) {
  TemporaryDirectory directory;
  const std::string path = directory / "weights.safetensors";
  const Array one{{1}, {1}};
  const auto refused = [&](std::vector<NamedArray> tensors) {
    return message_of<Error>([&] { write_safetensors(path, tensors); });
  };
  EXPECT_THAT(refused({{"a", one}, {"a", one}}), HasSubstr("named 'a'"));
  EXPECT_THAT(refused({{"__metadata__", one}}), HasSubstr("__metadata__"));
  EXPECT_THAT(refused({{"\xFF", one}}), HasSubstr("UTF-8"));
  EXPECT_THAT(refused({{"a", {{2}, {1}}}}), HasSubstr("shape (2,) has 1 values"));
  EXPECT_TRUE(directory.empty());
}

TEST(Safetensors, RefusesATruncatedFileAtEveryLength) {
  const std::string bytes = file_bytes(fixture("reference.safetensors"));
  for (size_t length = 0; length < bytes.size(); ++length) refusal(bytes.substr(0, length));
}

TEST(Safetensors, RefusesBrokenHeaders) {
  EXPECT_THAT(refusal("\xff\xff\xff\xff\xff\xff\xff\xff{}"), HasSubstr("claims a header of"));
  EXPECT_THAT(refusal(with_header("{\"a\":")), HasSubstr("JSON at byte"));
  EXPECT_THAT(refusal(with_header("{\"\xff\":1}")), HasSubstr("not valid UTF-8 JSON at byte 10"));
  EXPECT_THAT(refusal(with_header("[]")), HasSubstr("no JSON object"));
  EXPECT_THAT(refusal(with_header("")), HasSubstr("JSON"));
  EXPECT_THAT(refusal(with_header("{" + entry("a", 0, 4) + "," + entry("a", 4, 8) + "}", 8)),
              HasSubstr("the name 'a' twice"));
  EXPECT_THAT(refusal(with_header("{\"__metadata__\":{\"a\":1}}")), HasSubstr("__metadata__"));
  for (const char* text :
       {"{\"a\":1}", "{\"a\":{}}", "{\"a\":{\"dtype\":1,\"shape\":[],\"data_offsets\":[0,0]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,4]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[\"0\",4]}}"})
    EXPECT_THAT(refusal(with_header(text, 4)), HasSubstr("tensor 'a'")) << text;
}

TEST(Safetensors, RefusesOffsetsThatDontCoverTheFileExactly) {
  const auto two = [](int a, int b, int c, int d, size_t bytes) {
    return refusal(with_header("{" + entry("a", a, b) + "," + entry("b", c, d) + "}", bytes));
  };
  EXPECT_THAT(two(0, 4, 2, 6, 8), HasSubstr("'b' with data_offsets [2, 6] overlaps"));
  EXPECT_THAT(two(0, 4, 0, 4, 4), HasSubstr("overlaps"));
  EXPECT_THAT(two(0, 4, 6, 10, 10), HasSubstr("leaves a gap in the data; it must begin at 4"));
  EXPECT_THAT(two(4, 8, 8, 12, 12), HasSubstr("gap"));
  EXPECT_THAT(two(0, 4, 4, 8, 9), HasSubstr("1 bytes follow the last tensor"));
  EXPECT_THAT(two(0, 4, 4, 8, 7), HasSubstr("reaches beyond the file"));
  EXPECT_THAT(two(0, 4, 8, 4, 8), HasSubstr("ends before it begins"));
  EXPECT_THAT(refusal(with_header("{}", 1)), HasSubstr("follow the last tensor"));
}

TEST(Safetensors, RefusesSizesThatAreNotDtypeTimesShape) {
  const auto one = [](const std::string& shape, const std::string& dtype, int bytes) {
    return refusal(with_header("{" + entry("a", 0, bytes, shape, dtype) + "}", 8));
  };
  EXPECT_THAT(one("[3]", "F32", 8), HasSubstr("bytes of its shape (3,)"));
  EXPECT_THAT(one("[2]", "F64", 8), HasSubstr("dtype F64"));
  EXPECT_THAT(one("[4611686018427387904,4]", "F32", 8), HasSubstr("bytes of its shape"));
  EXPECT_THAT(one("[18446744073709551615]", "F32", 8), HasSubstr("bytes of its shape"));
  EXPECT_THAT(one("[1]", "I64", 8), HasSubstr("has dtype 'I64'; F32, F16, BF16 and F64"));
  EXPECT_THAT(message_of<FileError>([] { read_safetensors(fixture("int64.safetensors")); }),
              HasSubstr("tensor 'steps' has dtype 'I64'"));
}

}  // namespace
}  // namespace pronghorn::formats
