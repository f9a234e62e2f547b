#include "formats/keras_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <vector>

#include "formats/json.h"
#include "formats/keras_legacy_config.h"
#include "model/compile_config.h"
#include "model/functional.h"
#include "model/json_text.h"
#include "model/layer_registry.h"
#include "model/layers/nested_model.h"
#include "pronghorn/error.h"

namespace pronghorn::formats {
namespace {

using Json = nlohmann::ordered_json;
using model::excerpt;
using model::SymbolicTensor;

// Of layers and of their calls. Walks over models recurse.
constexpr size_t kMostCalls = 4096;

// A place in the file, for messages: "config.layers[3]".
struct Place {
  const Json& json;
  std::string path;

  [[noreturn]] void fail(std::string_view what) const {
    throw FileError(fmt::format("{}: {}", path.empty() ? "the JSON" : path, what));
  }
  const Json* find(const char* key) const {
    const auto found = json.is_object() ? json.find(key) : json.end();
    return !json.is_object() || found == json.end() || found->is_null() ? nullptr : &*found;
  }
  Place member(const char* key) const {
    if (!json.is_object()) fail(fmt::format("is {}, not an object", excerpt(json)));
    const Json* found = find(key);
    if (found == nullptr) fail(fmt::format("has no key '{}'", key));
    return {*found, path.empty() ? key : fmt::format("{}.{}", path, key)};
  }
  Place entry(size_t index) const { return {json[index], fmt::format("{}[{}]", path, index)}; }
  const Place& array() const {
    if (!json.is_array()) fail(fmt::format("is {}, not a list", excerpt(json)));
    return *this;
  }
  std::string text() const {
    if (!json.is_string()) fail(fmt::format("is {}, not a string", excerpt(json)));
    return json.get<std::string>();
  }
};

std::unique_ptr<model::Model> read_model(const Place& place);

bool is_frozen(const Place& config) {
  const Json* trainable = config.find("trainable");
  return trainable != nullptr && *trainable == false;
}

// A model inside of a model.
std::shared_ptr<model::Layer> read_nested(const Place& place) {
  auto nested = std::make_shared<model::NestedModel>(read_model(place));
  nested->set_name(nested->nested_model()->name);
  return nested;
}

std::shared_ptr<model::Layer> read_layer(const Place& place) {
  const std::string class_name = place.member("class_name").text();
  if (class_name == "Sequential" || class_name == "Functional" || class_name == "Model")
    return read_nested(place);
  const Json* registered = place.find("registered_name");
  const Json* module = place.find("module");
  // A class of a user's own; only its code knows what it does.
  if (module != nullptr && module->is_string() && registered != nullptr &&
      registered->is_string() && !module->get_ref<const std::string&>().starts_with("keras"))
    throw UnsupportedError(
        fmt::format("{} is a layer of the module {}; Pronghorn has Keras's own layers only",
                    place.path, excerpt(*module)));
  return model::layer_from_config(class_name, place.member("config").json);
}

// A model that was never built says its input shape nowhere; one without InputLayer, in several
// ways over the versions.
std::shared_ptr<model::Layer> implied_input(const Place& config, const Place& layers) {
  const Json* shape = config.find("build_input_shape");
  if (shape == nullptr && !layers.json.empty()) {
    const Place first = layers.entry(0).member("config");
    shape = first.find("batch_shape");
    if (shape == nullptr) shape = first.find("batch_input_shape");
  }
  if (shape == nullptr)
    throw ShapeError(
        "the model was never built: it has no input shape; begin it with keras.Input(shape)");
  return model::layer_from_config("InputLayer", {{"batch_shape", *shape}});
}

std::unique_ptr<model::Model> read_sequential(const Place& config) {
  const Place layers = config.member("layers").array();
  if (layers.json.size() > kMostCalls)
    layers.fail(
        fmt::format("has {} layers; Pronghorn takes at most {}", layers.json.size(), kMostCalls));
  std::vector<std::shared_ptr<model::Layer>> read;
  for (size_t i = 0; i < layers.json.size(); ++i) read.push_back(read_layer(layers.entry(i)));
  if (read.empty() || read[0]->class_name() != "InputLayer")
    read.insert(read.begin(), implied_input(config, layers));
  const Json* name = config.find("name");
  return model::sequential_model(read, name == nullptr ? "" : config.member("name").text());
}

// Where a layer's input comes from: [layer, call, tensor].
struct Source {
  std::string layer;
  size_t call;
};

bool is_source(const Json& json) {
  return json.is_array() && json.size() == 3 && json[0].is_string() && json[1].is_number_integer();
}

Source read_source(const Place& place) {
  const Json& json = place.json;
  if (!is_source(json) || json[1] < 0 || json[1] > kMostCalls)
    place.fail(fmt::format("is {}; it must be [layer, call, tensor]", excerpt(json)));
  if (json[2] != 0) place.fail(fmt::format("is {}; layers have one output", excerpt(json)));
  return {json[0].get<std::string>(), json[1].get<size_t>()};
}

// One source, or a list or dictionary of them, in any nesting: Keras 3's versions differ.
void read_sources(const Place& place, std::vector<Source>& sources) {
  if (!is_source(place.json) && place.json.is_array()) {
    for (size_t i = 0; i < place.json.size(); ++i) read_sources(place.entry(i), sources);
  } else if (place.json.is_object()) {
    for (const auto& [key, value] : place.json.items())
      read_sources({value, fmt::format("{}.{}", place.path, key)}, sources);
  } else {
    sources.push_back(read_source(place));
  }
}

// The tensors among a call's arguments: one, or a list of them.
void read_arguments(const Place& place, std::vector<Source>& sources) {
  if (place.json.is_array()) {
    for (size_t i = 0; i < place.json.size(); ++i) read_arguments(place.entry(i), sources);
    return;
  }
  const Json* class_name = place.find("class_name");
  if (class_name == nullptr || *class_name != "__keras_tensor__")
    throw UnsupportedError(fmt::format("{} is {}; Pronghorn calls layers on tensors only",
                                       place.path, excerpt(place.json)));
  sources.push_back(read_source(place.member("config").member("keras_history")));
}

struct FunctionalLayer {
  std::shared_ptr<model::Layer> layer;
  std::vector<std::vector<Source>> calls;  // the inputs of each
  std::vector<SymbolicTensor> outputs;     // of the calls made so far
};

class FunctionalReader {
 public:
  explicit FunctionalReader(const Place& config) : config_(config) {}

  std::unique_ptr<model::Model> read() {
    const Place layers = config_.member("layers").array();
    for (size_t i = 0; i < layers.json.size(); ++i) read_entry(layers.entry(i));
    call_all();
    const Json* name = config_.find("name");
    auto result = model::functional_model(tensors("input_layers"), tensors("output_layers"),
                                          name == nullptr ? "" : config_.member("name").text());
    result->input_keys = keys("input_layers");
    result->output_keys = keys("output_layers");
    return result;
  }

 private:
  void read_entry(const Place& place) {
    FunctionalLayer entry;
    entry.layer = read_layer(place);
    // Calls refer to it by this name.
    const std::string name = place.find("name") != nullptr
                                 ? place.member("name").text()
                                 : place.member("config").member("name").text();
    if (entry.layer->name().empty()) entry.layer->set_name(name);
    if (entry.layer->class_name() == "InputLayer") {
      entry.calls.emplace_back();
    } else {
      const Place nodes = place.member("inbound_nodes").array();
      for (size_t i = 0; i < nodes.json.size(); ++i)
        entry.calls.push_back(read_call(nodes.entry(i), *entry.layer));
    }
    calls_ += std::max<size_t>(entry.calls.size(), 1);
    if (calls_ > kMostCalls)
      config_.fail(fmt::format("has more than {} layers and calls of them", kMostCalls));
    if (!index_.emplace(name, layers_.size()).second)
      place.fail(fmt::format("two layers are called '{}'; names within a model must differ", name));
    layers_.push_back(std::move(entry));
  }

  static std::vector<Source> read_call(const Place& place, model::Layer& layer) {
    std::vector<Source> sources;
    const Place arguments = place.member("args").array();
    for (size_t i = 0; i < arguments.json.size(); ++i) read_arguments(arguments.entry(i), sources);
    const Json* named = place.find("kwargs");
    // Tensors by name, in the order of an attention's arguments.
    std::set<std::string_view> tensors;
    for (const char* name : {"query", "value", "key"})
      if (named != nullptr && place.member("kwargs").find(name) != nullptr &&
          !(*named)[name].is_null()) {
        read_arguments(place.member("kwargs").member(name), sources);
        tensors.insert(name);
      }
    if (sources.empty()) arguments.fail("holds no tensor");
    if (named == nullptr) return sources;
    for (const auto& [key, value] : place.member("kwargs").json.items())
      if (!value.is_null() && !tensors.contains(key) && !layer.set_call_argument(key, value))
        throw UnsupportedError(
            fmt::format("{}.kwargs: argument '{}' is {}; Pronghorn does not support it", place.path,
                        key, excerpt(value)));
    return sources;
  }

  const FunctionalLayer& find(const Source& source) const {
    const auto found = index_.find(source.layer);
    if (found == index_.end())
      config_.fail(fmt::format("refers to a layer '{}', which is not there", source.layer));
    const FunctionalLayer& entry = layers_[found->second];
    if (source.call >= entry.calls.size())
      config_.fail(fmt::format("refers to call {} of layer '{}', which is called {} times",
                               source.call, source.layer, entry.calls.size()));
    return entry;
  }

  // A layer may stand before those that it is called on (a shared one does), so rounds are made
  // until all calls are done.
  void call_all() {
    for (bool progress = true, done = false; !done;) {
      if (!progress) config_.fail("some layers are called on each other's outputs in a circle");
      progress = false;
      done = true;
      for (FunctionalLayer& entry : layers_) {
        while (entry.outputs.size() < entry.calls.size() && call_next(entry)) progress = true;
        done = done && entry.outputs.size() == entry.calls.size();
      }
    }
  }

  bool call_next(FunctionalLayer& entry) {
    std::vector<SymbolicTensor> inputs;
    for (const Source& source : entry.calls[entry.outputs.size()]) {
      const FunctionalLayer& from = find(source);
      if (source.call >= from.outputs.size()) return false;
      inputs.push_back(from.outputs[source.call]);
    }
    entry.outputs.push_back(model::call(entry.layer, std::move(inputs)));
    return true;
  }

  std::vector<SymbolicTensor> tensors(const char* key) const {
    std::vector<Source> sources;
    read_sources(config_.member(key), sources);
    std::vector<SymbolicTensor> tensors;
    for (const Source& source : sources) tensors.push_back(find(source).outputs[source.call]);
    return tensors;
  }

  // Of a dictionary of tensors; none of anything else.
  std::vector<std::string> keys(const char* member) const {
    std::vector<std::string> result;
    const Json& sources = config_.member(member).json;
    if (!sources.is_object()) return {};
    for (const auto& [key, source] : sources.items()) {
      if (!is_source(source)) return {};
      result.push_back(key);
    }
    return result;
  }

  Place config_;
  std::vector<FunctionalLayer> layers_;
  std::map<std::string, size_t, std::less<>> index_;
  size_t calls_ = 0;
};

std::unique_ptr<model::Model> read_model(const Place& root) {
  const std::string class_name = root.member("class_name").text();
  const Place config = root.member("config");
  std::unique_ptr<model::Model> model;
  if (class_name == "Sequential")
    model = read_sequential(config);
  else if (class_name == "Functional")
    model = FunctionalReader(config).read();
  else
    throw UnsupportedError(
        fmt::format("the model's class is {}; Pronghorn reads Sequential and Functional models",
                    excerpt(class_name)));
  // A model is frozen by freezing its layers, and so is read; one that is not may have layers that
  // are.
  if (is_frozen(config))
    for (model::Layer* layer : model->layers()) layer->set_trainable(false);
  return model;
}

}  // namespace

std::unique_ptr<model::Model> read_keras_config(std::string_view text) {
  const Json given = parse_json(text);
  bool channels_first = false;
  const Json json = modern_config(given, channels_first);
  const Place root{json, ""};
  std::unique_ptr<model::Model> model = read_model(root);
  model->channels_first_file = channels_first;
  if (const Json* compile_config = root.find("compile_config")) {
    model->file_config = model::compile_config_from_json(*compile_config);
    model->file_config_json = compile_config->dump(-1, ' ', false, Json::error_handler_t::replace);
  }
  return model;
}

}  // namespace pronghorn::formats
