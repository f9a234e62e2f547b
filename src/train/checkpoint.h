#pragma once

#include <string>
#include <string_view>

#include "pronghorn/callbacks.h"

namespace pronghorn::train {

// A file name with its fields filled in, as Python's str.format does: "{epoch:02d}" (epochs count
// from 1 here), "{val_loss:.2f}"; "{{" is a brace. Throws ArgumentError for a field that is no log
// (listing those that are) or has a format that doesn't suit its number.
std::string fill_in_path(std::string_view pattern, int epoch, const Logs& logs);

}  // namespace pronghorn::train
