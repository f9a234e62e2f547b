#pragma once

#include <cstdint>
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

// Samples and their labels. Labels are class numbers (n), one-hot rows or targets (n, ...); empty
// where there are none.
struct Dataset {
  std::string name;
  Array x;
  Array y;
  // Of labels that are class numbers: how many classes there are. Else 0.
  int64_t classes = 0;
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
//   .npz  members x_train, y_train, x_test, y_test (Keras's mnist.npz), or x and y
//   .npy  one array
//   .csv  one sample a line, the label in column `label_column` (-1: the last), a header allowed
Array load_npy(const std::string& path, bool scale_bytes = true);
TrainAndTest load_npz(const std::string& path, bool scale_bytes = true);
Dataset load_csv(const std::string& path, int label_column = -1);

// Class numbers (n) or (n, 1) as one-hot rows (n, classes). Throws ArgumentError naming the first
// sample whose label is not an integer in [0, classes).
Array to_categorical(const Array& labels, int64_t classes);

}  // namespace pronghorn
