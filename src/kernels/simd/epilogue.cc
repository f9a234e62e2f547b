#include "kernels/simd/epilogue.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/epilogue.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h, which compiles this file once per instruction set.
#include <hwy/highway.h>

#include "kernels/simd/activations-inl.h"
#include "kernels/simd/philox-inl.h"
#include "kernels/simd/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace pronghorn::kernels::simd {
namespace HWY_NAMESPACE {

using Step = Epilogue::Step;
using graph::StageFunction;

// Elements that pass through all steps before the next ones do. Values between two steps and the
// random words of a dropout take 8 KiB each, so they stay in the L1 cache (32 KiB or more); less
// would make the setup of a step, some fifty cycles, count.
constexpr size_t kBlock = 2048;

// Biases of up to this many channels are laid out over and over, so that a vector's worth can be
// loaded at any channel; with more, rows are long enough to go one by one.
constexpr int64_t kRepeatedChannels = 64;

// dst[i] = f(src[i] + bias[(channel + i) % channels])
template <class F>
HWY_INLINE void add_bias(const float* bias, int64_t channels, int64_t channel, const float* src,
                         float* dst, size_t count, F f) {
  const auto add = [&](auto x, auto b) HWY_ATTR { return f(hn::Add(x, b)); };
  if (channels > kRepeatedChannels) {
    while (count > 0) {
      const size_t row = HWY_MIN(count, static_cast<size_t>(channels - channel));
      map(src, bias + channel, dst, row, add);
      src += row;
      dst += row;
      count -= row;
      channel = 0;
    }
    return;
  }
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  float repeated[kRepeatedChannels + HWY_MAX_BYTES / sizeof(float)];
  const size_t period = static_cast<size_t>(channels);
  for (size_t i = 0, c = 0; i < period + lanes; ++i) {
    repeated[i] = bias[c];
    c = c + 1 == period ? 0 : c + 1;
  }
  const size_t stride = lanes % period;
  size_t at = static_cast<size_t>(channel);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    hn::StoreU(add(hn::LoadU(d, src + i), hn::LoadU(d, repeated + at)), d, dst + i);
    at += stride;
    at = at >= period ? at - period : at;
  }
  if (i < count) map(src + i, repeated + at, dst + i, count - i, add);
}

HWY_INLINE void dropout(const Step& step, const float* src, float* dst, int64_t begin, size_t count,
                        const RunContext& context) {
  const hn::ScalableTag<float> d;
  const hn::RebindToSigned<decltype(d)> di;
  const size_t lanes = hn::Lanes(d);
  HWY_ALIGN uint32_t words[kBlock + 4 + kPhiloxOverrun];
  const uint64_t element = static_cast<uint64_t>(begin);
  const size_t skipped = element % 4;
  philox_words(RandomStream(context.seed, step.stream, context.step), element / 4,
               (skipped + count + 3) / 4, words);

  const int32_t* random = reinterpret_cast<const int32_t*>(words) + skipped;
  const auto scale = hn::Set(d, step.alpha);
  const auto last_dropped = hn::Set(di, step.keep_from - 1);
  const auto one = [&](auto x, auto word) HWY_ATTR {
    const auto upper =
        hn::BitCast(di, hn::ShiftRight<8>(hn::BitCast(hn::RebindToUnsigned<decltype(d)>(), word)));
    return hn::IfThenElseZero(hn::RebindMask(d, hn::Gt(upper, last_dropped)), hn::Mul(x, scale));
  };
  size_t i = 0;
  for (; i + lanes <= count; i += lanes)
    hn::StoreU(one(hn::LoadU(d, src + i), hn::LoadU(di, random + i)), d, dst + i);
  if (i < count) {
    const size_t rest = count - i;
    store_n(one(load_n(d, src + i, rest), load_n(di, random + i, rest)), d, dst + i, rest);
  }
}

// The same where rows of channels share their numbers, row by row.
HWY_INLINE void shared_dropout(const Step& step, int64_t channels, const float* src, float* dst,
                               int64_t begin, size_t count, const RunContext& context) {
  while (count > 0) {
    const int64_t channel = begin % channels;
    const size_t row = HWY_MIN(count, static_cast<size_t>(channels - channel));
    dropout(step, src, dst, begin / (step.shared * channels) * channels + channel, row, context);
    src += row;
    dst += row;
    begin += static_cast<int64_t>(row);
    count -= row;
  }
}

// One step over at most kBlock elements, the first of which is element `begin` of the tensor.
inline void run_step(const Step& step, int64_t channels, const float* src, float* dst,
                     int64_t begin, size_t count, const RunContext& context) {
  using D = hn::ScalableTag<float>;
  using V = hn::Vec<D>;
  const D d;
  const V zero = hn::Zero(d);
  const V one = hn::Set(d, 1.0f);
  const V alpha = hn::Set(d, step.alpha);
  const V beta = hn::Set(d, step.beta);
  const V gamma = hn::Set(d, step.gamma);
  // For stages without bias the operand's element stands where x does.
  const float* operand = step.operand == nullptr ? nullptr : step.operand + begin;

  switch (step.function) {
    case StageFunction::kBiasAdd:
      if (step.then_relu)
        return add_bias(step.operand, channels, begin % channels, src, dst, count,
                        [=](V x) HWY_ATTR { return relu(d, x); });
      return add_bias(step.operand, channels, begin % channels, src, dst, count,
                      [](V x) HWY_ATTR { return x; });
    case StageFunction::kAdd:
      return map(src, operand, dst, count, [](V x, V o) HWY_ATTR { return hn::Add(x, o); });
    case StageFunction::kMultiply:
      return map(src, operand, dst, count, [](V x, V o) HWY_ATTR { return hn::Mul(x, o); });
    case StageFunction::kMaximum:
      return map(src, operand, dst, count,
                 [](V x, V o) HWY_ATTR { return hn::IfThenElse(hn::Lt(x, o), o, x); });
    case StageFunction::kMinimum:
      return map(src, operand, dst, count,
                 [](V x, V o) HWY_ATTR { return hn::IfThenElse(hn::Lt(o, x), o, x); });
    case StageFunction::kClip:
      return map(src, dst, count, [=](V x) HWY_ATTR {
        const V raised = hn::IfThenElse(hn::Lt(x, alpha), alpha, x);
        return hn::IfThenElse(hn::Gt(raised, beta), beta, raised);
      });
    case StageFunction::kCappedRelu:
      return map(src, dst, count, [=](V x) HWY_ATTR {
        const V capped = hn::IfThenElse(hn::Gt(x, beta), beta, x);
        return hn::IfThenElse(hn::Le(x, gamma), hn::Mul(alpha, hn::Sub(x, gamma)), capped);
      });
    case StageFunction::kHardShrink:
      return map(src, dst, count,
                 [=](V x) HWY_ATTR { return hn::IfThenZeroElse(hn::Le(hn::Abs(x), alpha), x); });
    case StageFunction::kSoftShrink:
      return map(src, dst, count, [=](V x) HWY_ATTR {
        const V shrunk = hn::Sub(x, hn::CopySign(alpha, x));
        return hn::IfThenZeroElse(hn::Le(hn::Abs(x), alpha), shrunk);
      });
    case StageFunction::kExponential:
      return map(src, dst, count, [=](V x) HWY_ATTR { return exp(d, x); });
    case StageFunction::kSoftsign:
      return map(src, dst, count,
                 [=](V x) HWY_ATTR { return hn::Div(x, hn::Add(one, hn::Abs(x))); });
    case StageFunction::kSquareplus:  // for x < 0 the sum would cancel
      return map(src, dst, count, [=](V x) HWY_ATTR {
        const V sum = hn::Add(hn::Abs(x), hn::Sqrt(hn::MulAdd(x, x, alpha)));
        const V half = hn::Set(d, 0.5f);
        return hn::IfThenElse(hn::Lt(x, zero), hn::Div(hn::Mul(half, alpha), sum),
                              hn::Mul(half, sum));
      });
    case StageFunction::kSparsePlus:
      return map(src, dst, count, [=](V x) HWY_ATTR {
        const V above = hn::Add(x, one);
        const V parabola = hn::Mul(hn::Mul(above, above), hn::Set(d, 0.25f));
        return hn::IfThenZeroElse(hn::Le(above, zero), hn::IfThenElse(hn::Ge(x, one), x, parabola));
      });
    case StageFunction::kMish:
      return map(src, dst, count, [=](V x) HWY_ATTR { return hn::Mul(x, mish_gate(d, x).value); });
    case StageFunction::kClipBackward:
      return map(src, operand, dst, count, [=](V x, V o) HWY_ATTR {
        return hn::IfThenElseZero(hn::And(hn::Gt(o, alpha), hn::Lt(o, beta)), x);
      });
    case StageFunction::kCappedReluBackward:
      return map(src, operand, dst, count, [=](V x, V o) HWY_ATTR {
        const V capped = hn::IfThenZeroElse(hn::Ge(o, beta), x);
        return hn::IfThenElse(hn::Le(o, gamma), hn::Mul(alpha, x), capped);
      });
    case StageFunction::kHardShrinkBackward:
    case StageFunction::kSoftShrinkBackward:
      return map(src, operand, dst, count,
                 [=](V x, V o) HWY_ATTR { return hn::IfThenZeroElse(hn::Eq(o, zero), x); });
    case StageFunction::kExponentialBackward:
      return map(src, operand, dst, count, [](V x, V o) HWY_ATTR { return hn::Mul(x, o); });
    case StageFunction::kSoftsignBackward:  // 1 / (1 + |input|) is 1 - |output|
      return map(src, operand, dst, count, [=](V x, V o) HWY_ATTR {
        const V rest = hn::Sub(one, hn::Abs(o));
        return hn::Mul(x, hn::Mul(rest, rest));
      });
    case StageFunction::kSquareplusBackward:  // output / root, root = output + alpha / (4 output)
      return map(src, operand, dst, count, [=](V x, V o) HWY_ATTR {
        const V square = hn::Mul(o, o);
        return hn::Mul(x, hn::Div(square, hn::MulAdd(hn::Set(d, 0.25f), alpha, square)));
      });
    case StageFunction::kSparsePlusBackward:
      return map(src, operand, dst, count, [=](V x, V o) HWY_ATTR {
        return hn::Mul(x, hn::Min(hn::Sqrt(hn::Max(o, zero)), one));
      });
    case StageFunction::kMishBackward:
      return map(src, operand, dst, count,
                 [=](V x, V o) HWY_ATTR { return hn::Mul(x, mish_slope(d, o)); });
    case StageFunction::kWherePositive:
      return map(src, operand, dst, count, [=](V x, V o) HWY_ATTR {
        const V half = hn::IfThenElseZero(hn::Eq(o, zero), hn::Mul(x, hn::Set(d, 0.5f)));
        return hn::IfThenElse(hn::Gt(o, zero), x, half);
      });
    case StageFunction::kShift:
      return map(src, dst, count, [=](V x) HWY_ATTR { return hn::Add(x, alpha); });
    case StageFunction::kAddSign:
      return map(src, operand, dst, count, [=](V x, V o) HWY_ATTR {
        const V signed_alpha = hn::IfThenZeroElse(hn::Eq(o, zero), hn::CopySign(alpha, o));
        return hn::Add(x, signed_alpha);
      });
    case StageFunction::kRelu:
      return map(src, dst, count, [=](V x) HWY_ATTR { return relu(d, x); });
    case StageFunction::kLeakyRelu:
      return map(src, dst, count, [=](V x) HWY_ATTR {
        return hn::IfThenElse(hn::Gt(x, zero), x, hn::Mul(alpha, x));
      });
    case StageFunction::kSigmoid:
      return map(src, dst, count, [=](V x) HWY_ATTR { return sigmoid(d, x); });
    case StageFunction::kTanh:
      return map(src, dst, count, [=](V x) HWY_ATTR { return hn::Tanh(d, x); });
    case StageFunction::kGelu:
      return map(src, dst, count, [=](V x) HWY_ATTR { return gelu(d, x); });
    case StageFunction::kGeluApproximate:
      return map(src, dst, count, [=](V x) HWY_ATTR { return gelu_approximate(d, x); });
    case StageFunction::kSilu:
      return map(src, dst, count, [=](V x) HWY_ATTR { return silu(d, x); });
    case StageFunction::kElu:
      return map(src, dst, count, [=](V x) HWY_ATTR { return elu(d, x, alpha); });
    case StageFunction::kSoftplus:
      return map(src, dst, count, [=](V x) HWY_ATTR { return softplus(d, x); });
    case StageFunction::kReluBackward:
      return map(src, operand, dst, count,
                 [=](V x, V o) HWY_ATTR { return hn::IfThenElseZero(hn::Gt(o, zero), x); });
    case StageFunction::kLeakyReluBackward:
      return map(src, operand, dst, count, [=](V x, V o) HWY_ATTR {
        return hn::IfThenElse(hn::Gt(o, zero), x, hn::Mul(alpha, x));
      });
    case StageFunction::kSigmoidBackward:
      return map(src, operand, dst, count,
                 [=](V x, V o) HWY_ATTR { return hn::Mul(x, hn::Mul(o, hn::Sub(one, o))); });
    case StageFunction::kTanhBackward:
      return map(src, operand, dst, count,
                 [=](V x, V o) HWY_ATTR { return hn::Mul(x, hn::NegMulAdd(o, o, one)); });
    case StageFunction::kEluBackward:  // alpha exp(input) is output + alpha
      return map(src, operand, dst, count, [=](V x, V o) HWY_ATTR {
        return hn::IfThenElse(hn::Gt(o, zero), x, hn::Mul(x, hn::Add(o, alpha)));
      });
    case StageFunction::kGeluBackward:
      return map(src, operand, dst, count,
                 [=](V x, V o) HWY_ATTR { return hn::Mul(x, gelu_slope(d, o)); });
    case StageFunction::kGeluApproximateBackward:
      return map(src, operand, dst, count,
                 [=](V x, V o) HWY_ATTR { return hn::Mul(x, gelu_approximate_slope(d, o)); });
    case StageFunction::kSiluBackward:
      return map(src, operand, dst, count,
                 [=](V x, V o) HWY_ATTR { return hn::Mul(x, silu_slope(d, o)); });
    case StageFunction::kSoftplusBackward:
      return map(src, operand, dst, count,
                 [=](V x, V o) HWY_ATTR { return hn::Mul(x, sigmoid(d, o)); });
    case StageFunction::kScale:
      return map(src, dst, count, [=](V x) HWY_ATTR { return hn::Mul(x, alpha); });
    case StageFunction::kDropout:
      if (step.shared > 1) return shared_dropout(step, channels, src, dst, begin, count, context);
      return dropout(step, src, dst, begin, count, context);
  }
}

// Values between two steps are kept apart from dst, which may be the memory of an operand that a
// later step reads.
void apply_steps(std::span<const Step> steps, int64_t channels, const float* src, float* dst,
                 int64_t begin, int64_t count, const RunContext& context) {
  HWY_ALIGN float between[kBlock];
  for (int64_t done = 0; done < count; done += kBlock) {
    const size_t block = HWY_MIN(kBlock, static_cast<size_t>(count - done));
    const float* from = src + done;
    for (const Step& step : steps) {
      float* to = &step == &steps.back() ? dst + done : between;
      run_step(step, channels, from, to, begin + done, block, context);
      from = to;
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace pronghorn::kernels::simd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/simd/dispatch.h"

namespace pronghorn::kernels::simd {
namespace {

HWY_EXPORT(apply_steps);

Epilogue::Step make_step(const graph::Stage& stage) {
  Epilogue::Step step{stage.function};
  step.operand_index = stage.operand;
  step.stream = stage.stream;
  step.beta = static_cast<float>(stage.beta);
  step.gamma = static_cast<float>(stage.gamma);
  step.shared = stage.shared;
  if (stage.function == graph::StageFunction::kDropout) {
    step.alpha = static_cast<float>(1 / (1 - stage.alpha));
    // uniform and rate are compared as floats; 2^24 times either is a number without rounding.
    step.keep_from = static_cast<int32_t>(
        std::ceil(static_cast<double>(static_cast<float>(stage.alpha)) * 16777216.0));
  } else {
    step.alpha = static_cast<float>(stage.alpha);
  }
  return step;
}

}  // namespace

Epilogue::Epilogue(const KernelCase& kernel_case)
    : Epilogue(kernel_case, kernel_case.op.epilogue) {}

Epilogue::Epilogue(const KernelCase& kernel_case, std::span<const graph::Stage> stages) {
  const Shape& shape = kernel_case.output(0).shape;
  channels_ = shape.rank() == 0 ? 1 : shape.back();
  for (const graph::Stage& stage : stages) {
    if (stage.function == graph::StageFunction::kRelu && !steps_.empty() &&
        steps_.back().function == graph::StageFunction::kBiasAdd && !steps_.back().then_relu) {
      steps_.back().then_relu = true;
      continue;
    }
    steps_.push_back(make_step(stage));
    any_layout_ = any_layout_ && stage.function != graph::StageFunction::kBiasAdd &&
                  stage.function != graph::StageFunction::kDropout;
  }
  choose_target();
  apply_ = &HWY_DYNAMIC_DISPATCH(apply_steps);
}

void Epilogue::bind(const Buffers& buffers) {
  for (Step& step : steps_)
    if (step.operand_index >= 0) step.operand = buffers.input(step.operand_index);
}

void Epilogue::apply(const float* src, float* dst, int64_t begin, int64_t count,
                     const RunContext& context) const {
  if (!steps_.empty())
    apply_(steps_, channels_, src, dst, begin, count, context);
  else if (src != dst)
    std::memcpy(dst, src, static_cast<size_t>(count) * sizeof(float));
}

}  // namespace pronghorn::kernels::simd

#endif  // HWY_ONCE
