#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "graph/op.h"
#include "pronghorn/shape.h"

namespace pronghorn::graph {

// Who gives a value its contents.
enum class ValueRole : uint8_t {
  kInput,      // the caller, anew for each step: images, labels
  kParameter,  // a trainable weight; lives outside the arena, across steps
  kState,      // a non-trainable weight or an optimizer slot; likewise
  kTemporary,  // an op of this graph; lives in the arena between its first and last use
  kOutput,     // an op of this graph, and the caller reads it after the step
};

enum class ElementType : uint8_t { kFloat32, kUint8, kInt32 };
int64_t bytes_of(ElementType type);

// How the elements of an image tensor with logical shape (N, H, W, C) lie in memory. All other
// tensors are plain. Blocked layouts are oneDNN's nChw8c and nChw16c: (N, C/b, H, W, b).
enum class Layout : uint8_t { kPlain, kBlocked8, kBlocked16 };
const char* to_string(Layout layout);

struct TensorType {
  Shape shape;
  ElementType element = ElementType::kFloat32;
};

struct Value {
  std::string name;
  Shape shape;
  ElementType element = ElementType::kFloat32;
  ValueRole role = ValueRole::kTemporary;
  Layout layout = Layout::kPlain;

  int64_t bytes() const { return shape.elements() * bytes_of(element); }
};

// One step of a model (training or inference) as a list of ops on statically shaped values, in an
// order in which each value is written before it is read. Plain data: the builder makes it, the
// compiler's passes rewrite it, verify() checks it after each.
struct Graph {
  std::vector<Value> values;
  std::vector<Op> ops;
  // Images in a step; the extent of axis 0 of every batched value.
  int64_t batch = 0;

  const Value& value(ValueId id) const { return values[static_cast<size_t>(id)]; }
  Value& value(ValueId id) { return values[static_cast<size_t>(id)]; }
  const Value& input(const Op& op, int index) const {
    return value(op.inputs[static_cast<size_t>(index)]);
  }
  const Value& output(const Op& op, int index) const {
    return value(op.outputs[static_cast<size_t>(index)]);
  }

  // The value called `name`; throws std::logic_error where there is none.
  ValueId find(std::string_view name) const;

  // Throws std::logic_error, naming op and fault, unless every value is written once and before it
  // is read, and every op's outputs have the shapes that its kind infers.
  void verify() const;
};

}  // namespace pronghorn::graph
