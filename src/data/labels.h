#pragma once

#include <cstdint>

#include "pronghorn/data.h"

namespace pronghorn::data {

// If all labels are whole numbers from 0 on: the greatest, plus one. Else 0.
int64_t count_classes(const Array& labels);

// Throws FileError naming `path` and the first sample whose label is not in [0, classes).
void check_labels(const Array& labels, int64_t classes, const std::string& path);

}  // namespace pronghorn::data
