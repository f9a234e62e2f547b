#include "compiler/weight_updates.h"

#include <algorithm>

#include "graph/ops/accumulate_gradient.h"
#include "graph/ops/clip_factor.h"
#include "graph/ops/constrain.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/moving_average.h"
#include "graph/ops/optimizer_update.h"
#include "graph/ops/sum_of_powers.h"
#include "model/functional.h"

namespace pronghorn::compiler {

using graph::kNoValue;
using graph::ValueId;

namespace {

// One step's updates, being written.
class Updates {
 public:
  Updates(graph::Builder& builder, const WeightUpdates& updates,
          std::vector<ExternalValue>& external)
      : builder_(builder),
        state_(updates.state),
        optimizer_(updates.state.optimizer()),
        only_accumulate_(updates.only_accumulate),
        external_(external) {}

  void add(std::span<const model::Model::Lowered::Bound> weights,
           std::span<const ValueId> gradients) {
    std::vector<ValueId> ready(gradients.begin(), gradients.end());
    if (optimizer_.gradient_accumulation_steps > 1)
      for (size_t i = 0; i < weights.size(); ++i)
        if (ready[i] != kNoValue) ready[i] = accumulate(i, weights[i], ready[i]);
    const std::vector<ValueId> factors = clip(weights, ready);
    for (size_t i = 0; i < weights.size(); ++i) {
      builder_.set_layer(weights[i].layer);
      ValueId parameter = weights[i].value;
      if (ready[i] != kNoValue) parameter = update(i, parameter, ready[i], factors[i]);
      if (optimizer_.use_ema) parameter = average(i, parameter);
      if (const auto& constraint = weights[i].weight->constraint) constrain(parameter, *constraint);
    }
  }

 private:
  ValueId state(ValueId weight, const std::string& name, const Shape& shape, float* data) {
    const ValueId value = builder_.add_value(builder_.graph().value(weight).name + "/" + name,
                                             shape, graph::ValueRole::kState);
    external_.push_back({value, data});
    return value;
  }

  Shape shape_of(ValueId value) const { return builder_.graph().value(value).shape; }

  // The mean gradient; none in a step that only accumulates.
  ValueId accumulate(size_t i, const model::Model::Lowered::Bound& bound, ValueId gradient) {
    builder_.set_layer(bound.layer);
    const ValueId weight = bound.value;
    const int64_t steps = optimizer_.gradient_accumulation_steps;
    const ValueId sum =
        state(weight, "accumulator", shape_of(weight), state_.accumulators()[i].floats());
    if (!only_accumulate_) return graph::take_from_accumulator(builder_, sum, gradient, steps);
    graph::add_to_accumulator(builder_, sum, gradient, steps);
    return kNoValue;
  }

  // Clips elements, or finds the scalars that gradients are to be multiplied with.
  std::vector<ValueId> clip(std::span<const model::Model::Lowered::Bound> weights,
                            std::vector<ValueId>& gradients) {
    std::vector<ValueId> factors(gradients.size(), kNoValue);
    std::vector<ValueId> sums;
    for (size_t i = 0; i < gradients.size(); ++i) {
      if (gradients[i] == kNoValue) continue;
      builder_.set_layer(weights[i].layer);
      if (optimizer_.clipvalue > 0)
        gradients[i] = graph::elementwise(builder_, gradients[i],
                                          {.function = graph::StageFunction::kClip,
                                           .alpha = -optimizer_.clipvalue,
                                           .beta = optimizer_.clipvalue});
      if (optimizer_.clipnorm == 0 && optimizer_.global_clipnorm == 0) continue;
      sums.push_back(graph::sum_of_powers(builder_, gradients[i], 0, 1));
      if (optimizer_.clipnorm > 0)
        factors[i] = graph::clip_factor(builder_, {sums.back()}, optimizer_.clipnorm, false);
    }
    if (optimizer_.global_clipnorm > 0 && !sums.empty()) {
      builder_.set_layer("");
      const ValueId factor =
          graph::clip_factor(builder_, sums, optimizer_.global_clipnorm, /*global=*/true);
      for (size_t i = 0; i < gradients.size(); ++i)
        if (gradients[i] != kNoValue) factors[i] = factor;
    }
    return factors;
  }

  ValueId update(size_t i, ValueId parameter, ValueId gradient, ValueId factor) {
    std::vector<ValueId> slots;
    for (OptimizerState::Slot& slot : state_.slots(i))
      slots.push_back(state(parameter, slot.name, slot.shape, slot.buffer.floats()));
    return graph::optimizer_update(builder_, parameter, gradient, slots, state_.attributes(),
                                   factor);
  }

  ValueId average(size_t i, ValueId parameter) {
    const Shape shape = shape_of(parameter);
    const ValueId average = state(parameter, "average", shape, state_.averages()[i].floats());
    return graph::moving_average(builder_, parameter, average,
                                 {optimizer_.ema_momentum, optimizer_.ema_overwrite_frequency,
                                  std::max<int64_t>(1, optimizer_.gradient_accumulation_steps)})
        .first;
  }

  void constrain(ValueId parameter, const model::Constraint& constraint) {
    graph::constrain(builder_, parameter,
                     {{"function", model::snake_case(constraint.class_name)},
                      {"axes", constraint.axes_of(shape_of(parameter))},
                      {"min_value", constraint.min_value},
                      {"max_value", constraint.max_value},
                      {"rate", constraint.rate}});
  }

  graph::Builder& builder_;
  OptimizerState& state_;
  const Optimizer& optimizer_;
  bool only_accumulate_;
  std::vector<ExternalValue>& external_;
};

}  // namespace

void add_weight_updates(graph::Builder& builder,
                        std::span<const model::Model::Lowered::Bound> weights,
                        std::span<const ValueId> gradients, const WeightUpdates& updates,
                        std::vector<ExternalValue>& external) {
  builder.set_phase(graph::Phase::kUpdate);
  Updates(builder, updates, external).add(weights, gradients);
}

}  // namespace pronghorn::compiler
