#include "train/training_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "pronghorn/error.h"

namespace pronghorn::train {
namespace {

using graph::LossFunction;

std::vector<int64_t> extents_beside_one(const Shape& shape) {
  std::vector<int64_t> extents;
  for (const int64_t extent : shape.extents())
    if (extent != 1) extents.push_back(extent);
  return extents;
}

// Whether elements of the one shape can be taken for those of the other without a question of what
// was meant: (32, 32, 3) for (3, 32, 32) has as many elements, but not in that order.
bool is_same_but_for_ones(const Shape& given, const Shape& wanted) {
  return given.elements() == wanted.elements() &&
         (wanted.rank() == 1 || extents_beside_one(given) == extents_beside_one(wanted));
}

void check_array(const Array& array, const char* what) {
  if (array.samples() < 1) throw ArgumentError(fmt::format("there are no {}", what));
  if (static_cast<int64_t>(array.values.size()) != array.shape.elements()) {
    throw ArgumentError(fmt::format("the {} have shape {}, but {} values", what,
                                    array.shape.to_string(), array.values.size()));
  }
}

const char* noun(const Shape& sample) { return sample.rank() >= 2 ? "images" : "samples"; }

// Throws ArgumentError for the first value that `is_good` refuses. `values_per_sample` tells which
// sample it is in.
template <class IsGood>
void check_values(const Array& y, int64_t values_per_sample, const char* right, IsGood is_good) {
  const auto bad = std::find_if_not(y.values.begin(), y.values.end(), is_good);
  if (bad == y.values.end()) return;
  throw ArgumentError(fmt::format("sample {}: the label {} is {}",
                                  (bad - y.values.begin()) / values_per_sample, *bad, right));
}

}  // namespace

void check_samples(const Array& x, const Shape& input_shape) {
  check_array(x, "samples");
  const Shape given = x.shape.without_batch();
  if (given == input_shape || is_same_but_for_ones(given, input_shape)) return;
  throw ShapeError(fmt::format("{} of {}, the model takes {}", noun(given), given.to_string(),
                               input_shape.to_string()));
}

const Array& check_labels(const Array& y, int64_t samples, const Shape& output_shape,
                          graph::LossFunction loss, Array& storage,
                          std::optional<int64_t> ignored) {
  check_array(y, "labels");
  if (y.samples() != samples)
    throw ArgumentError(fmt::format("{} samples, but {} labels", samples, y.samples()));

  const int64_t classes = output_shape.rank() == 0 ? 1 : output_shape.back();
  const int64_t outputs = output_shape.elements();
  const int64_t rows = outputs / classes;  // per sample; each has a class
  const Shape given = y.shape.without_batch();
  const bool one_per_output =
      is_same_but_for_ones(given, output_shape) && (output_shape.rank() != 1 || given.rank() <= 1);
  const bool class_numbers = given.elements() == rows;

  if (graph::takes_class_numbers(loss)) {
    if (!class_numbers) {
      throw ShapeError(
          fmt::format("{} takes one class number per sample, not labels of {}; "
                      "one-hot labels suit categorical_crossentropy",
                      graph::to_string(loss), given.to_string()));
    }
    for (size_t i = 0; i < y.values.size(); ++i) {
      const float label = y.values[i];
      if (label >= 0 && label < static_cast<float>(classes) && std::floor(label) == label) continue;
      if (ignored && label == static_cast<float>(*ignored)) continue;
      throw ArgumentError(
          fmt::format("sample {}: the label {} is no class of the model, which has {} outputs "
                      "(classes 0 to {})",
                      static_cast<int64_t>(i) / rows, label, classes, classes - 1));
    }
    return y;
  }
  const bool takes_one_hot = loss == LossFunction::kCategoricalCrossentropy ||
                             loss == LossFunction::kCategoricalFocalCrossentropy;
  if (takes_one_hot && !one_per_output && class_numbers && classes > 1) {
    storage = to_categorical(rows == 1 ? Array{Shape{samples}, y.values} : y, classes);
    storage.shape = output_shape.with_batch(samples);
    return storage;
  }
  if (!one_per_output) {
    throw ShapeError(fmt::format("labels of {} don't suit the model's outputs {}{}",
                                 given.to_string(), output_shape.to_string(),
                                 class_numbers ? "; class numbers suit the categorical and the "
                                                 "sparse categorical crossentropy"
                                               : ""));
  }
  if (loss == LossFunction::kBinaryCrossentropy || loss == LossFunction::kBinaryFocalCrossentropy) {
    check_values(y, outputs, "not in [0, 1], as a binary crossentropy needs",
                 [](float label) { return label >= 0 && label <= 1; });
  } else {
    check_values(y, outputs, "no finite number", [](float label) { return std::isfinite(label); });
  }
  return y;
}

}  // namespace pronghorn::train
