#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "formats/fixtures.h"
#include "pronghorn/data.h"

namespace pronghorn {
namespace {

using ::testing::HasSubstr;
using namespace pronghorn::testing;

// Four small files of MNIST's form: 2 images to train on, 1 to test on.
void write_four(const std::string& directory, bool compressed = false) {
  const auto put = [&](const std::string& name, const std::string& bytes) {
    write_file(directory + "/" + name + (compressed ? ".gz" : ""),
               compressed ? gzip(bytes) : bytes);
  };
  put("train-images-idx3-ubyte", idx({2, 28, 28}));
  put("train-labels-idx1-ubyte", idx({2}));
  put("t10k-images-idx3-ubyte", idx({1, 28, 28}));
  put("t10k-labels-idx1-ubyte", idx({1}));
}

TEST(Catalog, ShipsTenThousandDigits) {
  const TrainAndTest sets = load_dataset("mnist-10k");
  EXPECT_EQ(sets.train.x.shape, (Shape{9000, 28, 28, 1}));
  EXPECT_EQ(sets.test.x.shape, (Shape{1000, 28, 28, 1}));
  EXPECT_EQ(sets.train.y.shape, Shape{9000});
  EXPECT_EQ(sets.train.classes, 10);
  const auto& labels = sets.test.y.values;
  EXPECT_EQ(std::set<float>(labels.begin(), labels.end()).size(), 10u);
  const auto [least, greatest] = std::ranges::minmax(sets.train.x.values);
  EXPECT_EQ(least, 0);
  EXPECT_EQ(greatest, 1);
  // Every value is k / 255, correctly rounded.
  EXPECT_TRUE(std::ranges::all_of(sets.test.x.values,
                                  [](float v) { return v == std::round(v * 255.0f) / 255.0f; }));
}

TEST(Catalog, ReadsIdxFilesPlainAndCompressedInTheDirectoryOrBelow) {
  for (bool compressed : {false, true}) {
    for (const char* below : {"", "/mnist"}) {
      TemporaryDirectory directory;
      write_four(directory.path() + below, compressed);
      const TrainAndTest sets = load_dataset("mnist", directory.path());
      EXPECT_EQ(sets.train.x.shape, (Shape{2, 28, 28, 1}));
      EXPECT_EQ(sets.train.x.values[51], 51 / 255.0f);
      EXPECT_EQ(sets.test.y.samples(), 1);
    }
  }
}

TEST(Catalog, ReadsKerassArchive) {
  TemporaryDirectory directory;
  std::filesystem::copy(fixture("keras_deflated.npz"), directory / "mnist.npz");
  const TrainAndTest sets = load_dataset("mnist", directory.path());
  EXPECT_EQ(sets.train.name, "mnist");
  EXPECT_EQ(sets.train.x.shape, (Shape{3, 28, 28, 1}));
  EXPECT_EQ(sets.test.classes, 10);
}

TEST(Catalog, ReadsDebiansFashionMnist) {
  if (!std::filesystem::exists("/usr/share/datasets/fashion-mnist"))
    GTEST_SKIP() << "Debian's package dataset-fashion-mnist is not installed";
  const TrainAndTest sets = load_dataset("fashion-mnist");
  EXPECT_EQ(sets.train.x.shape, (Shape{60000, 28, 28, 1}));
  EXPECT_EQ(sets.test.x.shape, (Shape{10000, 28, 28, 1}));
}

TEST(Catalog, ListsWhatIsThereAndWhatToDoAboutTheRest) {
  const auto infos = list_datasets();
  ASSERT_EQ(infos.size(), 3u);
  EXPECT_EQ(infos[0].name, "mnist-10k");
  EXPECT_THAT(infos[0].found_at, HasSubstr("mnist10k"));
  EXPECT_EQ(infos[0].missing, "");
  EXPECT_EQ(infos[1].found_at, "");
  EXPECT_THAT(infos[1].missing, HasSubstr("--data-dir"));
  TemporaryDirectory directory;
  write_four(directory / "fashion-mnist");
  EXPECT_EQ(list_datasets(directory.path())[2].found_at, directory / "fashion-mnist");
}

}  // namespace
}  // namespace pronghorn
