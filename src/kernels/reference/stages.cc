#include "kernels/reference/stages.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/philox.h"
#include "graph/ops/elementwise.h"
#include "kernels/reference/loop_kernel.h"

namespace pronghorn::kernels::reference {
namespace {

using graph::StageFunction;

template <class T>
T sigmoid(T x) {
  return 1 / (1 + std::exp(-x));
}

// The standard normal distribution and its density.
template <class T>
T normal_cdf(T x) {
  return (1 + std::erf(x / std::numbers::sqrt2_v<T>)) / 2;
}
template <class T>
T normal_density(T x) {
  return std::exp(-x * x / 2) * std::numbers::inv_sqrtpi_v<T> / std::numbers::sqrt2_v<T>;
}

// Gelu's approximation is x/2 (1 + tanh(u)), u = sqrt(2/pi) (x + 0.044715 x^3).
template <class T>
T gelu_inner(T x) {
  const T scale = std::numbers::sqrt2_v<T> * std::numbers::inv_sqrtpi_v<T>;
  return scale * (x + T(0.044715) * x * x * x);
}
template <class T>
T gelu_inner_slope(T x) {
  const T scale = std::numbers::sqrt2_v<T> * std::numbers::inv_sqrtpi_v<T>;
  return scale * (1 + 3 * T(0.044715) * x * x);
}

// tanh(log(1 + exp(x))) = n / (n + 2), n = exp(x) (exp(x) + 2); beyond 20 it is 1.
template <class T>
T mish_gate(T x) {
  const T e = std::exp(std::min(x, T(20)));
  const T n = e * (e + 2);
  return n / (n + 2);
}

}  // namespace

template <class T>
T apply_stage(const graph::Stage& stage, T x, T o) {
  const T alpha = static_cast<T>(stage.alpha);
  const T beta = static_cast<T>(stage.beta), gamma = static_cast<T>(stage.gamma);
  switch (stage.function) {
    case StageFunction::kBiasAdd:
    case StageFunction::kAdd:
      return x + o;
    case StageFunction::kMultiply:
      return x * o;
    case StageFunction::kMaximum:
      return x < o ? o : x;
    case StageFunction::kMinimum:
      return o < x ? o : x;
    case StageFunction::kAddSign:
      return x + (o > 0 ? alpha : o < 0 ? -alpha : 0);
    case StageFunction::kRelu:
      return x < 0 ? 0 : x;  // NaN stays NaN, as in Keras
    case StageFunction::kLeakyRelu:
      return x > 0 ? x : alpha * x;
    case StageFunction::kSigmoid:
      return sigmoid(x);
    case StageFunction::kTanh:
      return std::tanh(x);
    case StageFunction::kGelu:
      return x * normal_cdf(x);
    case StageFunction::kGeluApproximate:
      return x / 2 * (1 + std::tanh(gelu_inner(x)));
    case StageFunction::kSilu:
      return x * sigmoid(x);
    case StageFunction::kElu:
      return x > 0 ? x : alpha * std::expm1(x);
    case StageFunction::kSoftplus:  // the larger of 0 and x taken out, so that exp can't overflow
      return (x > 0 ? x : 0) + std::log1p(std::exp(-std::abs(x)));
    case StageFunction::kClip: {
      const T raised = x < alpha ? alpha : x;
      return raised > beta ? beta : raised;
    }
    case StageFunction::kCappedRelu: {
      const T capped = x > beta ? beta : x;
      return x <= gamma ? alpha * (x - gamma) : capped;
    }
    case StageFunction::kHardShrink:
      return std::abs(x) <= alpha ? 0 : x;
    case StageFunction::kSoftShrink:
      return std::abs(x) <= alpha ? 0 : x - std::copysign(alpha, x);
    case StageFunction::kExponential:
      return std::exp(x);
    case StageFunction::kSoftsign:
      return x / (1 + std::abs(x));
    case StageFunction::kSquareplus: {  // for x < 0 the sum would cancel
      const T root = std::sqrt(x * x + alpha);
      return x < 0 ? alpha / (2 * (root - x)) : (x + root) / 2;
    }
    case StageFunction::kSparsePlus:
      return x <= -1 ? 0 : x >= 1 ? x : (x + 1) * (x + 1) / 4;
    case StageFunction::kMish:
      return x * mish_gate(x);
    case StageFunction::kClipBackward:
      return o > alpha && o < beta ? x : 0;
    case StageFunction::kCappedReluBackward:
      return o <= gamma ? alpha * x : o >= beta ? 0 : x;
    case StageFunction::kHardShrinkBackward:
    case StageFunction::kSoftShrinkBackward:
      return o != 0 ? x : 0;
    case StageFunction::kExponentialBackward:
      return x * o;
    case StageFunction::kSoftsignBackward: {  // 1 / (1 + |input|) is 1 - |output|
      const T rest = 1 - std::abs(o);
      return x * rest * rest;
    }
    case StageFunction::kSquareplusBackward:  // output / root, root = output + alpha / (4 output)
      return x * (o * o / (o * o + alpha / 4));
    case StageFunction::kSparsePlusBackward:
      return x * std::min(std::sqrt(std::max(o, T(0))), T(1));
    case StageFunction::kMishBackward: {  // 1 - gate^2 is (1 + gate) 2 / (n + 2)
      const T e = std::exp(std::min(o, T(20)));
      const T n = e * (e + 2), gate = n / (n + 2);
      return x * (gate + o * (1 + gate) * 2 / (n + 2) * sigmoid(o));
    }
    case StageFunction::kWherePositive:
      return o > 0 ? x : o == 0 ? x / 2 : 0;
    case StageFunction::kReluBackward:
      return o > 0 ? x : 0;
    case StageFunction::kLeakyReluBackward:
      return o > 0 ? x : alpha * x;
    case StageFunction::kSigmoidBackward:
      return x * o * (1 - o);
    case StageFunction::kTanhBackward:
      return x * (1 - o * o);
    case StageFunction::kEluBackward:  // alpha exp(input) is output + alpha
      return o > 0 ? x : x * (o + alpha);
    case StageFunction::kGeluBackward:
      return x * (normal_cdf(o) + o * normal_density(o));
    case StageFunction::kGeluApproximateBackward: {
      const T t = std::tanh(gelu_inner(o));
      return x * ((1 + t) / 2 + o / 2 * (1 - t * t) * gelu_inner_slope(o));
    }
    case StageFunction::kSiluBackward: {
      const T s = sigmoid(o);
      return x * s * (1 + o * (1 - s));
    }
    case StageFunction::kSoftplusBackward:
      return x * sigmoid(o);
    case StageFunction::kScale:
      return x * alpha;
    case StageFunction::kShift:
      return x + alpha;
    case StageFunction::kDropout:
      break;
  }
  return x;
}

Stages::Stages(const KernelCase& kernel_case)
    : stages_(kernel_case.op.epilogue),
      from_input_(kernel_case.op.kind == &graph::elementwise_kind()) {
  const Shape& shape = kernel_case.output(0).shape;
  elements_ = shape.elements();
  channels_ = shape.rank() == 0 ? 1 : shape.back();
}

template <class T>
void Stages::apply(const Buffers& buffers, const RunContext& context) const {
  if (stages_.empty() && !from_input_) return;
  T* dst = output<T>(buffers, 0);
  const T* src = from_input_ ? input<T>(buffers, 0) : dst;
  for (int64_t element = 0; element < elements_; ++element) {
    T x = src[element];
    for (const graph::Stage& stage : stages_) {
      if (stage.function == StageFunction::kDropout) {
        // The comparison is one of floats, so that every kernel keeps the same elements.
        const RandomStream random(context.seed, stage.stream, context.step);
        const int64_t number =
            stage.shared == 1
                ? element
                : element / (stage.shared * channels_) * channels_ + element % channels_;
        const bool kept =
            random.uniform(static_cast<uint64_t>(number)) >= static_cast<float>(stage.alpha);
        x = kept ? x / static_cast<T>(1 - stage.alpha) : 0;
        continue;
      }
      T operand = 0;
      if (stage.operand >= 0) {
        const bool by_channel = stage.function == StageFunction::kBiasAdd;
        operand = input<T>(buffers, stage.operand)[by_channel ? element % channels_ : element];
      }
      x = apply_stage(stage, x, operand);
    }
    dst[element] = x;
  }
}

template float apply_stage(const graph::Stage&, float, float);
template double apply_stage(const graph::Stage&, double, double);
template void Stages::apply<float>(const Buffers&, const RunContext&) const;
template void Stages::apply<double>(const Buffers&, const RunContext&) const;

}  // namespace pronghorn::kernels::reference
