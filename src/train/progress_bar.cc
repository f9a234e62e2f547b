#include "train/progress_bar.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iterator>

namespace pronghorn::train {
namespace {

constexpr std::string_view kCell = "━";
constexpr std::string_view kBold = "\x1b[1m";
constexpr std::string_view kGreen = "\x1b[32m";
constexpr std::string_view kWhite = "\x1b[37m";
constexpr std::string_view kPlain = "\x1b[0m";

int digits(int64_t number) { return static_cast<int>(std::to_string(number).size()); }

void append_remaining(std::string& text, double seconds) {
  const auto whole = static_cast<int64_t>(seconds);
  auto out = std::back_inserter(text);
  if (seconds > 3600)
    fmt::format_to(out, "{}:{:02}:{:02}", whole / 3600, whole % 3600 / 60, whole % 60);
  else if (seconds > 60)
    fmt::format_to(out, "{}:{:02}", whole / 60, whole % 60);
  else
    fmt::format_to(out, "{}s", whole);
}

void append_step_time(std::string& text, double seconds) {
  auto out = std::back_inserter(text);
  if (seconds >= 1 || seconds == 0)
    fmt::format_to(out, "{:.0f}s/step", seconds);
  else if (seconds >= 1e-3)
    fmt::format_to(out, "{:.0f}ms/step", seconds * 1e3);
  else
    fmt::format_to(out, "{:.0f}us/step", seconds * 1e6);
}

void append_log(std::string& text, const std::pair<std::string, double>& log) {
  auto out = std::back_inserter(text);
  if (std::abs(log.second) > 1e-3)
    fmt::format_to(out, " - {}: {:.4f}", log.first, log.second);
  else
    fmt::format_to(out, " - {}: {:.4e}", log.first, log.second);
}

}  // namespace

ProgressStyle progress_style(Verbose verbose) {
  using Kind = ProgressStyle::Kind;
  if (verbose == Verbose::kSilent) return {};
  if (verbose == Verbose::kLinePerEpoch || isatty(STDOUT_FILENO) == 0) return {Kind::kLines};
  ProgressStyle style{Kind::kBar};
  const char* terminal = std::getenv("TERM");
  style.colors = std::getenv("NO_COLOR") == nullptr && terminal != nullptr &&
                 std::string_view(terminal) != "dumb";
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) style.width = size.ws_col;
  return style;
}

ProgressBar::ProgressBar(int64_t steps, std::string heading, ProgressStyle style, double now)
    : steps_(steps),
      heading_(std::move(heading)),
      style_(style),
      start_(now),
      last_drawn_(now - kInterval) {}

std::string_view ProgressBar::begin() {
  if (style_.kind != ProgressStyle::Kind::kBar || heading_.empty()) return {};
  text_ = heading_;
  text_ += '\n';
  return text_;
}

std::string_view ProgressBar::update(int64_t step, const Logs& logs, double now) {
  step_ = step;
  if (step == 1) after_first_step_ = now;
  if (step == steps_) after_last_step_ = now;
  if (style_.kind != ProgressStyle::Kind::kBar || now - last_drawn_ < kInterval) return {};
  last_drawn_ = now;
  return draw(logs, now, /*last=*/false);
}

std::string_view ProgressBar::finish(const Logs& logs, double now) {
  if (finished_ || style_.kind == ProgressStyle::Kind::kSilent) return {};
  finished_ = true;
  return draw(logs, now, /*last=*/true);
}

std::string_view ProgressBar::interrupt() {
  if (drawn_width_ == 0) return {};
  drawn_width_ = 0;
  return "\n";
}

std::string_view ProgressBar::draw(const Logs& logs, double now, bool last) {
  text_.clear();
  if (style_.kind == ProgressStyle::Kind::kBar)
    draw_bar(logs, now, last);
  else
    draw_line(logs, now);
  return text_;
}

void ProgressBar::draw_line(const Logs& logs, double now) {
  if (!heading_.empty()) text_ += heading_ + " - ";
  append_count();
  fmt::format_to(std::back_inserter(text_), " - {:.0f}s - ", now - start_);
  append_step_time(text_, seconds_per_step(now));
  for (const auto& log : logs) append_log(text_, log);
  text_ += '\n';
}

// A line that is wider than the terminal wraps, and then a carriage return goes back to the begin
// of its last row only: the screen fills with halves of bars. So the bar shrinks first, and then
// logs that have no room are left out while it runs; the last state, over which nothing is drawn,
// goes on in a next row instead, between two logs.
void ProgressBar::draw_bar(const Logs& logs, double now, bool last) {
  // Plain text first, to know its width; all of it is ASCII.
  std::string time;
  if (last)
    fmt::format_to(std::back_inserter(time), "{:.0f}s", now - start_);
  else
    append_remaining(time, seconds_per_step(now) * static_cast<double>(steps_ - step_));
  std::string rest = " ";
  append_step_time(rest, seconds_per_step(now));

  const int count_width = 2 * digits(steps_) + 1;
  const int fixed = count_width + 1 + static_cast<int>(time.size() + rest.size());
  int logs_width = 0;
  std::string log_text;
  for (const auto& log : logs) {
    log_text.clear();
    append_log(log_text, log);
    logs_width += static_cast<int>(log_text.size());
  }
  // One column stays free: some terminals wrap when the last is written.
  const int room = style_.width - 1;
  constexpr int kFewestCells = 5;
  int cells = std::min(kCells, room - fixed - 1 - logs_width);
  if (cells < kFewestCells) cells = last ? std::clamp(room - fixed - 1, 0, kCells) : 0;

  text_ += '\r';
  const auto in_style = [&](std::string_view style, auto&& append) {
    if (style_.colors) text_ += style;
    append();
    if (style_.colors) text_ += kPlain;
  };
  in_style(kBold, [&] { append_count(); });
  text_ += ' ';
  const int done = static_cast<int>(cells * step_ / std::max<int64_t>(steps_, 1));
  const auto append_cells = [&](int count) {
    for (int i = 0; i < count; ++i) text_ += kCell;
  };
  if (done > 0) in_style(kGreen, [&] { append_cells(done); });
  // Without colours the rest can't be told from what is done, so it is left blank.
  if (style_.colors)
    in_style(kWhite, [&] { append_cells(cells - done); });
  else
    text_.append(static_cast<size_t>(cells - done), ' ');
  if (cells > 0) text_ += ' ';
  in_style(kBold, [&] { text_ += time; });
  text_ += rest;

  int column = fixed + (cells > 0 ? cells + 1 : 0);
  for (const auto& log : logs) {
    log_text.clear();
    append_log(log_text, log);
    if (column + static_cast<int>(log_text.size()) > room) {
      if (!last) break;
      // What was on the screen right of here is older.
      text_.append(static_cast<size_t>(std::max(0, drawn_width_ - column)), ' ');
      drawn_width_ = 0;
      text_ += '\n';
      text_.append(static_cast<size_t>(count_width), ' ');
      column = count_width;
    }
    text_ += log_text;
    column += static_cast<int>(log_text.size());
  }
  text_.append(static_cast<size_t>(std::max(0, drawn_width_ - column)), ' ');
  drawn_width_ = column;
  if (last) {
    text_ += '\n';
    drawn_width_ = 0;
  }
}

void ProgressBar::append_count() {
  fmt::format_to(std::back_inserter(text_), "{:{}}/{}", step_, digits(steps_), steps_);
}

double ProgressBar::seconds_per_step(double now) const {
  if (step_ == 0) return 0;
  const double end = after_last_step_ >= 0 ? after_last_step_ : now;
  if (step_ > 1 && after_first_step_ >= 0)
    return (end - after_first_step_) / static_cast<double>(step_ - 1);
  return (end - start_) / static_cast<double>(step_);
}

}  // namespace pronghorn::train
