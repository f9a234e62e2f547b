#include "formats/csv.h"

#include <gmock/gmock.h>

#include "formats/fixtures.h"

namespace pronghorn::formats {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using namespace pronghorn::testing;

std::string refusal(std::string_view text) {
  return message_of<FileError>([&] { parse_csv(text, "some.csv"); });
}

TEST(Csv, ReadsNumbersOfEveryForm) {
  const CsvTable table = parse_csv("1,-2.5\n+3,1e-3\n .5 ,\t6\n", "f");
  EXPECT_EQ(table.cells.shape, (Shape{3, 2}));
  EXPECT_THAT(table.cells.values, ElementsAre(1, -2.5f, 3, 1e-3f, 0.5f, 6));
  EXPECT_THAT(table.header, IsEmpty());
}

TEST(Csv, FindsAHeaderByItsLackOfNumbers) {
  const CsvTable table = parse_csv("label,\"pixel \"\"a\"\", 1\"\n5,6\n", "f");
  EXPECT_THAT(table.header, ElementsAre("label", "pixel \"a\", 1"));
  EXPECT_EQ(table.cells.shape, (Shape{1, 2}));
}

TEST(Csv, ReadsWhatSpreadsheetsWrite) {
  const CsvTable table = parse_csv("\xEF\xBB\xBF\"a\nb\",c\r\n\"1\",2\r\n\r\n3,\"4\"", "f");
  EXPECT_THAT(table.header, ElementsAre("a\nb", "c"));
  EXPECT_THAT(table.cells.values, ElementsAre(1, 2, 3, 4));
}

TEST(Csv, SaysLineAndColumnOfWhatIsNoNumber) {
  EXPECT_THAT(refusal("a,b\n1,2\n3,four\n"),
              HasSubstr("'some.csv': line 3, column 2: 'four' is no finite number"));
  EXPECT_THAT(refusal("1,2\n3,\n"), HasSubstr("line 2, column 2: an empty cell"));
  EXPECT_THAT(refusal("1,nan\n"), HasSubstr("line 1, column 2: 'nan'"));
  EXPECT_THAT(refusal("1,1e39\n"), HasSubstr("line 1, column 2: '1e39'"));
  EXPECT_THAT(refusal("1,2 3\n"), HasSubstr("'2 3'"));
  EXPECT_THAT(refusal("1,0x10\n"), HasSubstr("'0x10'"));
  EXPECT_THAT(refusal("1,+-1\n"), HasSubstr("'+-1'"));
  EXPECT_THAT(refusal("label,7\n1,2\n"), HasSubstr("a header would have no numbers"));
}

TEST(Csv, CountsLinesWithinQuotes) {
  EXPECT_THAT(refusal("\"a\nb\nc\",d\n1,2\n\n3,x\n"), HasSubstr("line 6, column 2"));
}

TEST(Csv, RefusesRaggedRows) {
  EXPECT_THAT(refusal("1,2,3\n4,5\n"),
              HasSubstr("line 2: has 2 columns, but the first line has 3"));
  EXPECT_THAT(refusal("1,2\n4,5,6\n"), HasSubstr("line 2: has 3 columns"));
}

TEST(Csv, RefusesBrokenQuotes) {
  EXPECT_THAT(refusal("1,\"2\n3,4\n"), HasSubstr("line 1, column 2: the quote that opens here"));
  EXPECT_THAT(refusal("1,2\n\"3\"x,4\n"), HasSubstr("line 2, column 1: text follows"));
}

TEST(Csv, RefusesAFileWithoutRows) {
  EXPECT_THAT(refusal(""), HasSubstr("no row"));
  EXPECT_THAT(refusal("\r\n\n"), HasSubstr("no row"));
  EXPECT_THAT(refusal("a,b\n"), HasSubstr("no row"));
}

TEST(Csv, ReadsCompressedFiles) {
  TemporaryDirectory directory;
  const std::string path = write_file(directory / "t.csv.gz", gzip("1,2\n"));
  EXPECT_EQ(read_csv(path).cells.shape, (Shape{1, 2}));
}

}  // namespace
}  // namespace pronghorn::formats
