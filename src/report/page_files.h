#pragma once

#include <span>

#include "base/embedded_file.h"

namespace pronghorn::report {

// The files of html/, and Chart.js.
std::span<const EmbeddedFile> page_files();

}  // namespace pronghorn::report
