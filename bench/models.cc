#include "models.h"

namespace pronghorn::bench {
namespace {

using namespace layers;

KerasTensor convolution(const KerasTensor& x, int64_t filters, int64_t strides, bool relu) {
  KerasTensor y = Conv2D(filters, {3, 3},
                         {.strides = {strides, strides}, .padding = "same", .use_bias = false})(x);
  y = BatchNormalization()(y);
  return relu ? Activation("relu")(y) : y;
}

KerasTensor block(const KerasTensor& x, int64_t filters, int64_t strides) {
  const KerasTensor y = convolution(convolution(x, filters, strides, true), filters, 1, false);
  KerasTensor shortcut = x;
  if (strides != 1)
    shortcut = BatchNormalization()(
        Conv2D(filters, {1, 1}, {.strides = {strides, strides}, .use_bias = false})(x));
  return Activation("relu")(Add()({y, shortcut}));
}

}  // namespace

Model vgg_like() {
  Sequential model({32, 32, 3});
  for (const int64_t filters : {32, 64, 128}) {
    for (int i = 0; i < 2; ++i)
      model.add(Conv2D(filters, {3, 3}, {.padding = "same", .activation = "relu"}));
    model.add(MaxPooling2D({2, 2}));
  }
  model.add(Flatten());
  model.add(Dense(128, {.activation = "relu"}));
  model.add(Dropout(0.5));
  model.add(Dense(10, {.activation = "softmax"}));
  return model;
}

Model resnet20() {
  const KerasTensor input = Input({32, 32, 3});
  KerasTensor x = convolution(input, 16, 1, true);
  for (const int64_t filters : {16, 32, 64})
    for (int i = 0; i < 3; ++i) x = block(x, filters, filters > 16 && i == 0 ? 2 : 1);
  x = Flatten()(AveragePooling2D({8, 8})(x));
  return Model(input, Dense(10, {.activation = "softmax"})(x));
}

Model deep_narrow_mlp() {
  Sequential model({784});
  for (int i = 0; i < 10; ++i) model.add(Dense(64, {.activation = "relu"}));
  model.add(Dense(10, {.activation = "softmax"}));
  return model;
}

Model wide_mlp() {
  Sequential model({784});
  for (int i = 0; i < 4; ++i) model.add(Dense(1024, {.activation = "relu"}));
  model.add(Dense(10, {.activation = "softmax"}));
  return model;
}

Model named_model(const std::string& name) {
  if (name == "vgg-like") return vgg_like();
  if (name == "resnet-20") return resnet20();
  if (name == "deep-narrow-mlp") return deep_narrow_mlp();
  if (name == "wide-mlp") return wide_mlp();
  return load_model(name);
}

std::vector<NamedModel> zoo_and_others() {
  std::vector<NamedModel> models;
  for (const ZooEntry& entry : zoo()) models.push_back({entry.name, load_model(entry.name)});
  models.push_back({"vgg-like", vgg_like()});
  models.push_back({"resnet-20", resnet20()});
  models.push_back({"deep-narrow-mlp", deep_narrow_mlp()});
  return models;
}

}  // namespace pronghorn::bench
