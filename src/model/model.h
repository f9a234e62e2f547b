#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "graph/builder.h"
#include "model/layer.h"
#include "model/training_state.h"
#include "pronghorn/compile_config.h"

namespace pronghorn::model {

// A model as the library's folders see it: layers called on each other's outputs. The public class
// pronghorn::Model wraps one.
class Model {
 public:
  // One call of a layer; node i comes after the nodes it takes its inputs from. Input layers are
  // nodes without inputs.
  struct Node {
    std::shared_ptr<Layer> layer;
    std::vector<int> inputs;
    Shape shape;  // of its output, without the batch
  };

  std::string name;
  bool sequential = false;
  std::vector<Node> nodes;
  std::vector<int> inputs;
  std::vector<int> outputs;
  // What Keras calls them where it was given dictionaries of them; else empty. Then fit and predict
  // there take and give dictionaries.
  std::vector<std::string> input_keys = {};
  std::vector<std::string> output_keys = {};
  // Weights hold initial values, trained ones, or loaded ones; false until the first of these.
  bool initialized = false;
  // The compile_config of the file that the model was read from
  // (compile_config_from_json in model/compile_config.h).
  std::optional<CompileConfig> file_config;
  // The same as it stood there, to be written back; empty where there was none.
  std::string file_config_json;
  // What the file knows of the training that made the weights; the next compile() with the same
  // optimizer takes it up.
  std::optional<TrainingState> training_state;
  // The file's images were channels-first (Keras 1 and 2 know such layers); files of weights for it
  // have them so too.
  bool channels_first_file = false;

  // Each layer once, in the order of its first call.
  std::vector<Layer*> layers() const;
  // In Keras's order: layer by layer, each layer's weights in their order; those of a model inside
  // of this one in the place of the layer that it is, as "encoder/dense/kernel".
  struct NamedWeight {
    std::string name;  // "conv2d/kernel"
    Layer* layer;
    Weight* weight;
  };
  std::vector<NamedWeight> weights() const;
  int64_t count_params() const;

  // Draws all weights from `seed`; each weight has a stream of its own.
  void initialize(uint64_t seed);

  // The model as ops of a step of `batch` samples, appended to the builder's graph.
  struct Lowered {
    std::vector<graph::ValueId> inputs;
    std::vector<graph::ValueId> outputs;
    // Values of role kParameter or kState and the weights that they are.
    struct Bound {
      graph::ValueId value;
      Weight* weight;
      bool trainable;     // weight and layer both
      std::string layer;  // as ops have it
    };
    std::vector<Bound> weights;
    // The activity regularizers' penalties, scalars that join the loss.
    std::vector<graph::ValueId> penalties;
  };
  Lowered lower(graph::Builder& builder, int64_t batch, bool training) const;
};

}  // namespace pronghorn::model
