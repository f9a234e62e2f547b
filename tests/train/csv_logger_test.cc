#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "fake_control.h"
#include "pronghorn/callbacks.h"
#include "pronghorn/error.h"
#include "temporary_directory.h"

namespace pronghorn {
namespace {

void log_epochs(Callback& callback, const std::vector<Logs>& epochs) {
  FakeControl control;
  callback.on_train_begin(control);
  for (size_t epoch = 0; epoch < epochs.size(); ++epoch)
    callback.on_epoch_end(control, static_cast<int>(epoch), epochs[epoch]);
  callback.on_train_end(control, {});
}

TEST(CSVLogger, WritesKerasBytes) {
  const TemporaryDirectory directory;
  const std::string path = directory / "history.csv";
  log_epochs(*CSVLogger(path), {{{"accuracy", 0.5}, {"loss", 1}, {"val_loss", 1e-5}},
                                {{"accuracy", 0.1}, {"loss", 1.0 / 3}, {"val_loss", 12345678}}});
  EXPECT_EQ(contents_of(path),
            "epoch,accuracy,loss,val_loss\r\n"
            "0,0.5,1.0,1e-05\r\n"
            "1,0.1,0.3333333333333333,12345678.0\r\n");
}

TEST(CSVLogger, ColumnsAreThoseOfTheFirstEpochAndMissingValuesAreNA) {
  const TemporaryDirectory directory;
  const std::string path = directory / "history.csv";
  log_epochs(*CSVLogger(path),
             {{{"loss", 1.5}}, {{"other", 2.5}}, {{"loss", 2.5}, {"other", 1.5}}});
  EXPECT_EQ(contents_of(path), "epoch,loss\r\n0,1.5\r\n1,NA\r\n2,2.5\r\n");
}

TEST(CSVLogger, BeginsAnewUnlessItAppends) {
  const TemporaryDirectory directory;
  const std::string path = directory / "history.csv";
  log_epochs(*CSVLogger(path), {{{"loss", 1.5}}});
  log_epochs(*CSVLogger(path), {{{"loss", 2.5}}});
  EXPECT_EQ(contents_of(path), "epoch,loss\r\n0,2.5\r\n");
  log_epochs(*CSVLogger(path, /*append=*/true), {{{"loss", 3.5}}});
  EXPECT_EQ(contents_of(path), "epoch,loss\r\n0,2.5\r\n0,3.5\r\n");
}

TEST(CSVLogger, AppendingToNothingWritesTheHeader) {
  const TemporaryDirectory directory;
  const std::string path = directory / "history.csv";
  log_epochs(*CSVLogger(path, /*append=*/true), {{{"loss", 1.5}}});
  EXPECT_EQ(contents_of(path), "epoch,loss\r\n0,1.5\r\n");
}

TEST(CSVLogger, ARowIsInTheFileWhenItsEpochHasEnded) {
  const TemporaryDirectory directory;
  const std::string path = directory / "history.csv";
  FakeControl control;
  const auto callback = CSVLogger(path);
  callback->on_train_begin(control);
  callback->on_epoch_end(control, 0, {{"loss", 1.5}});
  EXPECT_EQ(contents_of(path), "epoch,loss\r\n0,1.5\r\n");
}

TEST(CSVLogger, SaysWhichFileCanNotBeWritten) {
  const TemporaryDirectory directory;
  FakeControl control;
  const auto callback = CSVLogger(directory / "missing/history.csv");
  EXPECT_THAT([&] { callback->on_train_begin(control); },
              testing::ThrowsMessage<FileError>(testing::HasSubstr("missing/history.csv")));
}

}  // namespace
}  // namespace pronghorn
