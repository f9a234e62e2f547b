#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
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

  // Takes from samples of `shape`, the batch included, what the layer keeps of its data: of a
  // Normalization its mean and variance, in double precision. Call it before training; throws
  // ArgumentError of a layer that keeps nothing, ShapeError where the data doesn't suit it.
  void adapt(const Shape& shape, std::span<const float> data) const;

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

// Layers over images and series take tensors (height, width, channels) and (steps, channels);
// data_format "channels_first" puts the channels in front, at the price of a transposition before
// and after.

struct Conv2DOptions {
  std::array<int64_t, 2> strides = {1, 1};
  std::string padding = "valid";
  std::string data_format = "channels_last";
  std::array<int64_t, 2> dilation_rate = {1, 1};
  int64_t groups = 1;
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

struct Conv1DOptions {
  int64_t strides = 1;
  // "valid", "same", or "causal": no output sees what comes after it.
  std::string padding = "valid";
  std::string data_format = "channels_last";
  int64_t dilation_rate = 1;
  int64_t groups = 1;
  std::string activation = "linear";
  bool use_bias = true;
  std::string kernel_initializer = "glorot_uniform";
  std::string bias_initializer = "zeros";
  std::string name = "";
};
Layer Conv1D(int64_t filters, int64_t kernel_size, Conv1DOptions options = {});

struct Conv2DTransposeOptions {
  std::array<int64_t, 2> strides = {1, 1};
  std::string padding = "valid";
  // Elements more at the end than the padding leaves, below the strides; none: Keras's rule.
  std::optional<std::array<int64_t, 2>> output_padding = std::nullopt;
  std::string data_format = "channels_last";
  std::array<int64_t, 2> dilation_rate = {1, 1};
  std::string activation = "linear";
  bool use_bias = true;
  std::string kernel_initializer = "glorot_uniform";
  std::string bias_initializer = "zeros";
  std::string name = "";
};
Layer Conv2DTranspose(int64_t filters, std::array<int64_t, 2> kernel_size,
                      Conv2DTransposeOptions options = {});

struct Conv1DTransposeOptions {
  int64_t strides = 1;
  std::string padding = "valid";
  std::optional<int64_t> output_padding = std::nullopt;
  std::string data_format = "channels_last";
  int64_t dilation_rate = 1;
  std::string activation = "linear";
  bool use_bias = true;
  std::string kernel_initializer = "glorot_uniform";
  std::string bias_initializer = "zeros";
  std::string name = "";
};
Layer Conv1DTranspose(int64_t filters, int64_t kernel_size, Conv1DTransposeOptions options = {});

// Of a depthwise convolution every channel has depth_multiplier kernels of its own; a separable one
// mixes its channels by a 1x1 convolution after it.
struct DepthwiseConv2DOptions {
  std::array<int64_t, 2> strides = {1, 1};
  std::string padding = "valid";
  int64_t depth_multiplier = 1;
  std::string data_format = "channels_last";
  std::array<int64_t, 2> dilation_rate = {1, 1};
  std::string activation = "linear";
  bool use_bias = true;
  std::string depthwise_initializer = "glorot_uniform";
  std::string bias_initializer = "zeros";
  std::string name = "";
};
Layer DepthwiseConv2D(std::array<int64_t, 2> kernel_size, DepthwiseConv2DOptions options = {});

struct DepthwiseConv1DOptions {
  int64_t strides = 1;
  std::string padding = "valid";
  int64_t depth_multiplier = 1;
  std::string data_format = "channels_last";
  int64_t dilation_rate = 1;
  std::string activation = "linear";
  bool use_bias = true;
  std::string depthwise_initializer = "glorot_uniform";
  std::string bias_initializer = "zeros";
  std::string name = "";
};
Layer DepthwiseConv1D(int64_t kernel_size, DepthwiseConv1DOptions options = {});

struct SeparableConv2DOptions : DepthwiseConv2DOptions {
  std::string pointwise_initializer = "glorot_uniform";
};
Layer SeparableConv2D(int64_t filters, std::array<int64_t, 2> kernel_size,
                      SeparableConv2DOptions options = {});

struct SeparableConv1DOptions : DepthwiseConv1DOptions {
  std::string pointwise_initializer = "glorot_uniform";
};
Layer SeparableConv1D(int64_t filters, int64_t kernel_size, SeparableConv1DOptions options = {});

struct Pooling1DOptions {
  // 0: the pool size.
  int64_t strides = 0;
  std::string padding = "valid";
  std::string data_format = "channels_last";
  std::string name = "";
};
Layer MaxPooling1D(int64_t pool_size = 2, Pooling1DOptions options = {});
Layer AveragePooling1D(int64_t pool_size = 2, Pooling1DOptions options = {});

struct Pooling2DOptions {
  // {0, 0}: the pool size.
  std::array<int64_t, 2> strides = {0, 0};
  std::string padding = "valid";
  std::string data_format = "channels_last";
  std::string name = "";
};
Layer MaxPooling2D(std::array<int64_t, 2> pool_size = {2, 2}, Pooling2DOptions options = {});
Layer AveragePooling2D(std::array<int64_t, 2> pool_size = {2, 2}, Pooling2DOptions options = {});

struct GlobalPoolingOptions {
  bool keepdims = false;
  std::string data_format = "channels_last";
  std::string name = "";
};
Layer GlobalMaxPooling1D(GlobalPoolingOptions options = {});
Layer GlobalMaxPooling2D(GlobalPoolingOptions options = {});
Layer GlobalAveragePooling1D(GlobalPoolingOptions options = {});
Layer GlobalAveragePooling2D(GlobalPoolingOptions options = {});

struct DataFormatOptions {
  std::string data_format = "channels_last";
  std::string name = "";
};
// {top, bottom}, {left, right}; of series {before, after}.
using Edges2D = std::array<std::array<int64_t, 2>, 2>;
Layer ZeroPadding2D(Edges2D padding = {{{1, 1}, {1, 1}}}, DataFormatOptions options = {});
Layer ZeroPadding1D(std::array<int64_t, 2> padding = {1, 1}, DataFormatOptions options = {});
Layer Cropping2D(Edges2D cropping, DataFormatOptions options = {});
Layer Cropping1D(std::array<int64_t, 2> cropping = {1, 1}, DataFormatOptions options = {});

struct UpSampling2DOptions {
  std::string data_format = "channels_last";
  // "nearest" or "bilinear".
  std::string interpolation = "nearest";
  std::string name = "";
};
Layer UpSampling2D(std::array<int64_t, 2> size = {2, 2}, UpSampling2DOptions options = {});

struct NameOption {
  std::string name = "";
};
Layer Flatten(NameOption options = {});
// One extent may be -1.
Layer Reshape(const Shape& target_shape, NameOption options = {});
Layer UpSampling1D(int64_t size = 2, NameOption options = {});
// Axis i of the output is axis dims[i - 1] of the input; the batch is axis 0.
Layer Permute(const std::vector<int64_t>& dims, NameOption options = {});
// (features) -> (n, features).
Layer RepeatVector(int64_t n, NameOption options = {});
Layer Identity(NameOption options = {});

// rate in [0, 1). The spatial ones drop whole channels.
Layer Dropout(double rate, NameOption options = {});
Layer SpatialDropout1D(double rate, NameOption options = {});
Layer SpatialDropout2D(double rate, NameOption options = {});

Layer Activation(const std::string& activation, NameOption options = {});
struct ReLUOptions {
  std::optional<double> max_value = std::nullopt;
  double negative_slope = 0;
  double threshold = 0;
  std::string name = "";
};
// min(x, max_value) where x > threshold, else negative_slope (x - threshold).
Layer ReLU(ReLUOptions options = {});
Layer LeakyReLU(double negative_slope = 0.3, NameOption options = {});
Layer ELU(double alpha = 1, NameOption options = {});
struct PReLUOptions {
  std::string alpha_initializer = "zeros";
  // Axes along which the slopes are shared; the batch is axis 0.
  std::vector<int64_t> shared_axes = {};
  std::string name = "";
};
Layer PReLU(PReLUOptions options = {});
struct AxisOptions {
  int64_t axis = -1;
  std::string name = "";
};
Layer Softmax(AxisOptions options = {});
Layer UnitNormalization(AxisOptions options = {});

// Of two inputs or more (Subtract: two), whose shapes broadcast as numpy's, the batch apart.
Layer Add(NameOption options = {});
Layer Subtract(NameOption options = {});
Layer Multiply(NameOption options = {});
Layer Average(NameOption options = {});
Layer Maximum(NameOption options = {});
Layer Minimum(NameOption options = {});
// Passes its input on; the penalty on it joins the loss.
Layer ActivityRegularization(Regularizer regularizer, NameOption options = {});

struct ConcatenateOptions {
  int64_t axis = -1;
  std::string name = "";
};
Layer Concatenate(ConcatenateOptions options = {});

struct DotOptions {
  // Scales what is multiplied to length one: the result is the cosine of the angle.
  bool normalize = false;
  std::string name = "";
};
// Sums the products of two inputs along an axis of each, the batch being axis 0.
Layer Dot(std::array<int64_t, 2> axes, DotOptions options = {});

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

// x scale + offset.
Layer Rescaling(double scale, double offset = 0, NameOption options = {});
struct NormalizationOptions {
  // The axes with means of their own, the last ones; none: one mean of all. The batch is axis 0.
  std::vector<int64_t> axis = {-1};
  // Both or neither. With neither the layer learns them: Layer::adapt.
  std::vector<double> mean = {};
  std::vector<double> variance = {};
  std::string name = "";
};
// (x - mean) / max(sqrt(variance), 1e-7).
Layer Normalization(NormalizationOptions options = {});
// Class numbers in [0, num_tokens) as "one_hot" rows, "multi_hot" rows of each sample, or "count"s.
Layer CategoryEncoding(int64_t num_tokens, const std::string& output_mode = "multi_hot",
                       NameOption options = {});
// The number of boundaries that are at most x; output_mode "int" or as CategoryEncoding's.
Layer Discretization(const std::vector<double>& bin_boundaries,
                     const std::string& output_mode = "int", NameOption options = {});
struct LayerNormalizationOptions {
  double epsilon = 1e-3;
  bool center = true;
  bool scale = true;
  std::string name = "";
};
// Each place of a sample by itself, over its last axis.
Layer LayerNormalization(LayerNormalizationOptions options = {});
struct GroupNormalizationOptions {
  double epsilon = 1e-3;
  bool center = true;
  bool scale = true;
  std::string name = "";
};
// Each sample by itself, over `groups` groups of channels; -1: a group a channel.
Layer GroupNormalization(int64_t groups = 32, GroupNormalizationOptions options = {});

struct EmbeddingOptions {
  std::string embeddings_initializer = "uniform";
  std::string name = "";
};
// Class numbers in [0, input_dim), of any shape, to rows of output_dim; another number gives NaNs.
Layer Embedding(int64_t input_dim, int64_t output_dim, EmbeddingOptions options = {});

// Of sequences (steps, features). Activations: hard_sigmoid, linear, relu, sigmoid or tanh.
struct RecurrentOptions {
  std::string activation = "tanh";
  std::string recurrent_activation = "sigmoid";  // not SimpleRNN's
  bool use_bias = true;
  std::string kernel_initializer = "glorot_uniform";
  std::string recurrent_initializer = "orthogonal";
  std::string bias_initializer = "zeros";
  bool unit_forget_bias = true;  // LSTM's
  bool reset_after = true;       // GRU's
  // The state after each step (steps, units) instead of that after the last (units).
  bool return_sequences = false;
  bool go_backwards = false;
  // Of the inputs; the same features at every step.
  double dropout = 0;
  std::string name = "";
};
Layer SimpleRNN(int64_t units, RecurrentOptions options = {});
Layer LSTM(int64_t units, RecurrentOptions options = {});
Layer GRU(int64_t units, RecurrentOptions options = {});

struct BidirectionalOptions {
  std::string merge_mode = "concat";  // or sum, mul, ave
  std::string name = "";
};
// A SimpleRNN, LSTM or GRU that was not called yet, and one like it that goes backwards. Throws
// UnsupportedError for another layer.
Layer Bidirectional(const Layer& layer, BidirectionalOptions options = {});
// A layer that was not called yet, applied to each step.
Layer TimeDistributed(const Layer& layer, NameOption options = {});

struct MultiHeadAttentionOptions {
  int64_t value_dim = 0;  // 0: key_dim
  double dropout = 0;
  bool use_bias = true;
  int64_t output_shape = 0;  // 0: as many features as the query has
  std::string kernel_initializer = "glorot_uniform";
  std::string bias_initializer = "zeros";
  // Keras's argument of the call: a step sees none after it.
  bool use_causal_mask = false;
  std::string name = "";
};
// Called on {query, value} or {query, value, key}, sequences (steps, features).
Layer MultiHeadAttention(int64_t num_heads, int64_t key_dim,
                         MultiHeadAttentionOptions options = {});

struct AttentionOptions {
  double dropout = 0;
  bool use_causal_mask = false;
  std::string name = "";
};
// The same, without products and heads.
Layer Attention(AttentionOptions options = {});

Layer GaussianNoise(double stddev, NameOption options = {});
Layer GaussianDropout(double rate, NameOption options = {});
Layer AlphaDropout(double rate, NameOption options = {});

}  // namespace layers
}  // namespace pronghorn
