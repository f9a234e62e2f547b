#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "pronghorn/shape.h"

namespace pronghorn {

namespace model {
class Layer;
class Model;
struct SymbolicNode;
struct TrainingState;
}  // namespace model

// The symbolic output of a layer, as in Keras's functional API: what layers are called on and
// models are made from.
class KerasTensor {
 public:
  explicit KerasTensor(std::shared_ptr<const model::SymbolicNode> node) : node_(std::move(node)) {}
  // Without the batch.
  const Shape& shape() const;
  const std::shared_ptr<const model::SymbolicNode>& node() const { return node_; }

 private:
  std::shared_ptr<const model::SymbolicNode> node_;
};

// A handle to a layer. Copies share the layer, and so its weights.
class Layer {
 public:
  explicit Layer(std::shared_ptr<model::Layer> layer) : layer_(std::move(layer)) {}

  // Calls the layer; throws ShapeError where the inputs don't suit it.
  KerasTensor operator()(const KerasTensor& input) const;
  KerasTensor operator()(const std::vector<KerasTensor>& inputs) const;

  const std::string& name() const;
  const std::shared_ptr<model::Layer>& layer() const { return layer_; }

 private:
  std::shared_ptr<model::Layer> layer_;
};

// The start of a functional model: a tensor of this shape, the batch left out.
KerasTensor Input(const Shape& shape, const std::string& name = "");

// Keras's layers with Keras's arguments and defaults. `name` empty: numbered by class as in Keras
// ("dense", "dense_1"). Activations, initializers: by Keras's names; an unknown one throws
// ArgumentError and lists the known.
namespace layers {

// A penalty that joins the loss: l1 sum |x| + l2 sum x^2; of a layer's output ("activity") divided
// by the batch size. Both zero: none. Keras's L1(), L2() and L1L2() in one.
struct Regularizer {
  double l1 = 0;
  double l2 = 0;
};

// What a weight is made to be after each update; Keras's MaxNorm, MinMaxNorm, NonNeg and UnitNorm.
struct Constraint {
  // "max_norm", "min_max_norm", "non_neg", "unit_norm"; empty: none.
  std::string name = "";
  // Of min_max_norm; max_norm has the second. Keras's defaults are 0 and 1, of max_norm 2.
  double min_value = 0;
  double max_value = 1;
  double rate = 1;
  // The norms are of all elements that differ in these axes only: {0} for each unit of a Dense
  // layer, {0, 1, 2} for each filter of a Conv2D.
  std::vector<int64_t> axes = {0};
};

struct DenseOptions {
  std::string activation = "linear";
  bool use_bias = true;
  std::string kernel_initializer = "glorot_uniform";
  std::string bias_initializer = "zeros";
  Regularizer kernel_regularizer = {};
  Regularizer bias_regularizer = {};
  Regularizer activity_regularizer = {};
  Constraint kernel_constraint = {};
  Constraint bias_constraint = {};
  std::string name = "";
};
Layer Dense(int64_t units, DenseOptions options = {});

struct Conv2DOptions {
  std::array<int64_t, 2> strides = {1, 1};
  std::string padding = "valid";
  std::array<int64_t, 2> dilation_rate = {1, 1};
  std::string activation = "linear";
  bool use_bias = true;
  std::string kernel_initializer = "glorot_uniform";
  std::string bias_initializer = "zeros";
  Regularizer kernel_regularizer = {};
  Regularizer bias_regularizer = {};
  Regularizer activity_regularizer = {};
  Constraint kernel_constraint = {};
  Constraint bias_constraint = {};
  std::string name = "";
};
Layer Conv2D(int64_t filters, std::array<int64_t, 2> kernel_size, Conv2DOptions options = {});

struct Pooling2DOptions {
  // {0, 0}: the pool size.
  std::array<int64_t, 2> strides = {0, 0};
  std::string padding = "valid";
  std::string name = "";
};
Layer MaxPooling2D(std::array<int64_t, 2> pool_size = {2, 2}, Pooling2DOptions options = {});
Layer AveragePooling2D(std::array<int64_t, 2> pool_size = {2, 2}, Pooling2DOptions options = {});

struct GlobalPoolingOptions {
  bool keepdims = false;
  std::string name = "";
};
Layer GlobalAveragePooling2D(GlobalPoolingOptions options = {});

struct NameOption {
  std::string name = "";
};
Layer Flatten(NameOption options = {});
// One extent may be -1.
Layer Reshape(const Shape& target_shape, NameOption options = {});
Layer Dropout(double rate, NameOption options = {});
Layer Activation(const std::string& activation, NameOption options = {});
Layer Add(NameOption options = {});
// Passes its input on; the penalty on it joins the loss.
Layer ActivityRegularization(Regularizer regularizer, NameOption options = {});

struct ConcatenateOptions {
  int64_t axis = -1;
  std::string name = "";
};
Layer Concatenate(ConcatenateOptions options = {});

struct BatchNormalizationOptions {
  double momentum = 0.99;
  double epsilon = 1e-3;
  bool center = true;
  bool scale = true;
  Regularizer beta_regularizer = {};
  Regularizer gamma_regularizer = {};
  Constraint beta_constraint = {};
  Constraint gamma_constraint = {};
  std::string name = "";
};
Layer BatchNormalization(BatchNormalizationOptions options = {});

}  // namespace layers
}  // namespace pronghorn
