// The event files, read back by a reader that shares nothing with what writes them but the
// checksum.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>

#include "fake_control.h"
#include "formats/tfrecord.h"
#include "pronghorn/callbacks.h"
#include "pronghorn/error.h"
#include "temporary_directory.h"

namespace pronghorn {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::SizeIs;
using testing::ThrowsMessage;

template <class T>
T take(std::string_view& bytes) {
  T value{};
  if (bytes.size() < sizeof value) throw std::runtime_error("the bytes end too early");
  std::memcpy(&value, bytes.data(), sizeof value);
  bytes.remove_prefix(sizeof value);
  return value;
}

uint64_t take_varint(std::string_view& bytes) {
  uint64_t value = 0;
  for (int shift = 0;; shift += 7) {
    const auto byte = take<uint8_t>(bytes);
    value |= uint64_t{byte & 0x7Fu} << shift;
    if ((byte & 0x80) == 0) return value;
  }
}

// A field of a protocol buffer: its number and contents.
struct Field {
  uint64_t number = 0;
  uint64_t integer = 0;  // of varints
  std::string bytes;     // of all others
};

std::vector<Field> fields_of(std::string_view message) {
  std::vector<Field> fields;
  while (!message.empty()) {
    const uint64_t key = take_varint(message);
    Field field;
    field.number = key >> 3;
    if ((key & 7) == 0) {
      field.integer = take_varint(message);
    } else {
      const uint64_t size = (key & 7) == 1 ? 8 : (key & 7) == 5 ? 4 : take_varint(message);
      field.bytes = message.substr(0, size);
      message.remove_prefix(size);
    }
    fields.push_back(field);
  }
  return fields;
}

struct Event {
  double wall_time = 0;
  int64_t step = 0;
  std::string file_version;
  std::string tag;
  float value = 0;

  friend bool operator==(const Event& a, const Event& b) {
    return a.step == b.step && a.tag == b.tag && a.value == b.value;
  }
};
std::ostream& operator<<(std::ostream& out, const Event& event) {
  return out << event.step << ' ' << event.tag << ' ' << event.value;
}
Event scalar(int64_t step, const std::string& tag, float value) {
  return {0, step, "", tag, value};
}

Event event_of(std::string_view bytes) {
  Event event;
  for (const Field& field : fields_of(bytes)) {
    if (field.number == 1) std::memcpy(&event.wall_time, field.bytes.data(), sizeof(double));
    if (field.number == 2) event.step = static_cast<int64_t>(field.integer);
    if (field.number == 3) event.file_version = field.bytes;
    if (field.number != 5) continue;
    for (const Field& value : fields_of(field.bytes))
      for (const Field& part : fields_of(value.bytes)) {
        if (part.number == 1) event.tag = part.bytes;
        if (part.number == 2) std::memcpy(&event.value, part.bytes.data(), sizeof(float));
      }
  }
  return event;
}

std::vector<Event> events_of(const std::string& path) {
  const std::string file = contents_of(path);
  const auto masked = [](std::string_view bytes) {
    const uint32_t crc = formats::crc32c(bytes);
    return static_cast<uint32_t>(((crc >> 15) | (crc << 17)) + 0xA282EAD8u);
  };
  std::vector<Event> events;
  for (std::string_view bytes = file; !bytes.empty();) {
    const std::string_view length_bytes = bytes.substr(0, 8);
    const auto length = take<uint64_t>(bytes);
    EXPECT_EQ(take<uint32_t>(bytes), masked(length_bytes));
    const std::string_view record = bytes.substr(0, length);
    bytes.remove_prefix(length);
    EXPECT_EQ(take<uint32_t>(bytes), masked(record));
    events.push_back(event_of(record));
  }
  return events;
}

std::vector<std::string> files_in(const std::string& directory) {
  std::vector<std::string> files;
  if (std::filesystem::exists(directory))
    for (const auto& entry : std::filesystem::directory_iterator(directory))
      files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

// The scalars of the only file in a directory, behind the record with the version.
std::vector<Event> scalars_in(const std::string& directory) {
  const std::vector<std::string> files = files_in(directory);
  EXPECT_THAT(files, SizeIs(1));
  std::vector<Event> events = events_of(files.at(0));
  EXPECT_EQ(events.at(0).file_version, "brain.Event:2");
  // Seconds since 1970; the clock of a machine may be set back, so no more is sure.
  for (const Event& event : events) EXPECT_GT(event.wall_time, 1e9);
  events.erase(events.begin());
  return events;
}

TEST(TensorBoard, WritesKerasTagsByEpoch) {
  const TemporaryDirectory directory;
  const auto callback = TensorBoard(directory / "logs");
  FakeControl control;
  callback->on_train_begin(control);
  callback->on_epoch_end(control, 0, {{"accuracy", 0.5}, {"loss", 2}, {"val_loss", 3}});
  control.rate = 0.05;
  callback->on_epoch_end(control, 1, {{"accuracy", 0.75}, {"loss", 1}, {"val_loss", 2.5}});
  callback->on_train_end(control, {});
  EXPECT_THAT(
      scalars_in(directory / "logs/train"),
      ElementsAre(scalar(0, "epoch_accuracy", 0.5f), scalar(0, "epoch_loss", 2),
                  scalar(0, "epoch_learning_rate", 0.1f), scalar(1, "epoch_accuracy", 0.75f),
                  scalar(1, "epoch_loss", 1), scalar(1, "epoch_learning_rate", 0.05f)));
  EXPECT_THAT(scalars_in(directory / "logs/validation"),
              ElementsAre(scalar(0, "epoch_loss", 3), scalar(1, "epoch_loss", 2.5f)));
}

TEST(TensorBoard, WithoutValidationThereIsNoRunOfIt) {
  const TemporaryDirectory directory;
  const auto callback = TensorBoard(directory / "logs");
  FakeControl control;
  callback->on_train_begin(control);
  callback->on_epoch_end(control, 0, {{"loss", 2}});
  EXPECT_THAT(files_in(directory / "logs/validation"), IsEmpty());
}

TEST(TensorBoard, AnEpochIsInTheFileWhenItHasEnded) {
  const TemporaryDirectory directory;
  const auto callback = TensorBoard(directory / "logs");
  FakeControl control;
  callback->on_train_begin(control);
  EXPECT_THAT(scalars_in(directory / "logs/train"), IsEmpty());
  callback->on_epoch_end(control, 0, {{"loss", 2}});
  EXPECT_THAT(scalars_in(directory / "logs/train"), SizeIs(2));
}

TEST(TensorBoard, FilesAreNamedAsTensorFlowNamesThemAndNoneIsReplaced) {
  const TemporaryDirectory directory;
  const auto callback = TensorBoard(directory / "logs");
  FakeControl control;
  for (int fit = 0; fit < 3; ++fit) {
    callback->on_train_begin(control);
    callback->on_epoch_end(control, 0, {{"loss", 2}});
    callback->on_train_end(control, {});
  }
  const auto files = files_in(directory / "logs/train");
  EXPECT_THAT(files, SizeIs(3));
  EXPECT_THAT(files, testing::Each(MatchesRegex(
                         ".*/events\\.out\\.tfevents\\.[0-9]{10}\\..+\\.[0-9]+\\.[0-9]\\.v2")));
}

TEST(TensorBoard, ADirectoryThatCanNotBeMadeFailsBeforeTraining) {
  const TemporaryDirectory directory;
  const std::string file = directory / "file";
  std::ofstream(file) << "not a directory";
  EXPECT_THAT([&] { TensorBoard(file); }, ThrowsMessage<FileError>(HasSubstr("/file/train'")));
  EXPECT_THROW(TensorBoard(""), ArgumentError);
}

}  // namespace
}  // namespace pronghorn
