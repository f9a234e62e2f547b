#pragma once

#include <chrono>
#include <cstdio>
#include <string>
#include <string_view>

#include "train/progress_bar.h"

namespace pronghorn::train {

inline double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// A progress bar on standard output, by the real clock. However it ends, the cursor is left at the
// begin of a line.
class Progress {
 public:
  Progress(int64_t steps, std::string heading, ProgressStyle style)
      : silent_(style.kind == ProgressStyle::Kind::kSilent),
        bar_(steps, std::move(heading), style, seconds_now()) {
    write(bar_.begin());
  }
  ~Progress() { write(bar_.interrupt()); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void update(int64_t step, const Logs& logs) { write(bar_.update(step, logs, seconds_now())); }
  void finish(const Logs& logs) { write(bar_.finish(logs, seconds_now())); }

  // A line for the user on standard error; none where progress is silent.
  void warn(const std::string& line) {
    if (silent_) return;
    write(bar_.interrupt());
    std::fflush(stdout);
    std::fprintf(stderr, "pronghorn: warning: %s\n", line.c_str());
  }

 private:
  static void write(std::string_view text) {
    if (text.empty()) return;
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
  }

  bool silent_;
  ProgressBar bar_;
};

}  // namespace pronghorn::train
