#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "graph/ops/loss.h"
#include "pronghorn/data.h"
#include "pronghorn/shape.h"
#include "train/metrics/metric_state.h"

namespace pronghorn::train {

// Throws ShapeError unless x holds at least one sample for a model that takes `input_shape`. Beside
// samples of that very shape it takes those whose elements lie in the same order: with axes of
// extent 1 more or fewer, (28, 28) for (28, 28, 1), and any shape for a row, (28, 28, 1) for
// (784,), as Keras's MLP example reshapes them.
void check_samples(const Array& x, const Shape& input_shape);

inline LabelKind label_kind(graph::LossFunction loss) {
  return graph::takes_class_numbers(loss) ? LabelKind::kClassNumbers : LabelKind::kRows;
}

// The labels of `samples` samples as the loss takes them: y itself, or `storage`, filled with
// one-hot rows where a categorical crossentropy was given class numbers. Throws ShapeError where
// y's shape doesn't suit the outputs and ArgumentError, naming the first sample, for a label
// outside of the classes (but for `ignored`), a NaN, or (binary crossentropies) a label outside of
// [0, 1].
const Array& check_labels(const Array& y, int64_t samples, const Shape& output_shape,
                          graph::LossFunction loss, Array& storage,
                          std::optional<int64_t> ignored = std::nullopt);

}  // namespace pronghorn::train
