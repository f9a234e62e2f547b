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
//   adamax    beta_1, beta_2, epsilon      momentum m, norm u
//                                          m += (1 - beta_1)(g - m); u = max(beta_2 u, |g|)
//                                          w -= lr / (1 - beta_1^t) m / (u + epsilon)
//   nadam     beta_1, beta_2, epsilon      momentum m, velocity v, as adam's
//                                          mu(t) = beta_1 (1 - .96^t / 2), P(t) = mu(1) ... mu(t)
//                                          n = mu(t+1) m / (1 - P(t+1)) + (1 - mu(t)) g / (1 -
//                                          P(t)) w -= lr n / (sqrt(v / (1 - beta_2^t)) + epsilon)
//   ftrl      learning_rate_power p,       accumulator a (starts at initial_accumulator_value),
//             l1, l2, l2_shrinkage, beta   linear z; b = a + g^2
//                                          z += g + 2 l2_shrinkage w - (b^-p - a^-p) / lr w; a = b
//                                          w = (clip(z, -l1, l1) - z) / ((b^-p + beta) / lr + 2 l2)
//   lion      beta_1, beta_2               momentum m
//                                          w -= lr sign(beta_1 m + (1 - beta_1) g)
//                                          m = beta_2 m + (1 - beta_2) g
// All take
//   weight_decay        w -= w weight_decay lr before the update (AdamW is adam with it);
//   scaled              not zero: one more input, the last, a scalar that g is multiplied with
//                       first (graph/ops/clip_factor.h);
//   accumulation_steps  steps of an update, of which this is the last: t counts updates.
// Adafactor, whose formulas are not element by element, is a kind of its own
// (graph/ops/adafactor_update.h).
const OpKind& optimizer_update_kind();

enum class OptimizerAlgorithm : uint8_t {
  kSgd,
  kRmsprop,
  kAdam,
  kAdadelta,
  kAdagrad,
  kAdamax,
  kNadam,
  kFtrl,
  kLion,
  kAdafactor,
};
OptimizerAlgorithm optimizer_algorithm(std::string_view name);

// The number t of the update that is made in this step, `step` others before it.
int64_t update_number(const Attributes& attributes, uint64_t step);

// Nadam's P(t), which Keras keeps as a variable (u_product) but follows from t.
double nadam_product(double beta_1, int64_t t);
// Its factors of m and g, and what v is multiplied with.
struct NadamFactors {
  double momentum, gradient, velocity;
};
NadamFactors nadam_factors(double beta_1, double beta_2, int64_t t);

// Whether there is a scalar input that gradients are multiplied with.
bool is_scaled(const Op& op);

// The slots that an update with these attributes has, in the order of its inputs, and what they
// hold before the first step.
struct OptimizerSlot {
  std::string_view name;
  double initial_value;
  Shape shape;
};
std::vector<OptimizerSlot> optimizer_slots(const Attributes& attributes,
                                           const Shape& parameter = {});

// Adds the update, of either kind; `attributes` as above, and `scale` the scalar of those that are
// scaled. Returns the parameter after it.
ValueId optimizer_update(Builder& builder, ValueId parameter, ValueId gradient,
                         const std::vector<ValueId>& slots, Attributes attributes,
                         ValueId scale = kNoValue);

}  // namespace pronghorn::graph
