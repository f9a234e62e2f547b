#include "model/summary.h"

#include <gmock/gmock.h>

#include <sstream>

#include "base/file.h"
#include "pronghorn/error.h"
#include "pronghorn/model.h"

namespace pronghorn {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string sample(const std::string& name) {
  return read_file(std::string(PRONGHORN_SOURCE_DIR) + "/tests/formats/samples/" + name);
}

// The text less the column that Keras has not: a table row ends where that column begins, and the
// line of the total of multiply-accumulates goes.
std::string as_keras(const std::string& text) {
  std::istringstream lines(text);
  std::string result;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(" Total multiply-accumulates")) continue;
    const bool row = !line.starts_with(" ") && !line.starts_with("Model");
    if (row) {
      // In characters, not bytes: the column and its border are 23 of them.
      std::vector<std::string> characters;
      for (char c : line) {
        if ((static_cast<unsigned char>(c) & 0xC0) == 0x80)
          characters.back() += c;
        else
          characters.emplace_back(1, c);
      }
      const std::string end = characters.back();
      characters.resize(characters.size() - 24);
      line.clear();
      for (const std::string& character : characters) line += character;
      line += end;
    }
    result += line + "\n";
  }
  return result;
}

struct SummaryCase {
  const char* model;
  const char* file;
  int keras_width;
};

void PrintTo(const SummaryCase& c, std::ostream* out) { *out << c.file; }

class Summary : public testing::TestWithParam<SummaryCase> {};

// The files were written by Keras itself (tests/parity/make_model_fixtures.py).
TEST_P(Summary, IsKerassAndOneColumn) {
  const SummaryCase& c = GetParam();
  const std::string name = c.model;
  const Model model = name.starts_with("mnist") ? load_model(name) : model_from_json(sample(name));
  EXPECT_EQ(as_keras(model.summary(c.keras_width == 0 ? 0 : c.keras_width + 23)), sample(c.file));
}

INSTANTIATE_TEST_SUITE_P(
    Models, Summary,
    testing::Values(SummaryCase{"mnist-mlp", "mnist-mlp.summary.txt", 0},
                    SummaryCase{"mnist-cnn", "mnist-cnn.summary.txt", 0},
                    SummaryCase{"mnist-cnn-4", "mnist-cnn-4.summary.txt", 0},
                    SummaryCase{"mnist-cnn-128", "mnist-cnn-128.summary.txt", 0},
                    SummaryCase{"chain.json", "chain.summary.txt", 0},
                    SummaryCase{"branching.json", "branching.summary.txt", 0},
                    SummaryCase{"branching.json", "branching.narrow.summary.txt", 76},
                    SummaryCase{"shared.json", "shared.summary.txt", 0},
                    SummaryCase{"all_layers.json", "all_layers.summary.txt", 0},
                    SummaryCase{"all_layers.json", "all_layers.narrow.summary.txt", 60}));

TEST(SummaryText, ShowsMultiplyAccumulatesByLayerAndInTotal) {
  const std::string text = load_model("mnist-cnn").summary();
  EXPECT_THAT(text, HasSubstr("┃ Multiply-accumulates ┃"));
  // 26 * 26 * 32 * 9 and 24 * 24 * 64 * 9 * 32.
  EXPECT_THAT(text, HasSubstr("│             320 │              194,688 │"));
  EXPECT_THAT(text, HasSubstr("│           10,616,832 │"));
  EXPECT_THAT(text, HasSubstr(" Total multiply-accumulates: 10,903,680 (forward, per image)\n"));
}

TEST(SummaryText, CountsMemoryIn1024s) {
  // 9 * 25 + 25 weights of 4 bytes, and 6 more.
  EXPECT_THAT(Sequential({9}, {layers::Dense(25)}).summary(),
              HasSubstr(" Total params: 250 (1000.00 B)\n"));
  EXPECT_THAT(Sequential({7}, {layers::Dense(32)}).summary(),
              HasSubstr(" Total params: 256 (1.00 KB)\n"));
}

TEST(SummaryRows, HoldWhatTheTableShows) {
  const std::vector<SummaryRow> rows = model_from_json(sample("shared.json")).summary_rows();
  ASSERT_EQ(rows.size(), 7u);
  EXPECT_EQ(rows[0].type, "InputLayer");
  EXPECT_EQ(rows[2].name, "tower");
  EXPECT_EQ(rows[2].params, 28);
  EXPECT_EQ(rows[2].output_shape, (Shape{4}));
  EXPECT_EQ(rows[2].multiply_accumulates, 3 * 6 * 4);
  EXPECT_THAT(rows[2].connected_to, ElementsAre("left[0][0]", "right[0][0]", "back[0][0]"));
  EXPECT_THAT(rows[5].connected_to, ElementsAre("tower[2][0]"));
}

}  // namespace
}  // namespace pronghorn
