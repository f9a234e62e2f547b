// A user's own arrays: load_npy, load_npz and load_csv of pronghorn/data.h.

#include <fmt/format.h>

#include <filesystem>

#include "data/labels.h"
#include "formats/csv.h"
#include "formats/npy.h"
#include "formats/npz.h"
#include "pronghorn/data.h"
#include "pronghorn/error.h"

namespace pronghorn {
namespace {

using formats::NpyArray;
using formats::NpzFile;

// Division, as in Keras's examples: a product with 1/255 differs in the last bit.
void scale_pixels(Array& array) {
  for (float& value : array.values) value /= 255.0f;
}

Array samples_of(NpyArray stored, bool scale_bytes, const std::string& where) {
  if (stored.array.samples() < 1) {
    throw FileError(fmt::format("'{}': shape {} has no samples; axis 0 must count at least one",
                                where, stored.array.shape.to_string()));
  }
  if (scale_bytes && stored.is_bytes()) scale_pixels(stored.array);
  return std::move(stored.array);
}

Array labels_of(NpyArray stored, int64_t samples, const std::string& where) {
  Array& labels = stored.array;
  if (labels.samples() != samples) {
    throw FileError(
        fmt::format("'{}': labels of shape {} for {} samples; axis 0 must count the "
                    "samples",
                    where, labels.shape.to_string(), samples));
  }
  // Class numbers in a column, as in Keras's cifar10.
  if (stored.kind != 'f' && labels.shape == Shape{samples, 1}) labels.shape = {samples};
  return std::move(labels);
}

// One number for each sample, or several.
Array weights_of(NpzFile& file, const std::string& path, const std::string& name, int64_t samples) {
  Array weights = file.read(name).array;
  if (weights.samples() != samples)
    throw FileError(fmt::format("'{}:{}': weights of shape {} for {} samples", path, name,
                                weights.shape.to_string(), samples));
  return weights;
}

Dataset read_part(NpzFile& file, const std::string& path, const std::string& suffix,
                  bool scale_bytes) {
  const std::string x = "x" + suffix, y = "y" + suffix, weights = "sample_weight" + suffix;
  Dataset part;
  part.name = std::filesystem::path(path).stem().string();
  part.x = samples_of(file.read(x), scale_bytes, path + ":" + x);
  if (file.has(y)) part.y = labels_of(file.read(y), part.x.samples(), path + ":" + y);
  if (file.has(weights)) part.sample_weight = weights_of(file, path, weights, part.x.samples());
  return part;
}

// The arrays of a model's inputs and outputs, called by their names.
Dataset read_named_part(NpzFile& file, const std::string& path, const std::string& suffix,
                        bool scale_bytes, const std::vector<std::string>& inputs,
                        const std::vector<std::string>& outputs) {
  Dataset part;
  part.name = std::filesystem::path(path).stem().string();
  for (const std::string& input : inputs) {
    const std::string name = input + suffix;
    if (!file.has(name))
      throw FileError(fmt::format("'{}': has the arrays [{}], but none for the input '{}': {}",
                                  path, fmt::join(file.names(), ", "), input, name));
    part.inputs.push_back({input, samples_of(file.read(name), scale_bytes, path + ":" + name)});
  }
  const int64_t samples = part.inputs[0].array.samples();
  for (const std::string& output : outputs) {
    const std::string name = output + suffix, weights = output + "_sample_weight" + suffix;
    if (file.has(name))
      part.labels.push_back({output, labels_of(file.read(name), samples, path + ":" + name)});
    if (file.has(weights))
      part.sample_weights.push_back({output, weights_of(file, path, weights, samples)});
  }
  if (const std::string weights = "sample_weight" + suffix; file.has(weights))
    part.sample_weight = weights_of(file, path, weights, samples);
  return part;
}

void set_classes(TrainAndTest& sets) {
  if (sets.train.y.shape.rank() != 1) return;
  int64_t classes = data::count_classes(sets.train.y);
  if (classes > 0 && sets.test.y.samples() > 0) {
    const int64_t in_test = data::count_classes(sets.test.y);
    classes = in_test == 0 ? 0 : std::max(classes, in_test);
  }
  sets.train.classes = classes;
  sets.test.classes = sets.test.y.samples() > 0 ? classes : 0;
}

}  // namespace

Array load_npy(const std::string& path, bool scale_bytes) {
  return samples_of(formats::read_npy(path), scale_bytes, path);
}

TrainAndTest load_npz(const std::string& path, bool scale_bytes,
                      const std::vector<std::string>& inputs,
                      const std::vector<std::string>& outputs) {
  NpzFile file(path);
  TrainAndTest sets;
  const bool by_name = inputs.size() > 1 || outputs.size() > 1;
  const auto named = [&](const std::string& suffix) {
    return read_named_part(file, path, suffix, scale_bytes, inputs, outputs);
  };
  if (by_name && file.has(inputs[0] + "_train")) {
    sets.train = named("_train");
    if (file.has(inputs[0] + "_test")) sets.test = named("_test");
    return sets;
  }
  if (by_name) {
    sets.train = named("");
    return sets;
  }
  if (file.has("x_train")) {
    sets.train = read_part(file, path, "_train", scale_bytes);
    if (file.has("x_test")) {
      sets.test = read_part(file, path, "_test", scale_bytes);
      if (sets.train.x.shape.without_batch() != sets.test.x.shape.without_batch()) {
        throw FileError(fmt::format("'{}': x_train has samples of shape {}, x_test of shape {}",
                                    path, sets.train.x.shape.without_batch().to_string(),
                                    sets.test.x.shape.without_batch().to_string()));
      }
    }
  } else if (file.has("x")) {
    sets.train = read_part(file, path, "", scale_bytes);
  } else {
    throw FileError(
        fmt::format("'{}': has the arrays [{}]; x_train, y_train, x_test and y_test, or "
                    "x and y, would be right",
                    path, fmt::join(file.names(), ", ")));
  }
  set_classes(sets);
  return sets;
}

Dataset load_csv(const std::string& path, int label_column) {
  const formats::CsvTable table = formats::read_csv(path);
  const int64_t rows = table.cells.shape[0];
  const int64_t columns = table.cells.shape[1];
  if (columns < 2) {
    throw FileError(
        fmt::format("'{}': has one column; a label and at least one number beside it "
                    "are needed",
                    path));
  }
  if (label_column < -columns || label_column >= columns) {
    throw ArgumentError(
        fmt::format("label column {} of '{}', which has {}; 0 to {}, or -1 for the "
                    "last, would be right",
                    label_column, path, columns, columns - 1));
  }
  const int64_t label = label_column < 0 ? label_column + columns : label_column;
  Dataset set;
  set.name = std::filesystem::path(path).stem().string();
  set.x.shape = {rows, columns - 1};
  set.y.shape = {rows};
  set.x.values.reserve(static_cast<size_t>(rows * (columns - 1)));
  set.y.values.reserve(static_cast<size_t>(rows));
  for (int64_t row = 0; row < rows; ++row) {
    const float* cells = table.cells.values.data() + row * columns;
    set.x.values.insert(set.x.values.end(), cells, cells + label);
    set.y.values.push_back(cells[label]);
    set.x.values.insert(set.x.values.end(), cells + label + 1, cells + columns);
  }
  set.classes = data::count_classes(set.y);
  return set;
}

}  // namespace pronghorn
