#include "model/model.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/random_streams.h"
#include "graph/ops/sum_of_powers.h"

namespace pronghorn::model {

std::vector<Layer*> Model::layers() const {
  std::vector<Layer*> layers;
  std::set<const Layer*> seen;
  for (const Node& node : nodes)
    if (seen.insert(node.layer.get()).second) layers.push_back(node.layer.get());
  return layers;
}

namespace {

void add_weights(const Model& model, const std::string& prefix, std::set<const Layer*>& seen,
                 std::vector<Model::NamedWeight>& weights) {
  for (Layer* layer : model.layers()) {
    if (!seen.insert(layer).second) continue;  // shared with another model
    const std::string name = prefix + layer->name();
    if (const Model* nested = layer->nested_model(); nested != nullptr)
      add_weights(*nested, name + "/", seen, weights);
    for (Weight& weight : layer->weights())
      weights.push_back({fmt::format("{}/{}", name, weight.name), layer, &weight});
  }
}

// A walk over a model's calls, and over those of the models that are its layers, that lowers each.
class LoweringWalk {
 public:
  LoweringWalk(graph::Builder& builder, int64_t batch, bool training, Model::Lowered& lowered)
      : builder_(builder), batch_(batch), training_(training), lowered_(lowered) {}

  // Returns the values of all nodes; `inputs` are none for the outermost model, which makes them.
  std::vector<graph::ValueId> walk(const Model& model, std::span<const graph::ValueId> inputs,
                                   const std::string& prefix) {
    std::vector<graph::ValueId> values;
    for (const Model::Node& node : model.nodes) {
      // Each call has random numbers of its own, also of a layer that is called twice.
      const uint64_t number = calls_++;
      const auto place = static_cast<int>(values.size());
      if (node.inputs.empty()) {
        values.push_back(inputs.empty() ? add_input(node) : inputs[input_number(model, place)]);
        continue;
      }
      std::vector<graph::ValueId> arguments;
      for (int input : node.inputs) arguments.push_back(values[static_cast<size_t>(input)]);
      values.push_back(call(*node.layer, arguments, prefix, number));
    }
    return values;
  }

 private:
  static size_t input_number(const Model& model, int node) {
    const auto found = std::find(model.inputs.begin(), model.inputs.end(), node);
    return static_cast<size_t>(found - model.inputs.begin());
  }

  graph::ValueId add_input(const Model::Node& node) {
    return builder_.add_value(node.layer->name(), node.shape.with_batch(batch_),
                              graph::ValueRole::kInput);
  }

  graph::ValueId call(Layer& layer, const std::vector<graph::ValueId>& arguments,
                      const std::string& prefix, uint64_t number) {
    const std::string name = prefix + layer.name();
    graph::ValueId value;
    if (const Model* nested = layer.nested_model(); nested != nullptr) {
      const std::vector<graph::ValueId> values = walk(*nested, arguments, name + "/");
      value = values[static_cast<size_t>(nested->outputs[0])];
    } else {
      const std::vector<graph::ValueId>& weights = weights_of(layer, name);
      builder_.set_layer(name);
      Lowering lowering{builder_, training_, random_stream(RandomUse::kDropout, number), weights};
      value = layer.lower(lowering, arguments);
    }
    if (const auto& regularizer = layer.activity_regularizer()) {
      builder_.set_layer(name);
      const double each = 1 / static_cast<double>(batch_);
      lowered_.penalties.push_back(
          graph::sum_of_powers(builder_, value, regularizer->l1 * each, regularizer->l2 * each));
    }
    return value;
  }

  const std::vector<graph::ValueId>& weights_of(Layer& layer, const std::string& name) {
    const auto [entry, first_call] = weights_.try_emplace(&layer);
    if (!first_call) return entry->second;
    for (Weight& weight : layer.weights()) {
      const bool trainable = weight.trainable && layer.trainable();
      entry->second.push_back(
          builder_.add_value(fmt::format("{}/{}", name, weight.name), weight.shape,
                             trainable ? graph::ValueRole::kParameter : graph::ValueRole::kState));
      lowered_.weights.push_back({entry->second.back(), &weight, trainable, name});
    }
    return entry->second;
  }

  graph::Builder& builder_;
  int64_t batch_;
  bool training_;
  Model::Lowered& lowered_;
  std::map<const Layer*, std::vector<graph::ValueId>> weights_;
  uint64_t calls_ = 0;
};

}  // namespace

std::vector<Model::NamedWeight> Model::weights() const {
  std::vector<NamedWeight> weights;
  std::set<const Layer*> seen;
  add_weights(*this, "", seen, weights);
  return weights;
}

int64_t Model::count_params() const {
  int64_t count = 0;
  for (const NamedWeight& weight : weights()) count += weight.weight->shape.elements();
  return count;
}

void Model::initialize(uint64_t seed) {
  uint64_t number = 0;
  for (const NamedWeight& named : weights()) {
    const Weight& weight = *named.weight;
    model::initialize(weight.initializer, weight.shape, seed,
                      random_stream(RandomUse::kInitialWeight, number++),
                      {weight.values(), static_cast<size_t>(weight.shape.elements())});
    std::fill(weight.values() + weight.ones.begin, weight.values() + weight.ones.end, 1.0f);
  }
  initialized = true;
}

Model::Lowered Model::lower(graph::Builder& builder, int64_t batch, bool training) const {
  Lowered lowered;
  builder.set_phase(graph::Phase::kForward);
  const std::vector<graph::ValueId> values =
      LoweringWalk(builder, batch, training, lowered).walk(*this, {}, "");
  builder.set_layer("");
  for (int input : inputs) lowered.inputs.push_back(values[static_cast<size_t>(input)]);
  for (int output : outputs) lowered.outputs.push_back(values[static_cast<size_t>(output)]);
  return lowered;
}

}  // namespace pronghorn::model
