#include <gmock/gmock.h>

#include "formats/fixtures.h"
#include "formats/npy.h"
#include "pronghorn/data.h"

namespace pronghorn {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace pronghorn::testing;

TEST(LoadNpy, ScalesBytesAsPixels) {
  EXPECT_THAT(load_npy(fixture("u1.npy")).values, ElementsAre(0, 0.2f, 0.4f, 1));
  EXPECT_THAT(load_npy(fixture("u1.npy"), false).values, ElementsAre(0, 51, 102, 255));
  EXPECT_THAT(load_npy(fixture("i1.npy")).values, ElementsAre(-128, -1, 0, 127));
}

TEST(LoadNpy, RefusesAnArrayWithoutSamples) {
  for (const char* name : {"empty.npy", "scalar.npy"})
    EXPECT_THAT(message_of<FileError>([&] { load_npy(fixture(name)); }), HasSubstr("no samples"));
}

TEST(LoadNpz, ReadsKerassLayout) {
  const TrainAndTest sets = load_npz(fixture("keras_deflated.npz"));
  EXPECT_EQ(sets.train.name, "keras_deflated");
  EXPECT_EQ(sets.train.x.shape, (Shape{3, 28, 28}));
  EXPECT_EQ(sets.train.x.values[51], 51 / 255.0f);
  EXPECT_THAT(sets.train.y.values, ElementsAre(7, 0, 9));
  EXPECT_EQ(sets.train.classes, 10);
  EXPECT_EQ(sets.test.x.shape, (Shape{2, 28, 28}));
  EXPECT_EQ(sets.test.classes, 10);
}

TEST(LoadNpz, ReadsXAndYWithLabelsInAColumn) {
  const TrainAndTest sets = load_npz(fixture("xy.npz"));
  EXPECT_EQ(sets.train.x.shape, (Shape{2, 3}));
  EXPECT_EQ(sets.train.y.shape, Shape{2});
  EXPECT_EQ(sets.train.classes, 5);
  EXPECT_EQ(sets.test.x.samples(), 0);
}

TEST(LoadNpz, CountsTheClassesOfBothParts) {
  const TrainAndTest sets = load_npz(fixture("class_in_test_only.npz"));
  EXPECT_EQ(sets.train.classes, 6);
  EXPECT_EQ(sets.test.classes, 6);
}

TEST(LoadNpz, ReadsTheArraysOfInputsAndOutputsByName) {
  const std::vector<std::string> inputs = {"a", "b"}, outputs = {"kind", "size"};
  const TrainAndTest sets = load_npz(fixture("by_name.npz"), true, inputs, outputs);
  ASSERT_EQ(sets.train.inputs.size(), 2u);
  EXPECT_EQ(sets.train.inputs[0].name, "a");
  EXPECT_EQ(sets.train.inputs[0].array.shape, (Shape{2, 3}));
  EXPECT_EQ(sets.train.inputs[1].array.values[51], 51 / 255.0f);
  ASSERT_EQ(sets.train.labels.size(), 2u);
  EXPECT_THAT(sets.train.labels[0].array.values, ElementsAre(1, 0));
  ASSERT_EQ(sets.train.sample_weights.size(), 1u);
  EXPECT_EQ(sets.train.sample_weights[0].name, "size");
  EXPECT_THAT(sets.train.sample_weights[0].array.values, ElementsAre(1, 2));
  EXPECT_EQ(sets.test.all_inputs().samples(), 1);
  EXPECT_THAT(sets.test.sample_weight.values, ElementsAre(3));
  EXPECT_THAT(message_of<FileError>([&] {
                load_npz(fixture("by_name.npz"), true, {"a", "c"}, outputs);
              }),
              HasSubstr("none for the input 'c': c_train"));
}

TEST(LoadNpz, NamesTheArraysThatItNeeds) {
  EXPECT_THAT(message_of<FileError>([] { load_npz(fixture("wrong_names.npz")); }),
              HasSubstr("has the arrays [images, labels]; x_train, y_train"));
}

TEST(LoadCsv, TakesTheLabelColumnOut) {
  TemporaryDirectory directory;
  const std::string path = write_file(directory / "some.csv", "a,b,c\n1,2,3\n4,5,6\n");
  Dataset set = load_csv(path);
  EXPECT_EQ(set.name, "some");
  EXPECT_EQ(set.x.shape, (Shape{2, 2}));
  EXPECT_THAT(set.x.values, ElementsAre(1, 2, 4, 5));
  EXPECT_THAT(set.y.values, ElementsAre(3, 6));
  EXPECT_EQ(set.classes, 7);
  set = load_csv(path, 0);
  EXPECT_THAT(set.x.values, ElementsAre(2, 3, 5, 6));
  EXPECT_THAT(set.y.values, ElementsAre(1, 4));
  EXPECT_THAT(load_csv(path, -2).y.values, ElementsAre(2, 5));
}

TEST(LoadCsv, RefusesALabelColumnBeyondTheTable) {
  TemporaryDirectory directory;
  const std::string path = write_file(directory / "some.csv", "1,2\n");
  for (int column : {2, -3})
    EXPECT_THAT(message_of<ArgumentError>([&] { load_csv(path, column); }), HasSubstr("0 to 1"));
  write_file(path, "1\n2\n");
  EXPECT_THAT(message_of<FileError>([&] { load_csv(path); }), HasSubstr("one column"));
}

}  // namespace
}  // namespace pronghorn
