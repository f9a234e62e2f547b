#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "compiler/compile.h"
#include "compiler/optimizer_state.h"
#include "graph/builder.h"
#include "graph/graph.h"
#include "graph/ops/loss.h"
#include "platform/aligned_buffer.h"
#include "pronghorn/compile_config.h"

namespace pronghorn::compiler::testing {

// Weights and optimizer slots by name, so that steps of several batch sizes can share them.
// A new one holds uniform random numbers, drawn from the seed and the order of creation.
class WeightStore {
 public:
  explicit WeightStore(uint64_t seed) : seed_(seed) {}

  struct Array {
    Shape shape;
    AlignedBuffer buffer;
    std::vector<float> values() const {
      return {buffer.floats(), buffer.floats() + shape.elements()};
    }
  };
  // The one of this name; made at the first call with numbers in [-limit, limit).
  Array& random(const std::string& name, const Shape& shape, double limit);
  Array& constant(const std::string& name, const Shape& shape, double value);

  const std::map<std::string, Array>& arrays() const { return arrays_; }
  // All contents in the order of names: to compare runs bit for bit.
  std::vector<float> all_values() const;

 private:
  uint64_t seed_;
  uint64_t created_ = 0;
  std::map<std::string, Array> arrays_;
};

// A training step written directly in the graph's language: what the tests of the compiler
// compile, without the layers of model/. Values are named as there: "conv2d/kernel".
class Net {
 public:
  Net(WeightStore& weights, int64_t batch) : weights_(weights), builder_(graph) {
    graph.batch = batch;
  }

  graph::Graph graph;
  graph::ValueId x = graph::kNoValue;
  graph::ValueId y_true = graph::kNoValue;
  graph::ValueId loss = graph::kNoValue;
  // The weights that are trained, and the gradients that differentiate() gave them.
  std::vector<graph::ValueId> trainable;
  std::vector<graph::ValueId> gradients;
  std::vector<ExternalValue> external;

  graph::Builder& builder() { return builder_; }

  // The input; `shape` leaves the batch out.
  graph::ValueId input(const Shape& shape);
  graph::ValueId dense(graph::ValueId src, int64_t units, const std::string& name,
                       bool frozen = false);
  struct Conv2dOptions {
    int64_t kernel = 3;
    int64_t stride = 1;
    bool same = false;
    bool use_bias = true;
  };
  graph::ValueId conv2d(graph::ValueId src, int64_t filters, const std::string& name,
                        Conv2dOptions options);
  graph::ValueId conv2d(graph::ValueId src, int64_t filters, const std::string& name) {
    return conv2d(src, filters, name, Conv2dOptions());
  }
  graph::ValueId batch_norm(graph::ValueId src, const std::string& name);
  graph::ValueId activation(graph::ValueId src, const std::string& function);
  graph::ValueId max_pool(graph::ValueId src, int64_t size);
  graph::ValueId global_average_pool(graph::ValueId src);
  graph::ValueId flatten(graph::ValueId src);
  graph::ValueId dropout(graph::ValueId src, double rate, uint64_t stream);

  // Adds the loss and its mean; `y_pred` becomes an output of the step.
  void add_loss(graph::ValueId y_pred, graph::LossFunction function, bool from_logits = false);
  // Appends the gradients to the trainable weights, and makes them outputs if asked to.
  void differentiate(bool keep_gradients);
  // Appends the updates.
  void update(const Optimizer& optimizer);
  // add_loss of categorical crossentropy, fused with the softmax before it; activations behind
  // max-pooling; gradients and updates.
  void train(graph::ValueId y_pred, const Optimizer& optimizer);

  std::unique_ptr<runtime::Executable> compile(const CompileOptions& options = {}) const {
    return compiler::compile(graph, external, options);
  }

 private:
  graph::ValueId weight(const std::string& name, const Shape& shape, graph::ValueRole role,
                        WeightStore::Array& array);

  WeightStore& weights_;
  graph::Builder builder_;
};

// The models of the zoo whose steps the tests look at, up to their probabilities.
graph::ValueId mnist_mlp(Net& net);
graph::ValueId mnist_cnn(Net& net);
// Conv-norm-relu-conv-norm plus a projected shortcut, relu, global average, dense.
graph::ValueId resnet_block(Net& net, const Shape& images, int64_t filters, int64_t classes);

// Inputs that any step can train on: uniform numbers in [0, 1), and one-hot labels, drawn from
// (stream, step).
void fill_batch(const Net& net, const runtime::Executable& executable, uint64_t step);

}  // namespace pronghorn::compiler::testing
