#include "formats/keras_legacy_weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "formats/checked.h"
#include "formats/json.h"
#include "formats/keras_config.h"
#include "formats/keras_legacy_config.h"
#include "model/compile_config.h"
#include "pronghorn/error.h"

namespace pronghorn::formats {
namespace {

// How the file keeps weights.
struct Origin {
  std::string root;  // the group that holds the layers
  bool keras1 = false;
  bool theano = false;
  bool channels_first = false;
};

Origin origin_of(const Hdf5Reader& file, const model::Model& model) {
  Origin origin;
  origin.root = file.has("model_weights") ? "model_weights" : "";
  const auto attribute = [&](const char* name) {
    const std::optional<std::string> outer = file.text("", name);
    return outer ? outer : file.text(origin.root, name);
  };
  // Keras 1 wrote no version into files of weights, and named weights "dense_1_W".
  const std::optional<std::string> version = attribute("keras_version");
  origin.keras1 = !version || version->starts_with("1.");
  origin.channels_first = model.channels_first_file;
  const std::optional<std::string> backend = attribute("backend");
  origin.theano = backend ? *backend == "theano" : origin.keras1 && origin.channels_first;
  return origin;
}

Array transposed(const Array& array, const std::vector<int>& axes) {
  std::vector<int64_t> extents;
  for (const int axis : axes) extents.push_back(array.shape[axis]);
  Array result{Shape(extents), std::vector<float>(array.values.size())};
  const auto rank = static_cast<int>(axes.size());
  std::vector<int64_t> index(axes.size(), 0);
  for (float& value : result.values) {
    std::vector<int64_t> from(axes.size());
    for (int i = 0; i < rank; ++i)
      from[static_cast<size_t>(axes[static_cast<size_t>(i)])] = index[static_cast<size_t>(i)];
    int64_t at = 0;
    for (int i = 0; i < rank; ++i) at = at * array.shape[i] + from[static_cast<size_t>(i)];
    value = array.values[static_cast<size_t>(at)];
    for (int i = rank; i-- > 0;) {
      if (++index[static_cast<size_t>(i)] < extents[static_cast<size_t>(i)]) break;
      index[static_cast<size_t>(i)] = 0;
    }
  }
  return result;
}

// By 180 degrees in the plane: (height, width, in, out), or (length, in, out).
void rotate(Array& kernel) {
  const int spatial = kernel.shape.rank() - 2;
  int64_t places = 1;
  for (int i = 0; i < spatial; ++i) places *= kernel.shape[i];
  const int64_t block = places == 0 ? 0 : kernel.shape.elements() / places;
  for (int64_t i = 0; i < places / 2; ++i)
    std::swap_ranges(kernel.values.begin() + i * block, kernel.values.begin() + (i + 1) * block,
                     kernel.values.begin() + (places - 1 - i) * block);
}

// Arrays of equal rank side by side in their last axis.
Array joined(const std::vector<Array>& arrays, const std::vector<size_t>& order) {
  std::vector<int64_t> extents(arrays[order[0]].shape.extents().begin(),
                               arrays[order[0]].shape.extents().end());
  const int64_t width = extents.back();
  extents.back() *= static_cast<int64_t>(order.size());
  Array result{Shape(extents), {}};
  for (int64_t row = 0; row < result.shape.elements() / extents.back(); ++row)
    for (const size_t i : order)
      for (int64_t column = 0; column < width; ++column)
        result.values.push_back(arrays[i].values.at(static_cast<size_t>(row * width + column)));
  return result;
}

// keras/engine/topology.py at tag 2.0.2, preprocess_weights_for_loading.
void modernize_keras1(const model::Layer& layer, bool channels_first, std::vector<Array>& arrays) {
  const std::string_view name = layer.class_name();
  if (arrays.empty()) return;
  const int rank = arrays[0].shape.rank();
  if (name == "Conv2D" && rank == 4 && channels_first)
    arrays[0] = transposed(arrays[0], {2, 3, 1, 0});
  if (name == "Conv2DTranspose" && rank == 4)
    arrays[0] =
        transposed(arrays[0], channels_first ? std::vector{2, 3, 0, 1} : std::vector{0, 1, 3, 2});
  if (name == "Conv1D" && rank == 4) {
    // (out, in, length, 1) at first, (length, 1, in, out) later.
    const Shape& wanted = layer.weights()[0].shape;
    if (arrays[0].shape[1] != 1 || arrays[0].shape[0] != wanted[0])
      arrays[0] = transposed(arrays[0], {2, 3, 1, 0});
    arrays[0].shape = Shape{arrays[0].shape[0], arrays[0].shape[2], arrays[0].shape[3]};
  }
  if (name == "LSTM" && arrays.size() == 12)
    arrays = {joined(arrays, {0, 6, 3, 9}), joined(arrays, {1, 7, 4, 10}),
              joined(arrays, {2, 8, 5, 11})};
  if (name == "GRU" && arrays.size() == 9)
    arrays = {joined(arrays, {0, 3, 6}), joined(arrays, {1, 4, 7}), joined(arrays, {2, 5, 8})};
}

// The input of the Flatten whose output reaches this layer with its order of values kept, if one
// does; an empty shape else.
Shape flattened_shape(const model::Model& model, const model::Layer& layer) {
  static const std::set<std::string_view> kKeepsOrder = {
      "Dropout",       "Activation",      "ReLU",         "LeakyReLU",         "ELU", "Softmax",
      "GaussianNoise", "GaussianDropout", "AlphaDropout", "BatchNormalization"};
  for (const model::Model::Node& node : model.nodes) {
    if (node.layer.get() != &layer || node.inputs.empty()) continue;
    size_t at = static_cast<size_t>(node.inputs[0]);
    while (kKeepsOrder.contains(model.nodes[at].layer->class_name()))
      at = static_cast<size_t>(model.nodes[at].inputs[0]);
    const model::Model::Node& from = model.nodes[at];
    if (from.layer->class_name() == "Flatten")
      return model.nodes[static_cast<size_t>(from.inputs[0])].shape;
  }
  return {};
}

// Rows in the order channels, height, width become height, width, channels.
void reorder_rows(Array& array, const Shape& image) {
  const int64_t height = image[0], width = image[1], channels = image[2];
  const int64_t row = array.shape.elements() / (height * width * channels);
  std::vector<float> values;
  values.reserve(array.values.size());
  for (int64_t place = 0; place < height * width; ++place)
    for (int64_t channel = 0; channel < channels; ++channel) {
      const auto begin = array.values.begin() + (channel * height * width + place) * row;
      values.insert(values.end(), begin, begin + row);
    }
  array.values = std::move(values);
}

void modernize(const model::Model& model, const model::Layer& layer, const Origin& origin,
               std::vector<Array>& arrays) {
  static const std::set<std::string_view> kConvolutions = {"Conv1D", "Conv2D", "Conv2DTranspose"};
  if (origin.keras1) modernize_keras1(layer, origin.channels_first, arrays);
  if (arrays.empty()) return;
  if (origin.theano && kConvolutions.contains(layer.class_name()) && arrays[0].shape.rank() >= 3)
    rotate(arrays[0]);
  if (!origin.channels_first) return;
  const bool dense = layer.class_name() == "Dense";
  if (!dense && layer.class_name() != "BatchNormalization") return;
  const Shape image = flattened_shape(model, layer);
  if (image.rank() != 3) return;
  for (size_t i = 0; i < (dense ? 1 : arrays.size()); ++i)
    if (arrays[i].shape[0] == image.elements()) reorder_rows(arrays[i], image);
}

std::string join(const std::string& group, const std::string& name) {
  return group.empty() ? name : group + "/" + name;
}

std::vector<Array> read_arrays(const Hdf5Reader& file, const std::string& group,
                               const std::vector<std::string>& names, int64_t most_elements) {
  std::vector<Array> arrays;
  for (const std::string& name : names) {
    const std::string path = join(group, name);
    const std::vector<int64_t> extents = file.extents(path);
    const std::optional<int64_t> elements = checked_product(extents);
    if (!elements || *elements > most_elements)
      file.fail(path, fmt::format("weights of another model: has shape {}, more values than the "
                                  "model's layer has",
                                  Shape(extents).to_string()));
    most_elements -= *elements;
    arrays.push_back(file.read(path, Shape(extents)));
  }
  return arrays;
}

// The file's groups of weights beside the model's layers with weights: by name where all names are
// known, else by their order, as Keras does.
std::vector<std::pair<model::Layer*, std::string>> matched(const Hdf5Reader& file,
                                                           const Origin& origin,
                                                           const model::Model& model) {
  std::vector<std::string> groups;
  for (const std::string& name :
       file.texts(origin.root, "layer_names").value_or(std::vector<std::string>{}))
    if (const auto weights = file.texts(join(origin.root, name), "weight_names");
        weights && !weights->empty())
      groups.push_back(name);
  std::vector<model::Layer*> layers;
  for (model::Layer* layer : model.layers())
    if (!layer->weights().empty()) layers.push_back(layer);
  if (groups.size() != layers.size())
    file.fail(origin.root,
              fmt::format("weights of another model: has {} layers with weights, the model {}",
                          groups.size(), layers.size()));
  std::vector<std::pair<model::Layer*, std::string>> by_name, by_order;
  for (size_t i = 0; i < layers.size(); ++i) {
    by_order.emplace_back(layers[i], groups[i]);
    if (std::find(groups.begin(), groups.end(), layers[i]->name()) != groups.end())
      by_name.emplace_back(layers[i], layers[i]->name());
  }
  return by_name.size() == layers.size() ? by_name : by_order;
}

// Keras 1 and 2 keep an optimizer's variables kind by kind, TensorFlow's since 2.11 and Keras 3
// weight by weight; scalars (iterations, learning rate) come first where there are any.
std::optional<model::TrainingState> read_optimizer(const Hdf5Reader& file,
                                                   const model::Model& model) {
  constexpr const char* kGroup = "optimizer_weights";
  constexpr size_t kMostPerWeight = 8;
  const auto names = file.has(kGroup) ? file.texts(kGroup, "weight_names") : std::nullopt;
  if (!names || !model.file_config) return std::nullopt;
  std::vector<model::Model::NamedWeight> weights = model.weights();
  std::erase_if(weights, [](const auto& weight) {
    return !weight.weight->trainable || !weight.layer->trainable();
  });
  if (weights.empty() || names->size() > kMostPerWeight * (weights.size() + 1)) return std::nullopt;
  int64_t largest = 1;
  for (const auto& weight : weights) largest = std::max(largest, weight.weight->shape.elements());

  model::TrainingState state;
  state.optimizer.learning_rate = std::numeric_limits<double>::quiet_NaN();
  std::vector<NamedArray> variables;
  bool by_weight = false;
  for (size_t i = 0; i < names->size(); ++i) {
    const std::string path = join(kGroup, (*names)[i]);
    const std::vector<int64_t> extents = file.extents(path);
    if (extents.empty()) {
      // Keras 2 counts in floating point.
      const double first = i == 0 ? file.read_number(path) : 0;
      if (first > 0 && first < 0x1p31) state.steps = static_cast<uint64_t>(first);
      by_weight = by_weight || (*names)[i].find("learning_rate") != std::string::npos;
      continue;
    }
    variables.push_back({(*names)[i], read_arrays(file, kGroup, {(*names)[i]}, largest).front()});
  }
  const size_t kinds = variables.size() / weights.size();
  if (by_weight || model.file_config->optimizer.name == "rmsprop" ||
      kinds * weights.size() != variables.size()) {
    state.variables = std::move(variables);
    return state;
  }
  for (size_t weight = 0; weight < weights.size(); ++weight)
    for (size_t kind = 0; kind < kinds; ++kind)
      state.variables.push_back(std::move(variables[kind * weights.size() + weight]));
  return state;
}

}  // namespace

bool is_legacy_file(const Hdf5Reader& file) {
  return file.has("model_weights") || file.texts("", "layer_names").has_value();
}

std::optional<model::TrainingState> read_legacy_weights(const Hdf5Reader& file,
                                                        const model::Model& model) {
  const Origin origin = origin_of(file, model);
  std::vector<std::pair<model::Layer*, std::vector<Array>>> all;
  for (const auto& [layer, group] : matched(file, origin, model)) {
    int64_t elements = 0;
    for (const model::Weight& weight : layer->weights()) elements += weight.shape.elements();
    const std::string path = join(origin.root, group);
    std::vector<Array> arrays =
        read_arrays(file, path, *file.texts(path, "weight_names"), elements);
    modernize(model, *layer, origin, arrays);
    if (arrays.size() != layer->weights().size())
      file.fail(path,
                fmt::format("weights of another model: holds {} arrays; the model's layer '{}' "
                            "has {} weights",
                            arrays.size(), layer->name(), layer->weights().size()));
    for (size_t i = 0; i < arrays.size(); ++i)
      if (arrays[i].shape != layer->weights()[i].shape)
        file.fail(path, fmt::format("weights of another model: weight {} has shape {}; that of the "
                                    "model's layer '{}' is {}",
                                    i, arrays[i].shape.to_string(), layer->name(),
                                    layer->weights()[i].shape.to_string()));
    all.emplace_back(layer, std::move(arrays));
  }
  // What was turned here would have to be turned in the optimizer's memory as well.
  std::optional<model::TrainingState> state;
  if (!origin.keras1 && !origin.theano && !origin.channels_first)
    state = read_optimizer(file, model);
  for (auto& [layer, arrays] : all)
    for (size_t i = 0; i < arrays.size(); ++i)
      std::copy(arrays[i].values.begin(), arrays[i].values.end(), layer->weights()[i].values());
  return state;
}

std::unique_ptr<model::Model> read_legacy_model(const Hdf5Reader& file) {
  const std::optional<std::string> config = file.text("", "model_config");
  if (!config)
    file.fail(
        "",
        "holds weights alone, no model (no attribute model_config); load the model first, then "
        "these with load_weights() or --weights");
  std::unique_ptr<model::Model> model = read_keras_config(*config);
  if (const std::optional<std::string> training = file.text("", "training_config")) {
    const nlohmann::ordered_json modern = modern_compile_config(parse_json(*training));
    model->file_config = model::compile_config_from_json(modern);
    model->file_config_json = modern.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    // Keras 2 itself added RMSprop's epsilon to the root; TensorFlow's, whose optimizers have
    // names, did not.
    const auto& optimizer = modern.value("optimizer", nlohmann::ordered_json());
    const bool named = optimizer.is_object() && optimizer.contains("config") &&
                       optimizer["config"].is_object() && optimizer["config"].contains("name");
    if (model->file_config && model->file_config->optimizer.name == "rmsprop" && !named)
      model->file_config->optimizer.epsilon_outside_root = true;
  }
  model->training_state = read_legacy_weights(file, *model);
  model->initialized = true;
  if (model->training_state) {
    if (model->file_config)
      model->training_state->optimizer = model->file_config->optimizer;
    else
      model->training_state.reset();
  }
  return model;
}

}  // namespace pronghorn::formats
