#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graph/builder.h"
#include "model/initializer.h"
#include "platform/aligned_buffer.h"
#include "pronghorn/shape.h"

namespace pronghorn::model {

// One array of a layer's parameters or state. The memory is the model's; compiled steps read and
// write it in place.
struct Weight {
  // Within its layer, Keras's: "kernel", "bias", "gamma", "moving_mean".
  std::string name;
  Shape shape;
  bool trainable = true;
  Initializer initializer;
  AlignedBuffer buffer;

  float* values() const { return buffer.floats(); }
};

// What a layer needs to put itself into a graph.
struct Lowering {
  graph::Builder& builder;
  // Training: dropout drops, batch normalization uses the batch's statistics.
  bool training;
  // Tells the layers with random numbers apart: this layer's number in the model.
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
  // Makes the weights (uninitialized) for such inputs; called once.
  virtual void build(std::span<const Shape>) {}
  virtual graph::ValueId lower(Lowering& lowering,
                               std::span<const graph::ValueId> inputs) const = 0;

  const std::string& name() const { return name_; }
  void set_name(std::string name) { name_ = std::move(name); }
  bool trainable() const { return trainable_; }
  void set_trainable(bool trainable) { trainable_ = trainable; }
  bool built() const { return built_; }
  void ensure_built(std::span<const Shape> inputs);
  std::vector<Weight>& weights() { return weights_; }
  const std::vector<Weight>& weights() const { return weights_; }

 protected:
  Weight& add_weight(std::string name, Shape shape, const Initializer& initializer,
                     bool trainable = true);

 private:
  std::string name_;
  bool trainable_ = true;
  bool built_ = false;
  std::vector<Weight> weights_;
};

}  // namespace pronghorn::model
