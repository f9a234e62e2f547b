#include "model/model.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/random_streams.h"

namespace pronghorn::model {

std::vector<Layer*> Model::layers() const {
  std::vector<Layer*> layers;
  std::set<const Layer*> seen;
  for (const Node& node : nodes)
    if (seen.insert(node.layer.get()).second) layers.push_back(node.layer.get());
  return layers;
}

std::vector<Model::NamedWeight> Model::weights() const {
  std::vector<NamedWeight> weights;
  for (Layer* layer : layers())
    for (Weight& weight : layer->weights())
      weights.push_back({fmt::format("{}/{}", layer->name(), weight.name), layer, &weight});
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
  std::vector<graph::ValueId> values;
  std::map<const Layer*, std::vector<graph::ValueId>> weights;
  builder.set_phase(graph::Phase::kForward);
  for (const Node& node : nodes) {
    Layer& layer = *node.layer;
    if (node.inputs.empty()) {
      values.push_back(
          builder.add_value(layer.name(), node.shape.with_batch(batch), graph::ValueRole::kInput));
      continue;
    }
    const auto [entry, first_call] = weights.try_emplace(&layer);
    if (first_call) {
      for (Weight& weight : layer.weights()) {
        const bool trainable = weight.trainable && layer.trainable();
        entry->second.push_back(
            builder.add_value(fmt::format("{}/{}", layer.name(), weight.name), weight.shape,
                              trainable ? graph::ValueRole::kParameter : graph::ValueRole::kState));
        lowered.weights.push_back({entry->second.back(), &weight, trainable});
      }
    }
    builder.set_layer(layer.name());
    // Each call has random numbers of its own, also of a layer that is called twice.
    Lowering lowering{builder, training, random_stream(RandomUse::kDropout, values.size()),
                      entry->second};
    std::vector<graph::ValueId> arguments;
    for (int input : node.inputs) arguments.push_back(values[static_cast<size_t>(input)]);
    values.push_back(layer.lower(lowering, arguments));
  }
  builder.set_layer("");
  for (int input : inputs) lowered.inputs.push_back(values[static_cast<size_t>(input)]);
  for (int output : outputs) lowered.outputs.push_back(values[static_cast<size_t>(output)]);
  return lowered;
}

}  // namespace pronghorn::model
