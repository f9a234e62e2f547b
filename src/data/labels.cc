#include "data/labels.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "pronghorn/error.h"

namespace pronghorn {
namespace {

// A float counts in steps of 1 up to here; a class beyond is no class.
constexpr float kMaxClass = 16777216.0f;

bool is_class(float label, float classes) {
  return label >= 0 && label < classes && label == std::floor(label);
}

// The first sample whose label is no class, or -1.
int64_t first_bad_label(const Array& labels, int64_t classes) {
  const auto bad = std::find_if_not(labels.values.begin(), labels.values.end(), [&](float label) {
    return is_class(label, static_cast<float>(classes));
  });
  return bad == labels.values.end() ? -1 : bad - labels.values.begin();
}

std::string describe(const Array& labels, int64_t sample, int64_t classes) {
  return fmt::format("sample {} has label {}; labels must be whole numbers from 0 to {}", sample,
                     labels.values[static_cast<size_t>(sample)], classes - 1);
}

}  // namespace

Array to_categorical(const Array& labels, int64_t classes) {
  if (classes < 1)
    throw ArgumentError(fmt::format("the number of classes is {}; it must be at least 1", classes));
  const int64_t samples = labels.samples();
  if (labels.shape.rank() < 1 || labels.shape.elements() != samples) {
    throw ShapeError(fmt::format("class numbers of shape {}; ({n},) or ({n}, 1) would be right",
                                 labels.shape.to_string(), fmt::arg("n", samples)));
  }
  if (const int64_t bad = first_bad_label(labels, classes); bad >= 0)
    throw ArgumentError(describe(labels, bad, classes));
  Array rows{{samples, classes}, std::vector<float>(static_cast<size_t>(samples * classes))};
  for (int64_t sample = 0; sample < samples; ++sample) {
    const auto label = static_cast<int64_t>(labels.values[static_cast<size_t>(sample)]);
    rows.values[static_cast<size_t>(sample * classes + label)] = 1;
  }
  return rows;
}

namespace data {

int64_t count_classes(const Array& labels) {
  float greatest = -1;
  for (float label : labels.values) {
    if (!is_class(label, kMaxClass)) return 0;
    greatest = std::max(greatest, label);
  }
  return static_cast<int64_t>(greatest) + 1;
}

void check_labels(const Array& labels, int64_t classes, const std::string& path) {
  if (const int64_t bad = first_bad_label(labels, classes); bad >= 0)
    throw FileError(fmt::format("'{}': {}", path, describe(labels, bad, classes)));
}

}  // namespace data
}  // namespace pronghorn
