#pragma once

#include <cstdint>

#include "graph/ops/optimizer_update.h"
#include "kernels/kernel.h"

namespace pronghorn::kernels::simd {

// An optimizer's formulas (graph/ops/optimizer_update.h), for the attributes of an update: what the
// kernel of `optimizer_update` is one loop over, and what others apply to gradients that they have
// just computed. The instruction set is chosen when it is made.
class WeightUpdate {
 public:
  static constexpr int kMostSlots = 3;

  explicit WeightUpdate(const graph::Attributes& attributes);

  // The formulas' numbers, in the precision that they are used in.
  struct Constants {
    float rate;   // learning rate; of adam and adamax with the bias corrections in it
    float decay;  // weight_decay times the learning rate, 0 for none
    float momentum, epsilon;
    float keep, take;  // rho and 1 - rho
    float beta_1, beta_2;
    float take_1, take_2;                         // 1 - beta_1, 1 - beta_2
    float of_momentum, of_gradient, of_velocity;  // nadam's factors
    float power, l1, l2, shrinkage;  // ftrl's: -learning_rate_power, l1, 2 l2 + beta / lr, ...
    float scale = 1;                 // of the gradient
  };
  // In this step.
  Constants constants(const RunContext& context) const;

  // Updates `count` weights; slots[i] is where slot i of the first one is.
  void apply(const Constants& constants, float* weights, const float* gradient, float* const* slots,
             int64_t count) const {
    update_(constants, weights, gradient, slots, static_cast<size_t>(count));
  }

  using Update = void (*)(const Constants& constants, float* weights, const float* gradient,
                          float* const* slots, size_t count);

 private:
  graph::Attributes attributes_;
  graph::OptimizerAlgorithm algorithm_;
  double weight_decay_, beta_1_, beta_2_;
  Constants fixed_{};
  Update update_;
};

}  // namespace pronghorn::kernels::simd
