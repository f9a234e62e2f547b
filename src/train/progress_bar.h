#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "pronghorn/callbacks.h"
#include "pronghorn/fit.h"

namespace pronghorn::train {

// What the output can show.
struct ProgressStyle {
  enum class Kind : uint8_t {
    kSilent,
    // One line per epoch, when it has ended.
    kLines,
    // A bar that is drawn over itself, with colours or without.
    kBar,
  };
  Kind kind = Kind::kSilent;
  bool colors = false;
  // Columns of the terminal.
  int width = 80;
};

// The style that `verbose` means for standard output as it is now: kAuto and kProgressBar draw a
// bar on a terminal only, since elsewhere (a file, a pipe) lines drawn over each other are noise.
ProgressStyle progress_style(Verbose verbose);

// The progress of one epoch, or of an evaluation, as Keras shows it (keras/src/utils/progbar.py):
//   Epoch 3/20
//   469/469 ━━━━━━━━━━━━━━━━━━━━ 5s 10ms/step - accuracy: 0.9213 - loss: 0.2689 - val_loss: ...
// While it runs, the first time is what is still to come, at the end what went by. The time of a
// step leaves out the first, which warms caches up, and, unlike in Keras, the validation.
// As lines: "Epoch 3/20 - 469/469 - 5s - 10ms/step - accuracy: 0.9213 - loss: 0.2689".
//
// It writes nothing and reads no clock: its functions take the time in seconds and return the text
// to write, which stays theirs until the next call.
class ProgressBar {
 public:
  // Redraws at most ten times a second.
  static constexpr double kInterval = 0.1;
  static constexpr int kCells = 20;

  // `heading` is "Epoch 3/20" or empty.
  ProgressBar(int64_t steps, std::string heading, ProgressStyle style, double now);

  // The heading, where it has a line of its own.
  std::string_view begin();
  // `step` steps are done. Empty unless the bar is due to be drawn.
  std::string_view update(int64_t step, const Logs& logs, double now);
  // The last state. Empty when called again.
  std::string_view finish(const Logs& logs, double now);
  // What must be written before anything else may be written to the terminal.
  std::string_view interrupt();

 private:
  std::string_view draw(const Logs& logs, double now, bool last);
  void draw_bar(const Logs& logs, double now, bool last);
  void draw_line(const Logs& logs, double now);
  void append_count();
  double seconds_per_step(double now) const;

  int64_t steps_;
  std::string heading_;
  ProgressStyle style_;
  double start_;
  double last_drawn_;
  double after_first_step_ = -1;
  double after_last_step_ = -1;
  int64_t step_ = 0;
  bool finished_ = false;
  // Columns that the line on the screen takes; 0 where there is none.
  int drawn_width_ = 0;
  std::string text_;
};

}  // namespace pronghorn::train
