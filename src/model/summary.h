#pragma once

#include <string>
#include <vector>

#include "model/model.h"
#include "pronghorn/model.h"

namespace pronghorn::model {

std::vector<SummaryRow> summary_rows(const Model& model);

// Keras 3's table at its own widths, and to its right one more column, the forward
// multiply-accumulates of one image. `line_length`: see pronghorn::Model::summary.
std::string summary(const Model& model, int line_length = 0);

}  // namespace pronghorn::model
