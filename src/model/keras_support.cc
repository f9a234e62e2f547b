#include "pronghorn/keras_support.h"

#include "model/activation.h"
#include "model/initializer.h"
#include "model/layer_registry.h"

namespace pronghorn {

std::vector<KerasLayer> supported_layers() {
  std::vector<KerasLayer> layers;
  for (const std::string_view class_name : model::layer_class_names())
    layers.push_back({std::string(class_name), model::layer_arguments(class_name)});
  return layers;
}

std::vector<std::string> activation_names() {
  const std::vector<std::string_view> names = model::activation_list();
  return {names.begin(), names.end()};
}

std::vector<std::string> initializer_names() { return model::known_initializers(); }

}  // namespace pronghorn
