#pragma once

#include <optional>
#include <string>

#include "graph/ops/recurrence.h"
#include "model/layer.h"

namespace pronghorn::model {

struct RecurrentArguments {
  graph::Cell cell;
  int64_t units;
  std::string activation, recurrent_activation;
  bool use_bias, unit_forget_bias, reset_after;
  bool return_sequences, go_backwards;
  double dropout;
  std::optional<int64_t> seed;
  WeightArguments kernel, recurrent, bias;
};

// SimpleRNN, LSTM, GRU: sequences (steps, features) to the hidden state after the last step
// (units), or after each (steps, units). Weights, under the name of the cell ("lstm_cell/kernel"):
// kernel (features, G units), recurrent_kernel (units, G units), bias (G units; of a GRU that
// resets after the product (2, G units)). Keras's order of the G parts: LSTM input, forget,
// candidate, output; GRU update, reset, candidate.
class Recurrent final : public Layer {
 public:
  explicit Recurrent(RecurrentArguments arguments) : arguments_(std::move(arguments)) {}

  const RecurrentArguments& arguments() const { return arguments_; }
  std::string_view class_name() const override;
  nlohmann::ordered_json config() const override;
  Shape output_shape(std::span<const Shape> inputs) const override;
  graph::ValueId lower(Lowering& lowering, std::span<const graph::ValueId> inputs) const override {
    return lower(lowering, inputs[0], /*aligned=*/false);
  }
  // With `aligned` a layer that goes backwards gives its outputs in the order of its inputs.
  graph::ValueId lower(Lowering& lowering, graph::ValueId input, bool aligned) const;

 protected:
  void build(std::span<const Shape> inputs) override;

 private:
  int64_t parts() const;
  // Whether the recurrence adds the bias, not the product before it.
  bool bias_in_recurrence() const {
    return arguments_.use_bias && arguments_.cell == graph::Cell::kGru && arguments_.reset_after;
  }

  RecurrentArguments arguments_;
};

}  // namespace pronghorn::model
