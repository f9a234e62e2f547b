#include "graph/ops/optimizer_update.h"

#include "kernels/simd/simd.h"
#include "kernels/simd/weight_update.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/optimizer_update.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h, which compiles this file once per instruction set.
#include <hwy/highway.h>

#include "kernels/simd/vector-inl.h"

#ifndef PRONGHORN_KERNELS_SIMD_OPTIMIZER_UPDATE_ONCE_
#define PRONGHORN_KERNELS_SIMD_OPTIMIZER_UPDATE_ONCE_

namespace pronghorn::kernels::simd {

using UpdateConstants = WeightUpdate::Constants;
using Update = WeightUpdate::Update;

// What makes another function of an update.
struct UpdateVariant {
  graph::OptimizerAlgorithm algorithm;
  bool momentum, nesterov, centered, epsilon_outside, amsgrad;
  float power;  // ftrl's -learning_rate_power
};

}  // namespace pronghorn::kernels::simd
#endif

HWY_BEFORE_NAMESPACE();
namespace pronghorn::kernels::simd {
namespace HWY_NAMESPACE {

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

// Element by element: calls f(w, g, slots), which changes w and the slots, for vectors of them.
template <int kSlots, class F>
HWY_INLINE void update_all(const UpdateConstants& constants, float* w, const float* g,
                           float* const* slots, size_t count, F f) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  const V decay = hn::Set(d, constants.decay), scale = hn::Set(d, constants.scale);
  // One more array element than there are slots, since C++ has no empty arrays.
  V values[kSlots + 1];
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    V weight = hn::LoadU(d, w + i);
    for (int s = 0; s < kSlots; ++s) values[s] = hn::LoadU(d, slots[s] + i);
    weight = hn::NegMulAdd(weight, decay, weight);
    f(weight, hn::Mul(scale, hn::LoadU(d, g + i)), values);
    hn::StoreU(weight, d, w + i);
    for (int s = 0; s < kSlots; ++s) hn::StoreU(values[s], d, slots[s] + i);
  }
  if (i == count) return;
  const size_t rest = count - i;
  V weight = load_n(d, w + i, rest);
  for (int s = 0; s < kSlots; ++s) values[s] = load_n(d, slots[s] + i, rest);
  weight = hn::NegMulAdd(weight, decay, weight);
  f(weight, hn::Mul(scale, load_n(d, g + i, rest)), values);
  store_n(weight, d, w + i, rest);
  for (int s = 0; s < kSlots; ++s) store_n(values[s], d, slots[s] + i, rest);
}

void sgd(const UpdateConstants& c, float* w, const float* g, float* const* slots, size_t count) {
  const V rate = hn::Set(D(), c.rate);
  update_all<0>(c, w, g, slots, count, [=](V& weight, V gradient, V*) HWY_ATTR {
    weight = hn::NegMulAdd(rate, gradient, weight);
  });
}

template <bool kNesterov>
void sgd_momentum(const UpdateConstants& c, float* w, const float* g, float* const* slots,
                  size_t count) {
  const V rate = hn::Set(D(), c.rate);
  const V momentum = hn::Set(D(), c.momentum);
  update_all<1>(c, w, g, slots, count, [=](V& weight, V gradient, V* slot) HWY_ATTR {
    const V step = hn::Mul(rate, gradient);
    V& v = slot[0];
    v = hn::MulSub(momentum, v, step);
    weight = hn::Add(weight, kNesterov ? hn::MulSub(momentum, v, step) : v);
  });
}
// The slots are velocity, then momentum and average gradient where there are such.
template <bool kMomentum, bool kCentered, bool kEpsilonOutside>
void rmsprop(const UpdateConstants& c, float* w, const float* g, float* const* slots,
             size_t count) {
  const D d;
  const V rate = hn::Set(d, c.rate), momentum = hn::Set(d, c.momentum);
  const V keep = hn::Set(d, c.keep), take = hn::Set(d, c.take);
  const V epsilon = hn::Set(d, c.epsilon);
  update_all<1 + kMomentum + kCentered>(
      c, w, g, slots, count, [=](V& weight, V gradient, V* slot) HWY_ATTR {
        V& v = slot[0];
        v = hn::MulAdd(keep, v, hn::Mul(hn::Mul(take, gradient), gradient));
        V variance = v;
        if constexpr (kCentered) {
          V& a = slot[1 + kMomentum];
          a = hn::MulAdd(keep, a, hn::Mul(take, gradient));
          variance = hn::NegMulAdd(a, a, variance);
        }
        const V root = kEpsilonOutside ? hn::Add(hn::Sqrt(variance), epsilon)
                                       : hn::Sqrt(hn::Add(variance, epsilon));
        V step = hn::Div(hn::Mul(rate, gradient), root);
        if constexpr (kMomentum) step = slot[1] = hn::MulAdd(momentum, slot[1], step);
        weight = hn::Sub(weight, step);
      });
}

template <bool kAmsgrad>
void adam(const UpdateConstants& c, float* w, const float* g, float* const* slots, size_t count) {
  const D d;
  const V rate = hn::Set(d, c.rate), epsilon = hn::Set(d, c.epsilon);
  const V take_1 = hn::Set(d, c.take_1), take_2 = hn::Set(d, c.take_2);
  update_all<2 + kAmsgrad>(c, w, g, slots, count, [=](V& weight, V gradient, V* slot) HWY_ATTR {
    V& m = slot[0];
    V& v = slot[1];
    m = hn::MulAdd(take_1, hn::Sub(gradient, m), m);
    v = hn::MulAdd(take_2, hn::MulSub(gradient, gradient, v), v);
    if constexpr (kAmsgrad) slot[2] = hn::Max(slot[2], v);
    const V root = hn::Add(hn::Sqrt(kAmsgrad ? slot[1 + kAmsgrad] : v), epsilon);
    weight = hn::Sub(weight, hn::Div(hn::Mul(rate, m), root));
  });
}
void adadelta(const UpdateConstants& c, float* w, const float* g, float* const* slots,
              size_t count) {
  const D d;
  const V rate = hn::Set(d, c.rate), epsilon = hn::Set(d, c.epsilon);
  const V keep = hn::Set(d, c.keep), take = hn::Set(d, c.take);
  update_all<2>(c, w, g, slots, count, [=](V& weight, V gradient, V* slot) HWY_ATTR {
    V& a = slot[0];
    V& x = slot[1];
    a = hn::MulAdd(keep, a, hn::Mul(hn::Mul(take, gradient), gradient));
    const V delta =
        hn::Div(hn::Mul(gradient, hn::Sqrt(hn::Add(x, epsilon))), hn::Sqrt(hn::Add(a, epsilon)));
    x = hn::MulAdd(keep, x, hn::Mul(hn::Mul(take, delta), delta));
    weight = hn::NegMulAdd(rate, delta, weight);
  });
}

void adagrad(const UpdateConstants& c, float* w, const float* g, float* const* slots,
             size_t count) {
  const D d;
  const V rate = hn::Set(d, c.rate), epsilon = hn::Set(d, c.epsilon);
  update_all<1>(c, w, g, slots, count, [=](V& weight, V gradient, V* slot) HWY_ATTR {
    V& a = slot[0];
    a = hn::MulAdd(gradient, gradient, a);
    weight = hn::Sub(weight, hn::Div(hn::Mul(rate, gradient), hn::Sqrt(hn::Add(a, epsilon))));
  });
}

void adamax(const UpdateConstants& c, float* w, const float* g, float* const* slots, size_t count) {
  const D d;
  const V rate = hn::Set(d, c.rate), epsilon = hn::Set(d, c.epsilon);
  const V take_1 = hn::Set(d, c.take_1), beta_2 = hn::Set(d, c.beta_2);
  update_all<2>(c, w, g, slots, count, [=](V& weight, V gradient, V* slot) HWY_ATTR {
    V& m = slot[0];
    V& u = slot[1];
    m = hn::MulAdd(take_1, hn::Sub(gradient, m), m);
    u = hn::Max(hn::Mul(beta_2, u), hn::Abs(gradient));
    weight = hn::Sub(weight, hn::Div(hn::Mul(rate, m), hn::Add(u, epsilon)));
  });
}

void nadam(const UpdateConstants& c, float* w, const float* g, float* const* slots, size_t count) {
  const D d;
  const V rate = hn::Set(d, c.rate), epsilon = hn::Set(d, c.epsilon);
  const V take_1 = hn::Set(d, c.take_1), take_2 = hn::Set(d, c.take_2);
  const V of_momentum = hn::Set(d, c.of_momentum), of_gradient = hn::Set(d, c.of_gradient);
  const V of_velocity = hn::Set(d, c.of_velocity);
  update_all<2>(c, w, g, slots, count, [=](V& weight, V gradient, V* slot) HWY_ATTR {
    V& m = slot[0];
    V& v = slot[1];
    m = hn::MulAdd(take_1, hn::Sub(gradient, m), m);
    v = hn::MulAdd(take_2, hn::MulSub(gradient, gradient, v), v);
    const V next = hn::MulAdd(of_momentum, m, hn::Mul(of_gradient, gradient));
    const V root = hn::Add(hn::Sqrt(hn::Mul(v, of_velocity)), epsilon);
    weight = hn::Sub(weight, hn::Div(hn::Mul(rate, next), root));
  });
}

// x^power of what is not negative; the usual power is 1/2.
template <bool kRoot>
HWY_INLINE V power_of(V x, V power) {
  if constexpr (kRoot) return hn::Sqrt(x);
  const D d;
  // Highway's logarithm is none of zero and of NaN.
  const V result = exp(d, hn::Mul(power, hn::Log(d, x)));
  const V of_zero = hn::IfThenElseZero(hn::Eq(power, hn::Zero(d)), hn::Set(d, 1.0f));
  return hn::IfThenElse(hn::IsNaN(x), x, hn::IfThenElse(hn::Eq(x, hn::Zero(d)), of_zero, result));
}

template <bool kRoot>
void ftrl(const UpdateConstants& c, float* w, const float* g, float* const* slots, size_t count) {
  const D d;
  const V rate = hn::Set(d, c.rate), power = hn::Set(d, c.power);
  const V l1 = hn::Set(d, c.l1), l2 = hn::Set(d, c.l2), shrinkage = hn::Set(d, c.shrinkage);
  update_all<2>(c, w, g, slots, count, [=](V& weight, V gradient, V* slot) HWY_ATTR {
    V& a = slot[0];
    V& z = slot[1];
    const V before = power_of<kRoot>(a, power);
    a = hn::MulAdd(gradient, gradient, a);
    const V after = power_of<kRoot>(a, power);
    const V sigma = hn::Div(hn::Sub(after, before), rate);
    z = hn::Add(z, hn::MulAdd(shrinkage, weight, hn::NegMulAdd(sigma, weight, gradient)));
    const V clipped = hn::Min(hn::Max(z, hn::Neg(l1)), l1);
    weight = hn::Div(hn::Sub(clipped, z), hn::Add(hn::Div(after, rate), l2));
  });
}

void lion(const UpdateConstants& c, float* w, const float* g, float* const* slots, size_t count) {
  const D d;
  const V rate = hn::Set(d, c.rate), zero = hn::Zero(d);
  const V beta_1 = hn::Set(d, c.beta_1), take_1 = hn::Set(d, c.take_1);
  const V beta_2 = hn::Set(d, c.beta_2), take_2 = hn::Set(d, c.take_2);
  update_all<1>(c, w, g, slots, count, [=](V& weight, V gradient, V* slot) HWY_ATTR {
    V& m = slot[0];
    const V direction = hn::MulAdd(beta_1, m, hn::Mul(take_1, gradient));
    // Zero, or no number, as it is.
    const V step = hn::IfThenElse(hn::Or(hn::Gt(direction, zero), hn::Lt(direction, zero)),
                                  hn::CopySign(rate, direction), direction);
    weight = hn::Sub(weight, step);
    m = hn::MulAdd(beta_2, m, hn::Mul(take_2, gradient));
  });
}

// The function for these attributes.
Update choose_update(const UpdateVariant& variant) {
  switch (variant.algorithm) {
    case graph::OptimizerAlgorithm::kSgd:
      if (!variant.momentum) return &sgd;
      return variant.nesterov ? &sgd_momentum<true> : &sgd_momentum<false>;
    case graph::OptimizerAlgorithm::kRmsprop: {
      constexpr Update kVariants[2][2][2] = {
          {{&rmsprop<false, false, false>, &rmsprop<false, false, true>},
           {&rmsprop<false, true, false>, &rmsprop<false, true, true>}},
          {{&rmsprop<true, false, false>, &rmsprop<true, false, true>},
           {&rmsprop<true, true, false>, &rmsprop<true, true, true>}}};
      return kVariants[variant.momentum][variant.centered][variant.epsilon_outside];
    }
    case graph::OptimizerAlgorithm::kAdam:
      return variant.amsgrad ? &adam<true> : &adam<false>;
    case graph::OptimizerAlgorithm::kAdadelta:
      return &adadelta;
    case graph::OptimizerAlgorithm::kAdagrad:
      return &adagrad;
    case graph::OptimizerAlgorithm::kAdamax:
      return &adamax;
    case graph::OptimizerAlgorithm::kNadam:
      return &nadam;
    case graph::OptimizerAlgorithm::kFtrl:
      return variant.power == 0.5f ? &ftrl<true> : &ftrl<false>;
    case graph::OptimizerAlgorithm::kLion:
      return &lion;
    case graph::OptimizerAlgorithm::kAdafactor:
      break;  // a kind of its own
  }
  return nullptr;
}

}  // namespace HWY_NAMESPACE
}  // namespace pronghorn::kernels::simd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include <cmath>
#include <memory>

#include "kernels/simd/dispatch.h"

namespace pronghorn::kernels::simd {
namespace {

using graph::OptimizerAlgorithm;

HWY_EXPORT(choose_update);

// Weights that a thread takes at a time: as in elementwise.cc, but each is more work.
constexpr int64_t kGrain = 8192;

class UpdateKernel final : public Kernel {
 public:
  explicit UpdateKernel(const KernelCase& kernel_case)
      : update_(kernel_case.op.attributes),
        elements_(kernel_case.input(0).shape.elements()),
        scaled_(graph::is_scaled(kernel_case.op)),
        slots_count_(static_cast<int>(kernel_case.op.inputs.size()) - 2 - scaled_) {}

  void bind(const Buffers& buffers) override {
    weights_ = buffers.output(0);
    gradient_ = buffers.input(1);
    for (int slot = 0; slot < slots_count_; ++slot) slots_[slot] = buffers.output(slot + 1);
    if (scaled_) scale_ = buffers.input(slots_count_ + 2);
  }

  void run(const RunContext& context) override {
    UpdateConstants constants = update_.constants(context);
    if (scaled_) constants.scale = *scale_;
    context.parallel.for_ranges(elements_, kGrain, [&](int64_t begin, int64_t end) {
      float* slots[WeightUpdate::kMostSlots];
      for (int slot = 0; slot < slots_count_; ++slot) slots[slot] = slots_[slot] + begin;
      update_.apply(constants, weights_ + begin, gradient_ + begin, slots, end - begin);
    });
  }

 private:
  WeightUpdate update_;
  int64_t elements_;
  bool scaled_;
  int slots_count_;
  float* weights_ = nullptr;
  const float* gradient_ = nullptr;
  const float* scale_ = nullptr;
  float* slots_[WeightUpdate::kMostSlots] = {};
};

class OptimizerUpdate final : public Implementation {
 public:
  std::string_view name() const override { return "simd.optimizer_update"; }
  Family family() const override { return Family::kSimd; }
  Execution execution(const KernelCase& kernel_case) const override {
    Execution execution = Implementation::execution(kernel_case);
    execution.tasks = (kernel_case.input(0).shape.elements() + kGrain - 1) / kGrain;
    return execution;
  }
  std::unique_ptr<Kernel> create(const KernelCase& kernel_case) const override {
    return std::make_unique<UpdateKernel>(kernel_case);
  }
};

double real(const graph::Attributes& attributes, std::string_view name) {
  return attributes.has(name) ? attributes.real(name) : 0.0;
}

bool flag(const graph::Attributes& attributes, std::string_view name) {
  return attributes.has(name) && attributes.integer(name) != 0;
}

}  // namespace

WeightUpdate::WeightUpdate(const graph::Attributes& attributes)
    : attributes_(attributes),
      algorithm_(graph::optimizer_algorithm(attributes.text("optimizer"))),
      weight_decay_(real(attributes, "weight_decay")),
      beta_1_(real(attributes, "beta_1")),
      beta_2_(real(attributes, "beta_2")) {
  const double rho = real(attributes, "rho"), momentum = real(attributes, "momentum");
  fixed_.momentum = static_cast<float>(momentum);
  fixed_.epsilon = static_cast<float>(real(attributes, "epsilon"));
  fixed_.keep = static_cast<float>(rho);
  fixed_.take = static_cast<float>(1 - rho);
  fixed_.beta_1 = static_cast<float>(beta_1_);
  fixed_.beta_2 = static_cast<float>(beta_2_);
  fixed_.power = static_cast<float>(-real(attributes, "learning_rate_power"));
  fixed_.l1 = static_cast<float>(real(attributes, "l1"));
  fixed_.shrinkage = static_cast<float>(2 * real(attributes, "l2_shrinkage"));
  fixed_.take_1 = static_cast<float>(1 - beta_1_);
  fixed_.take_2 = static_cast<float>(1 - beta_2_);
  choose_target();
  update_ = HWY_DYNAMIC_DISPATCH(choose_update)(
      {algorithm_, momentum != 0, flag(attributes, "nesterov"), flag(attributes, "centered"),
       flag(attributes, "epsilon_outside"), flag(attributes, "amsgrad"), fixed_.power});
}

WeightUpdate::Constants WeightUpdate::constants(const RunContext& context) const {
  Constants constants = fixed_;
  constants.decay = static_cast<float>(weight_decay_ * context.learning_rate);
  constants.rate = context.learning_rate;
  const int64_t update = graph::update_number(attributes_, context.step);
  const double t = static_cast<double>(update);
  switch (algorithm_) {
    case OptimizerAlgorithm::kAdam:
      constants.rate = static_cast<float>(
          context.learning_rate * std::sqrt(1 - std::pow(beta_2_, t)) / (1 - std::pow(beta_1_, t)));
      break;
    case OptimizerAlgorithm::kAdamax:
      constants.rate = static_cast<float>(context.learning_rate / (1 - std::pow(beta_1_, t)));
      break;
    case OptimizerAlgorithm::kNadam: {
      const graph::NadamFactors factors = graph::nadam_factors(beta_1_, beta_2_, update);
      constants.of_momentum = static_cast<float>(factors.momentum);
      constants.of_gradient = static_cast<float>(factors.gradient);
      constants.of_velocity = static_cast<float>(factors.velocity);
      break;
    }
    case OptimizerAlgorithm::kFtrl:
      constants.l2 = static_cast<float>(2 * real(attributes_, "l2") +
                                        real(attributes_, "beta") / context.learning_rate);
      break;
    default:
      break;
  }
  return constants;
}

const Implementation& optimizer_update() {
  static const OptimizerUpdate implementation;
  return implementation;
}

}  // namespace pronghorn::kernels::simd

#endif  // HWY_ONCE
