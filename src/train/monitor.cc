#include "train/monitor.h"

#include <fmt/format.h>

#include "pronghorn/error.h"

namespace pronghorn::train {

double Monitor::value_in(const Logs& logs, std::string_view callback) const {
  for (const auto& [name, value] : logs)
    if (name == name_) return value;
  std::string known;
  for (const auto& [name, value] : logs) known += (known.empty() ? "" : ", ") + name;
  throw ArgumentError(
      fmt::format("{} watches '{}', but the logs of this training are {}{}", callback, name_, known,
                  name_.starts_with("val_") ? "; val_ logs need validation data" : ""));
}

}  // namespace pronghorn::train
