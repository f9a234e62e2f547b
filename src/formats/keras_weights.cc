#include "formats/keras_weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>

#include "formats/checked.h"
#include "formats/hdf5_writer.h"
#include "formats/keras_legacy_weights.h"
#include "formats/zip_archive.h"
#include "model/functional.h"
#include "pronghorn/error.h"

namespace pronghorn::formats {
namespace {

constexpr const char* kOptimizer = "optimizer/vars";

// A group and the weights that it holds, in the order of their numbers.
struct Group {
  std::string path;  // "layers/dense"
  std::string name;  // what Keras writes beside: the layer's own
  std::vector<model::Weight*> weights;
};

// What Keras calls an object inside of a layer in a file, by what it is called in its weights'
// names: the attribute of the layer that holds it.
std::string attribute_of(const model::Layer& layer, const std::string& name) {
  static const std::map<std::string_view, std::string_view> kAttributes = {
      {"simple_rnn_cell", "cell"},
      {"lstm_cell", "cell"},
      {"gru_cell", "cell"},
      {"query", "query_dense"},
      {"key", "key_dense"},
      {"value", "value_dense"},
      {"attention_output", "output_dense"}};
  if (layer.class_name() == "Bidirectional" && name.starts_with("forward_")) return "forward_layer";
  if (layer.class_name() == "Bidirectional" && name.starts_with("backward_"))
    return "backward_layer";
  const auto known = kAttributes.find(name);
  if (known != kAttributes.end()) return std::string(known->second);
  return layer.class_name() == "TimeDistributed" ? "layer" : name;
}

// Layers whose weights belong to another object within: "/cell" of "lstm_cell/kernel".
std::string inner_path(const model::Layer& layer, const model::Weight& weight) {
  std::string path;
  size_t begin = 0;
  for (size_t slash = weight.name.find('/'); slash != std::string::npos;
       begin = slash + 1, slash = weight.name.find('/', begin))
    path += "/" + attribute_of(layer, weight.name.substr(begin, slash - begin));
  return path;
}

// Adds the groups of a model's layers, those of models among them with all that is inside;
// `container` is "layers".
void add_groups(const model::Model& model, const std::string& container,
                std::vector<Group>& groups) {
  std::map<std::string, int> counts;
  for (model::Layer* layer : model.layers()) {
    // Keras hides it too.
    if (model.sequential && layer->class_name() == "InputLayer") continue;
    const std::string base = model::snake_case(layer->class_name());
    const int number = counts[base]++;
    const std::string path =
        fmt::format("{}/{}{}", container, base, number == 0 ? "" : fmt::format("_{}", number));
    const size_t own = groups.size();
    groups.push_back({path, layer->name(), {}});
    if (const model::Model* nested = layer->nested_model(); nested != nullptr)
      add_groups(*nested, path + "/layers", groups);
    for (model::Weight& weight : layer->weights()) {
      const std::string inner = path + inner_path(*layer, weight);
      auto group = std::find_if(groups.begin() + static_cast<ptrdiff_t>(own), groups.end(),
                                [&](const Group& known) { return known.path == inner; });
      if (group == groups.end()) group = groups.insert(group, {inner, layer->name(), {}});
      group->weights.push_back(&weight);
    }
  }
}

std::vector<Group> groups_of(const model::Model& model, const std::string& container) {
  std::vector<Group> groups;
  add_groups(model, container, groups);
  return groups;
}

std::optional<model::TrainingState> read_optimizer(const Hdf5Reader& file,
                                                   const model::Model& model) {
  const size_t count = file.children(kOptimizer).size();
  if (count == 0) return std::nullopt;
  const auto place = [](size_t i) { return fmt::format("{}/{}", kOptimizer, i); };
  // What an optimizer keeps is a few arrays per weight, none larger than the weight.
  constexpr size_t kMostPerWeight = 8;
  const std::vector<model::Model::NamedWeight> weights = model.weights();
  int64_t largest = 1;
  for (const auto& weight : weights) largest = std::max(largest, weight.weight->shape.elements());
  if (count > kMostPerWeight * (weights.size() + 1))
    file.fail(kOptimizer,
              fmt::format("holds {} arrays, more than an optimizer of this model can have", count));

  model::TrainingState state;
  const int64_t steps = file.read_integer(place(0));
  if (steps < 0) file.fail(place(0), fmt::format("is {}, not a number of steps", steps));
  state.steps = static_cast<uint64_t>(steps);
  size_t next = 1;
  // A schedule computes the learning rate, which then is no variable.
  const bool scheduled =
      model.file_config && model.file_config->optimizer.learning_rate_schedule.has_value();
  if (count > 1 && !scheduled && file.extents(place(1)).empty()) {
    state.optimizer.learning_rate = file.read_number(place(1));
    next = 2;
  } else {
    state.optimizer.learning_rate = std::numeric_limits<double>::quiet_NaN();
  }
  for (; next < count; ++next) {
    const std::vector<int64_t> extents = file.extents(place(next));
    const std::optional<int64_t> elements = checked_product(extents);
    if (!elements || *elements > largest)
      file.fail(place(next), fmt::format("has shape {}, larger than every weight of the model",
                                         Shape(extents).to_string()));
    state.variables.push_back({place(next), file.read(place(next), Shape(extents))});
  }
  return state;
}

}  // namespace

std::optional<model::TrainingState> read_weights_file(std::string_view bytes,
                                                      const std::string& path,
                                                      const model::Model& model) {
  if (!is_zip(bytes)) {
    const Hdf5Reader file(bytes, path);
    return is_legacy_file(file) ? read_legacy_weights(file, model)
                                : read_keras_weights(file, model);
  }
  ZipReader zip(std::string(bytes), path, ".keras");
  const std::string weights = zip.read("model.weights.h5");
  return read_keras_weights(Hdf5Reader(weights, path + ":model.weights.h5"), model);
}

std::optional<model::TrainingState> read_keras_weights(const Hdf5Reader& file,
                                                       const model::Model& model) {
  const std::vector<Group> groups =
      groups_of(model, file.has("layers") ? "layers" : "_layer_checkpoint_dependencies");
  // All are checked before any is written.
  std::vector<Array> arrays;
  for (const Group& group : groups) {
    const std::string vars = group.path + "/vars";
    const size_t found = file.children(vars).size();
    if (found != group.weights.size())
      file.fail(vars,
                fmt::format("weights of another model: holds {} arrays; the model's layer '{}' "
                            "has {} weights",
                            found, group.name, group.weights.size()));
    for (size_t i = 0; i < group.weights.size(); ++i)
      arrays.push_back(file.read(fmt::format("{}/{}", vars, i), group.weights[i]->shape));
  }
  std::optional<model::TrainingState> state = read_optimizer(file, model);
  size_t next = 0;
  for (const Group& group : groups)
    for (model::Weight* weight : group.weights) {
      const Array& array = arrays[next++];
      std::copy(array.values.begin(), array.values.end(), weight->values());
    }
  return state;
}

std::string write_keras_weights(const model::Model& model, const model::TrainingState* state) {
  Hdf5Writer file;
  for (const Group& group : groups_of(model, "layers")) {
    const std::string vars = group.path + "/vars";
    file.add_group(vars);
    if (!group.name.empty()) file.add_text(vars, "name", group.name);
    for (size_t i = 0; i < group.weights.size(); ++i)
      file.add(fmt::format("{}/{}", vars, i), group.weights[i]->shape, group.weights[i]->values());
  }
  file.add_group("vars");
  file.add_text("vars", "name", model.name);
  if (state == nullptr) return file.finish();

  file.add_group(kOptimizer);
  size_t next = 0;
  const auto place = [&] { return fmt::format("{}/{}", kOptimizer, next++); };
  file.add_int32(place(), static_cast<int32_t>(state->steps));
  // A schedule computes the learning rate, which then is no variable.
  if (!state->optimizer.learning_rate_schedule)
    file.add_float(place(), static_cast<float>(state->optimizer.learning_rate));
  for (const NamedArray& variable : state->variables)
    file.add(place(), variable.array.shape, variable.array.values.data());
  return file.finish();
}

}  // namespace pronghorn::formats
