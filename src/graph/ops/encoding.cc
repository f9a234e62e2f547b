#include "graph/ops/encoding.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>

namespace pronghorn::graph {
namespace {

class CategoryEncoding final : public OpKind {
 public:
  std::string_view name() const override { return "category_encoding"; }
  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    const Shape& src = graph.input(op, 0).shape;
    std::vector<int64_t> extents(src.extents().begin(), src.extents().end());
    extents.back() = op.attributes.integer("classes");
    return {{Shape(std::move(extents))}};
  }
  std::vector<ValueId> gradient(Builder&, const Op&, std::span<const ValueId>,
                                const std::vector<bool>&) const override {
    return {kNoValue};
  }
  Cost arithmetic(const Graph& graph, const Op& op) const override {
    return {.other_flops = graph.input(op, 0).shape.elements()};
  }
};

class Bucketize final : public OpKind {
 public:
  std::string_view name() const override { return "bucketize"; }
  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    return {{graph.input(op, 0).shape}};
  }
  std::vector<ValueId> gradient(Builder&, const Op&, std::span<const ValueId>,
                                const std::vector<bool>&) const override {
    return {kNoValue};
  }
  // A comparison with each boundary.
  Cost arithmetic(const Graph& graph, const Op& op) const override {
    const std::string& boundaries = op.attributes.text("boundaries");
    const int64_t count = 1 + std::count(boundaries.begin(), boundaries.end(), ',');
    return {.other_flops = graph.input(op, 0).shape.elements() * count};
  }
};

class Constant final : public OpKind {
 public:
  std::string_view name() const override { return "constant"; }
  std::vector<TensorType> infer_outputs(const Graph&, const Op& op) const override {
    return {{Shape(op.attributes.integers("shape"))}};
  }
  Cost arithmetic(const Graph&, const Op&) const override { return {}; }
};

}  // namespace

const OpKind& category_encoding_kind() {
  static const CategoryEncoding kind;
  return kind;
}
const OpKind& bucketize_kind() {
  static const Bucketize kind;
  return kind;
}
const OpKind& constant_kind() {
  static const Constant kind;
  return kind;
}

std::string to_text(const std::vector<double>& numbers) {
  return fmt::format("{}", fmt::join(numbers, ", "));
}

std::vector<double> numbers_from_text(const std::string& text) {
  std::vector<double> numbers;
  for (const char* at = text.c_str(); *at != '\0';) {
    char* end = nullptr;
    numbers.push_back(std::strtod(at, &end));
    at = *end == ',' ? end + 1 : end;
  }
  return numbers;
}

ValueId category_encoding(Builder& builder, ValueId src, int64_t classes, bool count) {
  return builder.add_op(category_encoding_kind(), {src},
                        {{"classes", classes}, {"count", int64_t{count}}})[0];
}
ValueId bucketize(Builder& builder, ValueId src, const std::vector<double>& boundaries) {
  return builder.add_op(bucketize_kind(), {src}, {{"boundaries", to_text(boundaries)}})[0];
}
ValueId constant(Builder& builder, const Shape& shape, const std::vector<double>& values) {
  return builder.add_op(
      constant_kind(), {},
      {{"shape", std::vector<int64_t>(shape.extents().begin(), shape.extents().end())},
       {"values", to_text(values)}})[0];
}

}  // namespace pronghorn::graph
