#include "model/layer.h"

#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "model/model.h"
#include "pronghorn/error.h"

namespace pronghorn::model {
namespace {

// Far above what any machine holds, and low enough that element counts times a batch and the bytes
// of an element stay within 63 bits.
constexpr int64_t kMostElements = int64_t{1} << 40;

bool too_large(const Shape& shape) {
  int64_t elements = 1;
  for (int64_t extent : shape.extents())
    if (__builtin_mul_overflow(elements, extent, &elements) || elements > kMostElements)
      return true;
  return false;
}

}  // namespace

float* Weight::values() const {
  if (buffer_.data() == nullptr)
    buffer_ = AlignedBuffer(static_cast<size_t>(shape.elements()) * sizeof(float));
  return buffer_.floats();
}

void Layer::set_trainable(bool trainable) {
  trainable_ = trainable;
  if (Model* nested = nested_model(); nested != nullptr)
    for (Layer* layer : nested->layers()) layer->set_trainable(trainable);
}

std::string Layer::label() const {
  return name_.empty() ? fmt::format("layer {}", class_name()) : fmt::format("layer '{}'", name_);
}

void Layer::fail(std::string_view message) const {
  throw ShapeError(fmt::format("{}: {}", label(), message));
}

const Shape& Layer::only_input(std::span<const Shape> inputs, int rank,
                               std::string_view kind) const {
  if (inputs.size() != 1) fail(fmt::format("takes one input, not {}", inputs.size()));
  if (rank > 0 && inputs[0].rank() != rank)
    fail(fmt::format("needs {}, its input is {}", kind, inputs[0].to_string_any_batch()));
  return inputs[0];
}

void Layer::adapt(const Shape&, std::span<const float>) {
  throw ArgumentError(fmt::format("{}: a {} keeps nothing of its data, there is nothing to adapt",
                                  label(), class_name()));
}

Shape Layer::call(std::span<const Shape> inputs) {
  const Shape output = output_shape(inputs);
  if (too_large(output))
    fail(fmt::format("its output {} has more than 2^40 elements", output.to_string_any_batch()));
  if (!built()) {
    build(inputs);
    built_for_.assign(inputs.begin(), inputs.end());
  } else if (!weights_.empty() && !weights_fit(inputs)) {
    fail(fmt::format("its weights are for inputs with {} channels, its input is {}",
                     channels(built_for_[0]), inputs[0].to_string_any_batch()));
  }
  return output;
}

bool Layer::weights_fit(std::span<const Shape> inputs) const {
  return channels(inputs[0]) == channels(built_for_[0]);
}

void Layer::add_weight(std::string name, Shape shape, const WeightArguments& arguments,
                       bool trainable) {
  if (too_large(shape))
    fail(fmt::format("its weight '{}' {} has more than 2^40 elements", name, shape.to_string()));
  Weight& weight = weights_.emplace_back();
  weight.name = std::move(name);
  weight.shape = std::move(shape);
  weight.trainable = trainable;
  weight.initializer = arguments.initializer;
  weight.regularizer = arguments.regularizer;
  weight.constraint = arguments.constraint;
  try {
    if (weight.constraint) weight.constraint->axes_of(weight.shape);
  } catch (const ArgumentError& error) {
    throw ArgumentError(fmt::format("{}: weight '{}': {}", label(), weight.name, error.what()));
  }
}

nlohmann::ordered_json Layer::call_arguments() const { return nlohmann::ordered_json::object(); }

void Layer::adopt_weights(Layer& layer, std::span<const Shape> inputs) {
  layer.call(inputs);
  for (Weight& weight : layer.weights_) {
    weight.name = fmt::format("{}/{}", layer.name(), weight.name);
    weight.trainable = weight.trainable && layer.trainable();
    weights_.push_back(std::move(weight));
  }
  layer.weights_.clear();
}

uint64_t mixed_seed(std::optional<int64_t> seed) {
  // The odd constant of Fibonacci hashing spreads a seed over the upper bits, far from the
  // numbers that tell layers apart.
  return seed ? (static_cast<uint64_t>(*seed) + 1) * 0x9E3779B97F4A7C15ull : uint64_t{0};
}

}  // namespace pronghorn::model
