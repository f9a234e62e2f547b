#include "model/activation.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "graph/ops/concatenate.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/softmax.h"
#include "graph/stage.h"
#include "pronghorn/error.h"

namespace pronghorn::model {
namespace {

using graph::Builder;
using graph::Stage;
using graph::ValueId;
using F = graph::StageFunction;

template <F kFunction>
ValueId stage(Builder& builder, ValueId src) {
  return graph::elementwise(builder, src, {kFunction});
}

ValueId clip(Builder& builder, ValueId src, double least, double most) {
  return graph::elementwise(builder, src, {F::kClip, -1, least, 0, most});
}

ValueId hard_sigmoid(Builder& builder, ValueId src) {
  return graph::scale(builder, clip(builder, graph::shift(builder, src, 3), 0, 6), 1.0 / 6);
}

// The first half of the last axis, gated by the sigmoid of the second.
ValueId glu(Builder& builder, ValueId src) {
  const Shape shape = builder.graph().value(src).shape;
  const int64_t axis = shape.rank() - 1, half = shape.back() / 2;
  // One statement each: the order of arguments is the compiler's.
  const ValueId gate = stage<F::kSigmoid>(builder, graph::slice(builder, src, axis, half, half));
  return graph::multiply(builder, gate, graph::slice(builder, src, axis, 0, half));
}

struct Entry {
  std::string_view name;
  // Another name of Keras's for the same.
  std::string_view alias;
  ValueId (*lower)(Builder& builder, ValueId src);
};

// The formulas and constants are Keras 3.15's (keras/src/activations) on JAX.
constexpr std::array kActivations = {
    Entry{"celu", "",  // with its alpha of 1 it is elu
          [](Builder& b, ValueId x) {
            return graph::elementwise(b, x, {F::kElu, -1, 1.0});
          }},
    Entry{"elu", "",
          [](Builder& b, ValueId x) {
            return graph::elementwise(b, x, {F::kElu, -1, 1.0});
          }},
    Entry{"exponential", "", stage<F::kExponential>},
    Entry{"gelu", "", stage<F::kGelu>},
    Entry{"glu", "", glu},
    Entry{"hard_shrink", "",
          [](Builder& b, ValueId x) {
            return graph::elementwise(b, x, {F::kHardShrink, -1, 0.5});
          }},
    Entry{"hard_sigmoid", "", hard_sigmoid},
    Entry{"hard_silu", "hard_swish",
          [](Builder& b, ValueId x) { return graph::multiply(b, hard_sigmoid(b, x), x); }},
    Entry{"hard_tanh", "", [](Builder& b, ValueId x) { return clip(b, x, -1, 1); }},
    Entry{"leaky_relu", "",
          [](Builder& b, ValueId x) {
            return graph::elementwise(b, x, {F::kLeakyRelu, -1, 0.2});
          }},
    Entry{"linear", "", [](Builder&, ValueId x) { return x; }},
    Entry{"log_sigmoid", "",
          [](Builder& b, ValueId x) {
            return graph::scale(b, stage<F::kSoftplus>(b, graph::scale(b, x, -1)), -1);
          }},
    Entry{"log_softmax", "", graph::log_softmax},
    Entry{"mish", "", stage<F::kMish>},
    Entry{"relu", "", stage<F::kRelu>},
    Entry{"relu6", "", [](Builder& b, ValueId x) { return clip(b, x, 0, 6); }},
    Entry{"selu", "",
          [](Builder& b, ValueId x) {
            const ValueId elu = graph::elementwise(b, x, {F::kElu, -1, 1.6732632423543772});
            return graph::scale(b, elu, 1.0507009873554805);
          }},
    Entry{"sigmoid", "", stage<F::kSigmoid>},
    Entry{"silu", "swish", stage<F::kSilu>},
    Entry{"soft_shrink", "",
          [](Builder& b, ValueId x) {
            return graph::elementwise(b, x, {F::kSoftShrink, -1, 0.5});
          }},
    Entry{"softmax", "", graph::softmax},
    Entry{"softplus", "", stage<F::kSoftplus>},
    Entry{"softsign", "", stage<F::kSoftsign>},
    Entry{"sparse_plus", "", stage<F::kSparsePlus>},
    Entry{"sparse_sigmoid", "",
          [](Builder& b, ValueId x) {
            return graph::scale(b, clip(b, graph::shift(b, x, 1), 0, 2), 0.5);
          }},
    Entry{"squareplus", "",
          [](Builder& b, ValueId x) {
            return graph::elementwise(b, x, {F::kSquareplus, -1, 4});
          }},
    Entry{"tanh", "", stage<F::kTanh>},
    Entry{"tanh_shrink", "",
          [](Builder& b, ValueId x) { return graph::subtract(b, x, stage<F::kTanh>(b, x)); }},
};

const Entry* find(std::string_view name) {
  for (const Entry& entry : kActivations)
    if (name == entry.name || (!name.empty() && name == entry.alias)) return &entry;
  return nullptr;
}

}  // namespace

std::vector<std::string_view> activation_list() {
  std::vector<std::string_view> names;
  for (const Entry& entry : kActivations) names.push_back(entry.name);
  return names;
}

std::string activation_names() { return fmt::format("{}", fmt::join(activation_list(), ", ")); }

std::string canonical_activation(std::string_view name) {
  if (const Entry* entry = find(name)) return std::string(entry->name);
  throw ArgumentError(
      fmt::format("unknown activation '{}'; known are {}", name, activation_names()));
}

bool keeps_shape(std::string_view activation) { return activation != "glu"; }

graph::ValueId lower_activation(graph::Builder& builder, graph::ValueId src,
                                std::string_view activation) {
  return find(activation)->lower(builder, src);
}

}  // namespace pronghorn::model
