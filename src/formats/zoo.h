#pragma once

#include <span>

#include "base/embedded_file.h"

namespace pronghorn::formats {

// The files of zoo/.
std::span<const EmbeddedFile> zoo_files();

}  // namespace pronghorn::formats
