#include "train/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pronghorn/error.h"

namespace pronghorn {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

const Logs kLogs = {{"accuracy", 0.98765}, {"loss", 0.1}, {"val_loss", 1.2345}};

TEST(CheckpointPath, FillsInAsPythonDoes) {
  EXPECT_EQ(train::fill_in_path("w-{epoch:02d}-{val_loss:.2f}.safetensors", 4, kLogs),
            "w-05-1.23.safetensors");
  EXPECT_EQ(train::fill_in_path("{epoch}-{loss}", 0, kLogs), "1-0.1");
  EXPECT_EQ(train::fill_in_path("{{{epoch:03d}}}", 11, kLogs), "{012}");
  EXPECT_EQ(train::fill_in_path("plain.safetensors", 0, kLogs), "plain.safetensors");
}

TEST(CheckpointPath, RefusesFieldsThatAreNoLogs) {
  EXPECT_THAT([] { train::fill_in_path("{val_accuracy:.2f}", 0, kLogs); },
              ThrowsMessage<ArgumentError>(AllOf(HasSubstr("'val_accuracy'"),
                                                 HasSubstr("epoch, accuracy, loss, val_loss"))));
}

TEST(CheckpointPath, RefusesBrokenFields) {
  for (const char* pattern : {"{epoch", "epoch}", "{loss:02d}", "{epoch:zz}", "{}"})
    EXPECT_THROW(train::fill_in_path(pattern, 0, kLogs), ArgumentError) << pattern;
}

TEST(ModelCheckpoint, WritesModelsAndWeightsAsTheirNamesEnd) {
  ModelCheckpointOptions options;
  for (const char* path : {"m.keras", "m.weights.h5", "m.safetensors"}) {
    options.filepath = path;
    ModelCheckpoint(options);
  }
  options.filepath = "model.h5";
  EXPECT_THAT([&] { ModelCheckpoint(options); },
              ThrowsMessage<ArgumentError>(HasSubstr(".safetensors")));
}

}  // namespace
}  // namespace pronghorn
