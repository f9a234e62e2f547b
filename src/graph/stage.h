#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pronghorn::graph {

// One elementwise step: y = f(x, operand). Stages are the unit of fusion: an `elementwise` op is a
// list of them, and conv2d or matmul carries such a list as its epilogue, applied to what it
// computed before it is written. Below, x is the running value and o the operand's element at the
// same place (for bias_add: at the same channel).
enum class StageFunction : uint8_t {
  // y = x + o; o has one element per channel (the last axis).
  kBiasAdd,
  // Two tensors of one shape.
  kAdd,
  kMultiply,
  kMaximum,
  kMinimum,
  // y = x + alpha sign(o): what an absolute value adds to a gradient. sign(0) is 0.
  kAddSign,
  // Activations of x. Their formulas are those of Keras 3 (keras/src/activations).
  kRelu,       // max(x, 0)
  kLeakyRelu,  // x if x > 0, else alpha x
  kSigmoid,    // 1 / (1 + exp(-x))
  kTanh,
  kGelu,             // x Phi(x), Phi by erf
  kGeluApproximate,  // x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
  kSilu,             // x sigmoid(x)
  kElu,              // x if x > 0, else alpha (exp(x) - 1)
  kSoftplus,         // log(1 + exp(x))
  kClip,             // min(max(x, alpha), beta); flat at its edges
  kCappedRelu,       // min(x, beta) if x > gamma, else alpha (x - gamma)
  kHardShrink,       // x if |x| > alpha, else 0
  kSoftShrink,       // x - alpha if x > alpha, x + alpha if x < -alpha, else 0
  kExponential,
  kSoftsign,    // x / (1 + |x|)
  kSquareplus,  // (x + sqrt(x^2 + alpha)) / 2
  kSparsePlus,  // 0 up to -1, x from 1 on, (x + 1)^2 / 4 between
  kMish,        // x tanh(log(1 + exp(x)))
  // Their derivatives: y = x f'(.), where x is the gradient to f's output. Of most the operand is
  // f's *output* (so that f may run in place or in an epilogue), of the others f's *input*:
  // StageTraits says which.
  kReluBackward,
  kLeakyReluBackward,
  kSigmoidBackward,
  kTanhBackward,
  kEluBackward,
  kGeluBackward,
  kGeluApproximateBackward,
  kSiluBackward,
  kSoftplusBackward,
  kClipBackward,
  kCappedReluBackward,
  kHardShrinkBackward,
  kSoftShrinkBackward,
  kExponentialBackward,
  kSoftsignBackward,
  kSquareplusBackward,
  kSparsePlusBackward,
  kMishBackward,
  // y = x where o > 0, x / 2 where o = 0, else 0: the gradient of a maximum, of whose two tensors o
  // is the difference. Equals share it, as in JAX.
  kWherePositive,
  // y = x * alpha; y = x + alpha.
  kScale,
  kShift,
  // y = x / (1 - rate) where uniform(stream, step, element) >= rate, else 0; alpha is the rate and
  // the element's number its place in the plain (NHWC, row-major) order. Where `shared` > 1, so
  // many rows of channels, the pixels of an image, share the numbers of one row (Keras's
  // SpatialDropout). Its own derivative: the same stage applied to the gradient, so no mask is
  // kept.
  kDropout,
};

struct Stage {
  StageFunction function;
  // Which input of the op is the operand o; -1 for none.
  int operand = -1;
  double alpha = 0;
  // Of dropout: tells the layers of a model apart (see base/philox.h).
  uint64_t stream = 0;
  double beta = 0;
  double gamma = 0;
  int64_t shared = 1;

  friend bool operator==(const Stage&, const Stage&) = default;
};

// What is true of a stage function, whoever runs it.
struct StageTraits {
  std::string_view name;
  // Floating-point operations per element beside loads and stores; exp, tanh, erf and log count as
  // one each.
  int flops;
  bool has_operand;
  // The stage that turns the gradient to the output into the gradient to x; none for stages that
  // are not differentiable here (the backward ones).
  std::optional<StageFunction> backward;
  // What `backward` takes as operand.
  enum class BackwardOperand : uint8_t { kNone, kInput, kOutput, kOther } backward_operand;
};
const StageTraits& stage_traits(StageFunction function);

// Whether the operand is as large as x: all are but a bias.
bool has_full_operand(const Stage& stage);

// Whether f(x, o) never falls as x grows, for any one o: the largest of several x is then the one
// with the largest f(x, o).
bool keeps_order(const Stage& stage);

// "bias_add(%4) relu dropout(0.25)"; operands print as their position in the op's inputs.
std::string to_string(std::span<const Stage> stages);

}  // namespace pronghorn::graph
