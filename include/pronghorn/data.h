#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "pronghorn/shape.h"

namespace pronghorn {

// A dense row-major array of floats; axis 0 counts the samples. Images are (n, height, width,
// channels).
struct Array {
  Shape shape;
  std::vector<float> values;

  int64_t samples() const { return shape.rank() == 0 ? 0 : shape[0]; }
};

// A named weight's values, in Keras's layout (Dense kernel: in, out; Conv2D kernel: height, width,
// in, out), or any other array with a name.
struct NamedArray {
  std::string name;
  Array array;
};

// The arrays of a model's inputs, or of its outputs' labels or their weights: one; several in the
// model's order; or by the names of inputs or outputs (those of their layers). It refers to the
// arrays, which must live as long as it does.
class Arrays {
 public:
  struct Entry {
    std::string name;  // empty: by place
    const Array* array;
  };

  Arrays() = default;
  Arrays(const Array& only) : entries_{{"", &only}} {}
  Arrays(const std::vector<Array>& in_order) {
    for (const Array& array : in_order) entries_.push_back({"", &array});
  }
  Arrays(const std::map<std::string, Array>& by_name) {
    for (const auto& [name, array] : by_name) entries_.push_back({name, &array});
  }
  Arrays(const std::vector<NamedArray>& by_name) {
    for (const NamedArray& named : by_name) entries_.push_back({named.name, &named.array});
  }

  bool empty() const { return entries_.empty(); }
  const std::vector<Entry>& entries() const { return entries_; }
  // Of the first array.
  int64_t samples() const { return entries_.empty() ? 0 : entries_[0].array->samples(); }

 private:
  std::vector<Entry> entries_;
};

// Samples and their labels. Labels are class numbers (n), one-hot rows or targets (n, ...); empty
// where there are none.
struct Dataset {
  std::string name;
  Array x;
  Array y;
  // Of labels that are class numbers: how many classes there are. Else 0.
  int64_t classes = 0;
  // What each sample's loss is multiplied by: (n), or one for each row of the output; empty: one.
  Array sample_weight = {};

  // Of a model with several inputs or outputs, in place of the arrays above: by name, or in the
  // model's order with names empty.
  std::vector<NamedArray> inputs = {};
  std::vector<NamedArray> labels = {};
  std::vector<NamedArray> sample_weights = {};

  Arrays all_inputs() const { return inputs.empty() ? Arrays(x) : Arrays(inputs); }
  Arrays all_labels() const { return labels.empty() ? Arrays(y) : Arrays(labels); }
  Arrays all_sample_weights() const {
    if (!sample_weights.empty()) return sample_weights;
    return sample_weight.samples() > 0 ? Arrays(sample_weight) : Arrays();
  }
};

struct TrainAndTest {
  Dataset train;
  Dataset test;
};

// The named data sets: "mnist-10k" (10,000 real MNIST digits, part of Pronghorn), "mnist" and
// "fashion-mnist" (four idx files, plain or .gz, or NAME.npz, in `data_dir` or `data_dir`/NAME;
// Fashion-MNIST also from Debian's package dataset-fashion-mnist). Pixels are scaled to [0, 1];
// labels are class numbers. Throws ArgumentError for an unknown name, FileError for what is missing
// or broken. "mnist-10k" is found in $PRONGHORN_DATA, beside the installed program, where it was
// installed, or in the source tree.
TrainAndTest load_dataset(const std::string& name, const std::string& data_dir = "");

struct DatasetInfo {
  std::string name;
  std::string description;
  // Where it was found, or empty with `missing` saying what to do.
  std::string found_at;
  std::string missing;
};
std::vector<DatasetInfo> list_datasets(const std::string& data_dir = "");

// A user's own arrays. Unsigned bytes in .npy and .npz files are taken as pixels and scaled to
// [0, 1] if `scale_bytes`.
//   .npz  members x_train, y_train, x_test, y_test (Keras's mnist.npz), or x and y,
//         and, where there are such, weights: sample_weight_train, sample_weight_test or
//         sample_weight. For a model with several inputs or outputs, whose names are given, the
//         same with their names in place of x and y: photo_train, price_test, or photo, price;
//         price_sample_weight_train.
//   .npy  one array
//   .csv  one sample a line, the label in column `label_column` (-1: the last), a header allowed
Array load_npy(const std::string& path, bool scale_bytes = true);
TrainAndTest load_npz(const std::string& path, bool scale_bytes = true,
                      const std::vector<std::string>& inputs = {},
                      const std::vector<std::string>& outputs = {});
Dataset load_csv(const std::string& path, int label_column = -1);

// Class numbers (n) or (n, 1) as one-hot rows (n, classes). Throws ArgumentError naming the first
// sample whose label is not an integer in [0, classes).
Array to_categorical(const Array& labels, int64_t classes);

}  // namespace pronghorn
