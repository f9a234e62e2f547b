// What a user sees who names a broken data set: one line with the file, what is wrong with it and
// what would be right.

#include <gmock/gmock.h>

#include "formats/fixtures.h"
#include "formats/safetensors.h"
#include "pronghorn/data.h"

namespace pronghorn {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using namespace pronghorn::testing;

constexpr const char* kTrainImages = "train-images-idx3-ubyte";
constexpr const char* kTrainLabels = "train-labels-idx1-ubyte";

class BrokenDataset : public ::testing::Test {
 protected:
  void SetUp() override {
    put(kTrainImages, idx({2, 28, 28}));
    put(kTrainLabels, idx({2}));
    put("t10k-images-idx3-ubyte", idx({1, 28, 28}));
    put("t10k-labels-idx1-ubyte", idx({1}));
  }
  void put(const std::string& name, const std::string& bytes) {
    write_file(directory_ / name, bytes);
  }
  void replace_by_gzip(const std::string& name, const std::string& bytes) {
    std::filesystem::remove(directory_ / name);
    write_file(directory_ / (name + ".gz"), bytes);
  }
  std::string refusal() {
    return message_of<FileError>([&] { load_dataset("mnist", directory_.path()); });
  }

  TemporaryDirectory directory_;
};

TEST_F(BrokenDataset, TheFilesOfThisTestAreGood) {
  EXPECT_EQ(load_dataset("mnist", directory_.path()).train.x.samples(), 2);
}

TEST_F(BrokenDataset, MissingFile) {
  std::filesystem::remove(directory_ / kTrainLabels);
  EXPECT_THAT(refusal(), AllOf(HasSubstr("data set 'mnist' is missing: '" + directory_.path()),
                               HasSubstr(std::string("lacks ") + kTrainLabels)));
}

TEST_F(BrokenDataset, TruncatedImages) {
  put(kTrainImages, idx({2, 28, 28}).substr(0, 1000));
  EXPECT_THAT(refusal(), HasSubstr(std::string(kTrainImages) +
                                   "': truncated: has 1000 bytes, but its shape (2, 28, 28) needs "
                                   "1584"));
}

TEST_F(BrokenDataset, TruncatedGzip) {
  const std::string zipped = gzip(idx({2, 28, 28}));
  replace_by_gzip(kTrainImages, zipped.substr(0, zipped.size() / 2));
  EXPECT_THAT(refusal(), HasSubstr("ubyte.gz': truncated: the gzip data breaks off at byte " +
                                   std::to_string(zipped.size() / 2)));
}

TEST_F(BrokenDataset, CorruptGzip) {
  std::string zipped = gzip(idx({2, 28, 28}));
  zipped[zipped.size() / 2] ^= 0x55;
  replace_by_gzip(kTrainImages, zipped);
  EXPECT_THAT(refusal(), HasSubstr("ubyte.gz': corrupt gzip data at byte"));
}

TEST_F(BrokenDataset, LabelOutsideTheClasses) {
  std::string labels = idx({2});
  labels.back() = 10;
  put(kTrainLabels, labels);
  EXPECT_THAT(refusal(), HasSubstr("sample 1 has label 10; labels must be whole numbers from 0 to "
                                   "9"));
}

TEST_F(BrokenDataset, AnotherNumberOfLabels) {
  put(kTrainLabels, idx({3}));
  EXPECT_THAT(refusal(), HasSubstr("labels of shape (3,) for 2 images; (2,) would be right"));
}

TEST_F(BrokenDataset, ImagesOfAnotherSize) {
  put(kTrainImages, idx({2, 32, 32}));
  EXPECT_THAT(refusal(), HasSubstr("images of shape (2, 32, 32); (n, 28, 28) would be right"));
  put(kTrainImages, idx({0, 28, 28}));
  EXPECT_THAT(refusal(), HasSubstr("images of shape (0, 28, 28)"));
}

TEST_F(BrokenDataset, LabelsWhereImagesShouldBe) {
  put(kTrainImages, idx({2}));
  EXPECT_THAT(refusal(), HasSubstr("images of shape (2,)"));
}

TEST_F(BrokenDataset, AnotherFormat) {
  put(kTrainImages, "<!DOCTYPE html><title>404</title>");
  EXPECT_THAT(refusal(), HasSubstr("no idx file: begins with 3c 21 44 4f; 00 00 08 03"));
}

TEST_F(BrokenDataset, DirectoryInsteadOfAFile) {
  std::filesystem::remove(directory_ / kTrainImages);
  std::filesystem::create_directory(directory_ / kTrainImages);
  EXPECT_THAT(refusal(), HasSubstr("lacks train-images-idx3-ubyte"));
}

TEST_F(BrokenDataset, ArchiveWithoutTestImages) {
  write_file(directory_ / "mnist.npz", file_bytes(fixture("xy.npz")));
  EXPECT_THAT(refusal(), HasSubstr("mnist.npz:x_train': images of shape (2, 3)"));
}

TEST(NamedDataset, UnknownNameListsTheKnown) {
  EXPECT_THAT(message_of<ArgumentError>([] { load_dataset("cifar-10"); }),
              HasSubstr("no data set 'cifar-10'; the known ones are mnist-10k, mnist, "
                        "fashion-mnist"));
}

TEST(NamedDataset, MissingDirectoryAndMissingSet) {
  EXPECT_THAT(message_of<FileError>([] { load_dataset("mnist", "/none/such"); }),
              HasSubstr("'/none/such': no such directory"));
  EXPECT_THAT(message_of<FileError>([] { load_dataset("mnist"); }), HasSubstr("--data-dir"));
  TemporaryDirectory directory;
  EXPECT_THAT(message_of<FileError>([&] { load_dataset("mnist", directory.path()); }),
              HasSubstr("looked in '" + (directory / "mnist") + "', '" + directory.path() + "'"));
}

TEST(UserFile, MissingOrOfAnotherFormat) {
  TemporaryDirectory directory;
  for (const auto& load : std::vector<std::function<void(const std::string&)>>{
           [](const std::string& path) { load_npy(path); },
           [](const std::string& path) { load_npz(path); },
           [](const std::string& path) { load_csv(path); },
           [](const std::string& path) { formats::read_safetensors(path); }}) {
    EXPECT_THAT(message_of<FileError>([&] { load(directory / "none"); }),
                HasSubstr("no such file"));
    EXPECT_THAT(message_of<FileError>([&] { load(directory.path()); }),
                HasSubstr("is a directory"));
    const std::string text = write_file(directory / "text", "some words\nand more\n");
    EXPECT_THAT(message_of<FileError>([&] { load(text); }), HasSubstr("text': "));
  }
}

TEST(WeightsFile, DirectoryThatCantBeWritten) {
  TemporaryDirectory directory;
  write_file(directory / "file", "");
  const std::vector<NamedArray> weights = {{"a", {{1}, {1}}}};
  EXPECT_THAT(message_of<FileError>(
                  [&] { formats::write_safetensors(directory / "file/w.safetensors", weights); }),
              HasSubstr("file' is a file, not a directory"));
  EXPECT_THAT(message_of<FileError>(
                  [&] { formats::write_safetensors(directory / "none/w.safetensors", weights); }),
              HasSubstr("does not exist; make it first"));
  EXPECT_FALSE(std::filesystem::exists(directory / "none"));
}

}  // namespace
}  // namespace pronghorn
