#include "compiler/net.h"

#include <algorithm>
#include <cmath>

#include "base/philox.h"
#include "compiler/autodiff.h"
#include "compiler/fusion.h"
#include "compiler/pooling_fusion.h"
#include "graph/ops/batch_norm.h"
#include "graph/ops/conv2d.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/matmul.h"
#include "graph/ops/optimizer_update.h"
#include "graph/ops/pool2d.h"
#include "graph/ops/reshape.h"
#include "graph/ops/sum_rows.h"
#include "model/activation.h"

namespace pronghorn::compiler::testing {

using graph::ValueId;
using graph::ValueRole;

namespace {
// Streams of the random numbers that stand for data; those of weights count up from 0.
constexpr uint64_t kImages = 1'000'001;
constexpr uint64_t kLabels = 1'000'002;

double glorot_limit(int64_t fan_in, int64_t fan_out) {
  return std::sqrt(6.0 / static_cast<double>(fan_in + fan_out));
}
}  // namespace

WeightStore::Array& WeightStore::random(const std::string& name, const Shape& shape, double limit) {
  const auto [found, missing] = arrays_.try_emplace(name);
  Array& array = found->second;
  if (missing) {
    const auto elements = static_cast<size_t>(shape.elements());
    array = {shape, AlignedBuffer(elements * sizeof(float))};
    const RandomStream random(seed_, created_++, 0);
    for (size_t i = 0; i < elements; ++i)
      array.buffer.floats()[i] = static_cast<float>(limit * (2.0 * random.uniform(i) - 1.0));
  }
  return array;
}

WeightStore::Array& WeightStore::constant(const std::string& name, const Shape& shape,
                                          double value) {
  const bool missing = !arrays_.contains(name);
  Array& array = random(name, shape, 0);
  if (missing) std::fill_n(array.buffer.floats(), shape.elements(), static_cast<float>(value));
  return array;
}

std::vector<float> WeightStore::all_values() const {
  std::vector<float> all;
  for (const auto& [name, array] : arrays_) {
    const std::vector<float> values = array.values();
    all.insert(all.end(), values.begin(), values.end());
  }
  return all;
}

ValueId Net::weight(const std::string& name, const Shape& shape, ValueRole role,
                    WeightStore::Array& array) {
  const ValueId id = builder_.add_value(name, shape, role);
  external.push_back({id, array.buffer.floats()});
  return id;
}

ValueId Net::input(const Shape& shape) {
  x = builder_.add_value("x", shape.with_batch(graph.batch), ValueRole::kInput);
  return x;
}

ValueId Net::dense(ValueId src, int64_t units, const std::string& name, bool frozen) {
  builder_.set_layer(name);
  const int64_t features = graph.value(src).shape.back();
  const Shape shape{features, units};
  // Biases are random too: a zero would hide an error in its gradient's sign.
  const ValueId kernel =
      weight(name + "/kernel", shape, ValueRole::kParameter,
             weights_.random(name + "/kernel", shape, glorot_limit(features, units)));
  const ValueId bias = weight(name + "/bias", {units}, ValueRole::kParameter,
                              weights_.random(name + "/bias", {units}, 0.1));
  if (!frozen) trainable.insert(trainable.end(), {kernel, bias});
  return graph::bias_add(builder_, graph::matmul(builder_, src, kernel), bias);
}

ValueId Net::conv2d(ValueId src, int64_t filters, const std::string& name, Conv2dOptions options) {
  builder_.set_layer(name);
  const Shape& images = graph.value(src).shape;
  const int64_t size = options.kernel;
  const Shape shape{size, size, images[3], filters};
  graph::Conv2dWindow window;
  window.stride_h = window.stride_w = options.stride;
  if (options.same) {
    const auto vertical = graph::same_padding(images[1], size, options.stride, 1);
    const auto horizontal = graph::same_padding(images[2], size, options.stride, 1);
    window.padding = {vertical.before, horizontal.before, vertical.after, horizontal.after};
  }
  const double limit = glorot_limit(size * size * images[3], size * size * filters);
  const ValueId kernel = weight(name + "/kernel", shape, ValueRole::kParameter,
                                weights_.random(name + "/kernel", shape, limit));
  trainable.push_back(kernel);
  const ValueId dst = graph::conv2d(builder_, src, kernel, window);
  if (!options.use_bias) return dst;
  const ValueId bias = weight(name + "/bias", {filters}, ValueRole::kParameter,
                              weights_.random(name + "/bias", {filters}, 0.1));
  trainable.push_back(bias);
  return graph::bias_add(builder_, dst, bias);
}

ValueId Net::batch_norm(ValueId src, const std::string& name) {
  builder_.set_layer(name);
  const Shape channels{graph.value(src).shape.back()};
  const auto add = [&](const std::string& part, double value, ValueRole role) {
    return weight(name + part, channels, role, weights_.constant(name + part, channels, value));
  };
  const ValueId gamma = add("/gamma", 1, ValueRole::kParameter);
  const ValueId beta = add("/beta", 0, ValueRole::kParameter);
  const ValueId mean = add("/moving_mean", 0, ValueRole::kState);
  const ValueId variance = add("/moving_variance", 1, ValueRole::kState);
  trainable.insert(trainable.end(), {gamma, beta});
  return graph::batch_norm_training(builder_, src, gamma, beta, mean, variance, {});
}

ValueId Net::activation(ValueId src, const std::string& function) {
  return model::lower_activation(builder_, src, model::canonical_activation(function));
}

ValueId Net::max_pool(ValueId src, int64_t size) {
  return graph::max_pool2d(builder_, src, {size, size, size, size, {}});
}

ValueId Net::global_average_pool(ValueId src) {
  const Shape& images = graph.value(src).shape;
  return flatten(
      graph::average_pool2d(builder_, src, {images[1], images[2], images[1], images[2], {}}));
}

ValueId Net::flatten(ValueId src) {
  const Shape& shape = graph.value(src).shape;
  return graph::reshape(builder_, src, {shape[0], shape.elements() / shape[0]});
}

ValueId Net::dropout(ValueId src, double rate, uint64_t stream) {
  return graph::dropout(builder_, src, rate, stream);
}

void Net::add_loss(ValueId y_pred, graph::LossFunction function, bool from_logits) {
  builder_.set_layer("");
  graph::Value& prediction = graph.value(y_pred);
  prediction.role = ValueRole::kOutput;
  Shape labels = prediction.shape;
  if (function == graph::LossFunction::kSparseCategoricalCrossentropy) labels = Shape{labels[0]};
  y_true = builder_.add_value("y_true", labels, ValueRole::kInput);
  loss = graph::mean(builder_, graph::loss(builder_, y_pred, y_true, function, from_logits));
  graph.value(loss).role = ValueRole::kOutput;
  graph.value(loss).name = "loss";
}

void Net::differentiate(bool keep_gradients) {
  gradients = compiler::differentiate(builder_, trainable);
  for (ValueId gradient : gradients)
    if (keep_gradients) graph.value(gradient).role = ValueRole::kOutput;
}

void Net::update(const Optimizer& optimizer) {
  const graph::Attributes attributes = update_attributes(optimizer);
  builder_.set_phase(graph::Phase::kUpdate);
  for (size_t i = 0; i < trainable.size(); ++i) {
    const graph::Value parameter = graph.value(trainable[i]);
    builder_.set_layer(parameter.name.substr(0, parameter.name.rfind('/')));
    std::vector<ValueId> slots;
    for (const graph::OptimizerSlot& slot : graph::optimizer_slots(attributes)) {
      const std::string name = parameter.name + "/" + std::string(slot.name);
      slots.push_back(weight(name, parameter.shape, ValueRole::kState,
                             weights_.constant(name, parameter.shape, slot.initial_value)));
    }
    graph::optimizer_update(builder_, trainable[i], gradients[i], slots, attributes);
  }
}

void Net::train(ValueId y_pred, const Optimizer& optimizer) {
  add_loss(y_pred, graph::LossFunction::kCategoricalCrossentropy);
  fuse_softmax_cross_entropy(graph);
  move_activations_behind_max_pooling(graph);
  differentiate(/*keep_gradients=*/false);
  update(optimizer);
  graph.verify();
}

ValueId mnist_mlp(Net& net) {
  ValueId value = net.input({784});
  value = net.dropout(net.activation(net.dense(value, 512, "dense"), "relu"), 0.2, 1);
  value = net.dropout(net.activation(net.dense(value, 512, "dense_1"), "relu"), 0.2, 2);
  return net.activation(net.dense(value, 10, "dense_2"), "softmax");
}

ValueId mnist_cnn(Net& net) {
  ValueId value = net.input({28, 28, 1});
  value = net.activation(net.conv2d(value, 32, "conv2d"), "relu");
  value = net.activation(net.conv2d(value, 64, "conv2d_1"), "relu");
  value = net.dropout(net.max_pool(value, 2), 0.25, 1);
  return net.activation(net.dense(net.flatten(value), 10, "dense"), "softmax");
}

ValueId resnet_block(Net& net, const Shape& images, int64_t filters, int64_t classes) {
  const Net::Conv2dOptions plain{.same = true, .use_bias = false};
  const Net::Conv2dOptions projection{.kernel = 1, .use_bias = false};
  const ValueId src = net.input(images);
  ValueId value = net.batch_norm(net.conv2d(src, filters, "conv2d", plain), "batch_normalization");
  value = net.activation(value, "relu");
  value = net.batch_norm(net.conv2d(value, filters, "conv2d_1", plain), "batch_normalization_1");
  const ValueId shortcut = net.conv2d(src, filters, "conv2d_2", projection);
  net.builder().set_layer("add");
  value = net.activation(graph::add(net.builder(), value, shortcut), "relu");
  value = net.dense(net.global_average_pool(value), classes, "dense");
  return net.activation(value, "softmax");
}

void fill_batch(const Net& net, const runtime::Executable& executable, uint64_t step) {
  const RandomStream images(0, kImages, step);
  const auto elements = static_cast<size_t>(net.graph.value(net.x).shape.elements());
  for (size_t i = 0; i < elements; ++i) executable.data(net.x)[i] = images.uniform(i);

  const RandomStream labels(0, kLabels, step);
  const Shape& shape = net.graph.value(net.y_true).shape;
  const auto classes = static_cast<size_t>(shape.back());
  std::fill_n(executable.data(net.y_true), shape.elements(), 0.0f);
  for (size_t row = 0; row < static_cast<size_t>(shape[0]); ++row)
    executable.data(net.y_true)[row * classes + labels.word(row) % classes] = 1.0f;
}

}  // namespace pronghorn::compiler::testing
