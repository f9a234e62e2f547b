#pragma once

#include <string>
#include <string_view>

#include "pronghorn/callbacks.h"

namespace pronghorn::train {

// A log that a callback watches, and which way it gets better.
class Monitor {
 public:
  Monitor(std::string name, MonitorMode mode) : name_(std::move(name)) {
    up_ = mode == MonitorMode::kMax ||
          (mode == MonitorMode::kAuto && name_.find("acc") != std::string::npos);
  }

  const std::string& name() const { return name_; }
  bool up() const { return up_; }

  // Throws ArgumentError in the callback's name where no log is called so; the message lists those
  // that there are.
  double value_in(const Logs& logs, std::string_view callback) const;

 private:
  std::string name_;
  bool up_;
};

}  // namespace pronghorn::train
