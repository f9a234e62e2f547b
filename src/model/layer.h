#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "graph/builder.h"
#include "model/weight.h"
#include "pronghorn/shape.h"

namespace pronghorn::model {

class Model;

// What a layer needs to put itself into a graph.
struct Lowering {
  graph::Builder& builder;
  // Training: dropout drops, batch normalization uses the batch's statistics.
  bool training;
  // Tells the layers with random numbers apart: a stream of this call alone.
  uint64_t stream;
  // The graph's values of this layer's weights, in the order of Layer::weights().
  std::vector<graph::ValueId> weights;
};

// One Keras layer: its arguments under Keras's names, its weights, and how it is said in the
// graph's language. Shapes leave the batch out.
class Layer {
 public:
  virtual ~Layer() = default;

  // "Conv2D"
  virtual std::string_view class_name() const = 0;
  // The arguments as in Keras's get_config(), without name, trainable and dtype.
  virtual nlohmann::ordered_json config() const = 0;

  // Throws ShapeError where the layer can't take such inputs.
  virtual Shape output_shape(std::span<const Shape> inputs) const = 0;
  virtual graph::ValueId lower(Lowering& lowering,
                               std::span<const graph::ValueId> inputs) const = 0;

  // The model that it is, for layers/nested_model.h.
  virtual Model* nested_model() { return nullptr; }
  virtual const Model* nested_model() const { return nullptr; }

  // Takes from samples of `shape`, the batch included, what the layer keeps of its data; throws
  // ArgumentError where it keeps nothing.
  virtual void adapt(const Shape& shape, std::span<const float> data);
  // What calls of the layer are given beside tensors, under Keras's names, and whether the layer
  // knows such an argument; most know none.
  virtual nlohmann::ordered_json call_arguments() const;
  virtual bool set_call_argument(std::string_view, const nlohmann::ordered_json&) { return false; }

  // The output's shape; the first call builds the layer. Throws ShapeError where the layer can't
  // take such inputs, or was built for others.
  Shape call(std::span<const Shape> inputs);

  // How messages call it: "layer 'conv2d_1'", or "layer Conv2D" before it has a name.
  std::string label() const;

  const std::string& name() const { return name_; }
  void set_name(std::string name) { name_ = std::move(name); }
  // False: its weights keep their values. Of a model inside of a model it goes for all layers.
  bool trainable() const { return trainable_; }
  void set_trainable(bool trainable);
  // A penalty on its output; every class takes one.
  const std::optional<Regularizer>& activity_regularizer() const { return activity_regularizer_; }
  void set_activity_regularizer(std::optional<Regularizer> regularizer) {
    activity_regularizer_ = std::move(regularizer);
  }
  bool built() const { return !built_for_.empty(); }
  // The inputs of the first call.
  std::span<const Shape> built_for() const { return built_for_; }
  // Its own; none of those of a model inside of a model.
  std::vector<Weight>& weights() { return weights_; }
  const std::vector<Weight>& weights() const { return weights_; }

 protected:
  // Of an input, those that weights are made for: all layers that have any take as many as they
  // were built for, anything else may vary.
  virtual int64_t channels(const Shape& input) const { return input.back(); }

  // Adds the weights for such inputs; called once.
  virtual void build(std::span<const Shape>) {}
  // Whether the weights that it was built with can take such inputs. Most layers with weights take
  // as many channels as they were built for; anything else may vary.
  virtual bool weights_fit(std::span<const Shape> inputs) const;
  void add_weight(std::string name, Shape shape, const WeightArguments& arguments,
                  bool trainable = true);
  void add_weight(std::string name, Shape shape, const Initializer& initializer,
                  bool trainable = true) {
    add_weight(std::move(name), std::move(shape), WeightArguments{initializer}, trainable);
  }
  // Builds another layer, whose weights become this one's, with its name before theirs.
  void adopt_weights(Layer& layer, std::span<const Shape> inputs);
  [[noreturn]] void fail(std::string_view message) const;  // ShapeError
  // The only input; its rank must be this, 0 for any.
  const Shape& only_input(std::span<const Shape> inputs, int rank = 0,
                          std::string_view kind = "") const;

 private:
  std::string name_;
  bool trainable_ = true;
  std::optional<Regularizer> activity_regularizer_;
  std::vector<Shape> built_for_;
  std::vector<Weight> weights_;
};

// What a layer's own seed argument adds to the number of its stream.
uint64_t mixed_seed(std::optional<int64_t> seed);

}  // namespace pronghorn::model
