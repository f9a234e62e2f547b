#pragma once

#include <string_view>
#include <vector>

#include "graph/builder.h"
#include "graph/op_kind.h"

namespace pronghorn::graph {

// One weight's update by an optimizer, in place, with the formulas of Keras 3
// (keras/src/optimizers): parameter, gradient, slots... -> parameter, slots...
//
// The attribute `optimizer` and, for each, its other attributes and its slots in Keras's order
// (g gradient, w weight, lr the step's learning rate, t the step's number from 1):
//   sgd       momentum, nesterov           [momentum v]   v = momentum v - lr g; w += v
//                                          nesterov:      w += momentum v - lr g
//   rmsprop   rho, momentum, epsilon,      velocity v, [momentum m], [average_gradient a]
//             centered, epsilon_outside    v = rho v + (1 - rho) g^2
//                                          step = lr g / sqrt(v - a^2 + epsilon), a^2 if centered
//                                          w -= step, or m = momentum m + step; w -= m
//                                          epsilon_outside (Keras 2): lr g / (sqrt(v) + epsilon)
//   adam      beta_1, beta_2, epsilon,     momentum m, velocity v, [velocity_hat h]
//             amsgrad                      m += (1 - beta_1)(g - m); v += (1 - beta_2)(g^2 - v)
//                                          w -= lr sqrt(1 - beta_2^t) / (1 - beta_1^t)
//                                               m / (sqrt(v) + epsilon); amsgrad: h = max(h, v)
//   adadelta  rho, epsilon                 accumulated_gradient a, accumulated_delta x
//                                          a = rho a + (1 - rho) g^2
//                                          d = -g sqrt(x + epsilon) / sqrt(a + epsilon)
//                                          x = rho x + (1 - rho) d^2; w += lr d
//   adagrad   epsilon                      accumulator a (starts at initial_accumulator_value)
//                                          a += g^2; w -= lr g / sqrt(a + epsilon)
// All take weight_decay: w -= w weight_decay lr before the update (AdamW is adam with it).
const OpKind& optimizer_update_kind();

enum class OptimizerAlgorithm : uint8_t { kSgd, kRmsprop, kAdam, kAdadelta, kAdagrad };
OptimizerAlgorithm optimizer_algorithm(std::string_view name);

// The slots that an update with these attributes has, in the order of its inputs, and what they
// hold before the first step.
struct OptimizerSlot {
  std::string_view name;
  double initial_value;
};
std::vector<OptimizerSlot> optimizer_slots(const Attributes& attributes);

// Adds the update; `attributes` as above.
void optimizer_update(Builder& builder, ValueId parameter, ValueId gradient,
                      const std::vector<ValueId>& slots, Attributes attributes);

}  // namespace pronghorn::graph
