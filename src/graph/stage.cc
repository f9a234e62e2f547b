#include "graph/stage.h"

#include <fmt/format.h>

#include <array>

namespace pronghorn::graph {
namespace {

using F = StageFunction;
using Operand = StageTraits::BackwardOperand;

// In the order of StageFunction.
constexpr std::array kTraits = {
    StageTraits{"bias_add", 1, true, std::nullopt, Operand::kNone},
    StageTraits{"add", 1, true, std::nullopt, Operand::kNone},
    StageTraits{"multiply", 1, true, F::kMultiply, Operand::kOther},
    StageTraits{"maximum", 1, true, std::nullopt, Operand::kNone},
    StageTraits{"minimum", 1, true, std::nullopt, Operand::kNone},
    StageTraits{"add_sign", 2, true, std::nullopt, Operand::kNone},
    StageTraits{"relu", 1, false, F::kReluBackward, Operand::kOutput},
    StageTraits{"leaky_relu", 2, false, F::kLeakyReluBackward, Operand::kOutput},
    StageTraits{"sigmoid", 3, false, F::kSigmoidBackward, Operand::kOutput},
    StageTraits{"tanh", 1, false, F::kTanhBackward, Operand::kOutput},
    StageTraits{"gelu", 4, false, F::kGeluBackward, Operand::kInput},
    StageTraits{"gelu_approximate", 8, false, F::kGeluApproximateBackward, Operand::kInput},
    StageTraits{"silu", 4, false, F::kSiluBackward, Operand::kInput},
    StageTraits{"elu", 3, false, F::kEluBackward, Operand::kOutput},
    StageTraits{"softplus", 3, false, F::kSoftplusBackward, Operand::kInput},
    StageTraits{"clip", 2, false, F::kClipBackward, Operand::kOutput},
    StageTraits{"capped_relu", 4, false, F::kCappedReluBackward, Operand::kInput},
    StageTraits{"hard_shrink", 2, false, F::kHardShrinkBackward, Operand::kOutput},
    StageTraits{"soft_shrink", 3, false, F::kSoftShrinkBackward, Operand::kOutput},
    StageTraits{"exponential", 1, false, F::kExponentialBackward, Operand::kOutput},
    StageTraits{"softsign", 3, false, F::kSoftsignBackward, Operand::kOutput},
    StageTraits{"squareplus", 5, false, F::kSquareplusBackward, Operand::kOutput},
    StageTraits{"sparse_plus", 5, false, F::kSparsePlusBackward, Operand::kOutput},
    StageTraits{"mish", 6, false, F::kMishBackward, Operand::kInput},
    StageTraits{"relu_backward", 1, true, std::nullopt, Operand::kNone},
    StageTraits{"leaky_relu_backward", 2, true, std::nullopt, Operand::kNone},
    StageTraits{"sigmoid_backward", 3, true, std::nullopt, Operand::kNone},
    StageTraits{"tanh_backward", 3, true, std::nullopt, Operand::kNone},
    StageTraits{"elu_backward", 3, true, std::nullopt, Operand::kNone},
    StageTraits{"gelu_backward", 9, true, std::nullopt, Operand::kNone},
    StageTraits{"gelu_approximate_backward", 16, true, std::nullopt, Operand::kNone},
    StageTraits{"silu_backward", 8, true, std::nullopt, Operand::kNone},
    StageTraits{"softplus_backward", 4, true, std::nullopt, Operand::kNone},
    StageTraits{"clip_backward", 2, true, std::nullopt, Operand::kNone},
    StageTraits{"capped_relu_backward", 3, true, std::nullopt, Operand::kNone},
    StageTraits{"hard_shrink_backward", 1, true, std::nullopt, Operand::kNone},
    StageTraits{"soft_shrink_backward", 1, true, std::nullopt, Operand::kNone},
    StageTraits{"exponential_backward", 1, true, std::nullopt, Operand::kNone},
    StageTraits{"softsign_backward", 4, true, std::nullopt, Operand::kNone},
    StageTraits{"squareplus_backward", 4, true, std::nullopt, Operand::kNone},
    StageTraits{"sparse_plus_backward", 3, true, std::nullopt, Operand::kNone},
    StageTraits{"mish_backward", 10, true, std::nullopt, Operand::kNone},
    StageTraits{"where_positive", 3, true, std::nullopt, Operand::kNone},
    StageTraits{"scale", 1, false, F::kScale, Operand::kNone},
    StageTraits{"shift", 1, false, std::nullopt, Operand::kNone},
    StageTraits{"dropout", 2, false, F::kDropout, Operand::kNone},
};
static_assert(kTraits.size() == static_cast<size_t>(F::kDropout) + 1);

}  // namespace

const StageTraits& stage_traits(StageFunction function) {
  return kTraits[static_cast<size_t>(function)];
}

bool has_full_operand(const Stage& stage) {
  return stage.operand >= 0 && stage.function != StageFunction::kBiasAdd;
}

bool keeps_order(const Stage& stage) {
  switch (stage.function) {
    case StageFunction::kBiasAdd:
    case StageFunction::kAdd:
    case StageFunction::kRelu:
    case StageFunction::kSigmoid:
    case StageFunction::kTanh:
    case StageFunction::kSoftplus:
    case StageFunction::kMaximum:
    case StageFunction::kMinimum:
    case StageFunction::kClip:
    case StageFunction::kHardShrink:
    case StageFunction::kSoftShrink:
    case StageFunction::kExponential:
    case StageFunction::kSoftsign:
    case StageFunction::kSquareplus:
    case StageFunction::kSparsePlus:
    case StageFunction::kShift:
      return true;
    case StageFunction::kLeakyRelu:
    case StageFunction::kElu:
    case StageFunction::kScale:
      return stage.alpha >= 0;
    default:
      return false;
  }
}

std::string to_string(std::span<const Stage> stages) {
  std::string text;
  for (const Stage& stage : stages) {
    if (!text.empty()) text += ' ';
    text += stage_traits(stage.function).name;
    if (stage.operand >= 0)
      text += fmt::format("(#{})", stage.operand);
    else if (stage.gamma != 0)
      text += fmt::format("({}, {}, {})", stage.alpha, stage.beta, stage.gamma);
    else if (stage.beta != 0)
      text += fmt::format("({}, {})", stage.alpha, stage.beta);
    else if (stage.alpha != 0)
      text += fmt::format("({})", stage.alpha);
  }
  return text;
}

}  // namespace pronghorn::graph
