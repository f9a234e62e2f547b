#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "pronghorn/callbacks.h"
#include "pronghorn/error.h"

namespace pronghorn {
namespace {

// A double as Python prints it: the fewest digits that read back as the same number, and a ".0"
// where they would look like an integer.
std::string as_python(double value) {
  std::string text = fmt::format("{}", value);
  if (text.find_first_not_of("-0123456789") == std::string::npos) text += ".0";
  return text;
}

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, Close>;

// keras/src/callbacks/csv_logger.py with Python's csv "excel" dialect. Each row is in the file when
// its epoch has ended, so that an interrupted training leaves its log.
class CSVLoggerCallback : public Callback {
 public:
  CSVLoggerCallback(std::string path, bool append) : path_(std::move(path)), append_(append) {}

  void on_train_begin(TrainingControl&) override {
    names_.clear();
    write_header_ = true;
    if (append_) {
      const File old(std::fopen(path_.c_str(), "rb"));
      write_header_ = old == nullptr || std::fgetc(old.get()) == EOF;
    }
    file_.reset(std::fopen(path_.c_str(), append_ ? "ab" : "wb"));
    if (file_ == nullptr) fail();
  }

  void on_epoch_end(TrainingControl&, int epoch, const Logs& logs) override {
    if (names_.empty()) {
      for (const auto& log : logs) names_.push_back(log.first);
      std::sort(names_.begin(), names_.end());
      if (write_header_) write(header());
    }
    std::string row = std::to_string(epoch);
    for (const std::string& name : names_) row += ',' + value_of(name, logs);
    write(row + "\r\n");
  }

  void on_train_end(TrainingControl&, const Logs&) override { file_.reset(); }

 private:
  std::string header() const {
    std::string header = "epoch";
    for (const std::string& name : names_) header += ',' + name;
    return header + "\r\n";
  }

  static std::string value_of(const std::string& name, const Logs& logs) {
    for (const auto& [log, value] : logs)
      if (log == name) return as_python(value);
    return "NA";
  }

  void write(const std::string& text) {
    if (std::fwrite(text.data(), 1, text.size(), file_.get()) != text.size() ||
        std::fflush(file_.get()) != 0)
      fail();
  }

  [[noreturn]] void fail() const {
    throw FileError(fmt::format("'{}': the log can't be written: {}", path_, std::strerror(errno)));
  }

  std::string path_;
  bool append_;
  File file_;
  bool write_header_ = true;
  // The columns after "epoch", fixed by the first epoch.
  std::vector<std::string> names_;
};

}  // namespace

std::unique_ptr<Callback> CSVLogger(std::string path, bool append) {
  return std::make_unique<CSVLoggerCallback>(std::move(path), append);
}

}  // namespace pronghorn
