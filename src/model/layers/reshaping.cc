#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "graph/ops/broadcast.h"
#include "graph/ops/reshape.h"
#include "graph/ops/transpose.h"
#include "model/config_reader.h"
#include "model/layer.h"
#include "model/layer_registry.h"

namespace pronghorn::model {
namespace {

// Flatten and Reshape are one view; nothing runs.
graph::ValueId lower_view(Lowering& lowering, graph::ValueId src, const Shape& shape) {
  const Shape& src_shape = lowering.builder.graph().value(src).shape;
  const Shape dst_shape = shape.with_batch(src_shape[0]);
  return src_shape == dst_shape ? src : graph::reshape(lowering.builder, src, dst_shape);
}

// All of a sample's elements in one row; of images with channels first, in the order that they have
// with channels last.
class Flatten final : public Layer {
 public:
  explicit Flatten(bool channels_first) : channels_first_(channels_first) {}

  std::string_view class_name() const override { return "Flatten"; }
  nlohmann::ordered_json config() const override {
    return {{"data_format", channels_first_ ? "channels_first" : "channels_last"}};
  }

  Shape output_shape(std::span<const Shape> inputs) const override {
    return {only_input(inputs).elements()};
  }

  graph::ValueId lower(Lowering& lowering, std::span<const graph::ValueId> inputs) const override {
    const Shape shape = lowering.builder.graph().value(inputs[0]).shape;
    graph::ValueId src = inputs[0];
    if (channels_first_ && shape.rank() > 2) {
      std::vector<int64_t> permutation{0};
      for (int axis = 2; axis < shape.rank(); ++axis) permutation.push_back(axis);
      permutation.push_back(1);
      src = graph::transpose(lowering.builder, src, std::move(permutation));
    }
    return lower_view(lowering, src, {shape.without_batch().elements()});
  }

 private:
  bool channels_first_;
};

class Reshape final : public Layer {
 public:
  explicit Reshape(Shape target) : target_(std::move(target)) {}

  std::string_view class_name() const override { return "Reshape"; }
  nlohmann::ordered_json config() const override {
    const auto extents = target_.extents();
    return {{"target_shape", std::vector<int64_t>(extents.begin(), extents.end())}};
  }

  Shape output_shape(std::span<const Shape> inputs) const override {
    const Shape& input = only_input(inputs);
    std::vector<int64_t> extents(target_.extents().begin(), target_.extents().end());
    int64_t known = 1;
    int64_t* unknown = nullptr;
    bool fits = true;
    for (int64_t& extent : extents) {
      if (extent == -1)
        unknown = &extent;
      else
        fits = fits && !__builtin_mul_overflow(known, extent, &known);
    }
    if (fits && unknown != nullptr && input.elements() % known == 0)
      *unknown = input.elements() / known;
    else if (!fits || known != input.elements())
      fail(fmt::format("target_shape {} does not have the {} elements of its input {}",
                       target_.to_string(), input.elements(), input.to_string_any_batch()));
    return Shape(std::move(extents));
  }

  graph::ValueId lower(Lowering& lowering, std::span<const graph::ValueId> inputs) const override {
    const Shape shape = lowering.builder.graph().value(inputs[0]).shape.without_batch();
    return lower_view(lowering, inputs[0], output_shape({&shape, 1}));
  }

 private:
  Shape target_;
};

// Axis i of the output is axis dims[i - 1] of the input; both count the batch as axis 0.
class Permute final : public Layer {
 public:
  explicit Permute(std::vector<int64_t> dims) : dims_(std::move(dims)) {}

  std::string_view class_name() const override { return "Permute"; }
  nlohmann::ordered_json config() const override { return {{"dims", dims_}}; }

  Shape output_shape(std::span<const Shape> inputs) const override {
    const Shape& input = only_input(inputs);
    if (static_cast<size_t>(input.rank()) != dims_.size())
      fail(fmt::format("permutes {} axes, its input {} has {}", dims_.size(),
                       input.to_string_any_batch(), input.rank()));
    std::vector<int64_t> extents;
    for (const int64_t axis : dims_) extents.push_back(input[static_cast<int>(axis) - 1]);
    return Shape(std::move(extents));
  }

  graph::ValueId lower(Lowering& lowering, std::span<const graph::ValueId> inputs) const override {
    std::vector<int64_t> permutation{0};
    permutation.insert(permutation.end(), dims_.begin(), dims_.end());
    return graph::transpose(lowering.builder, inputs[0], std::move(permutation));
  }

 private:
  std::vector<int64_t> dims_;
};

// The input n times: (features) becomes (n, features).
class RepeatVector final : public Layer {
 public:
  explicit RepeatVector(int64_t n) : n_(n) {}

  std::string_view class_name() const override { return "RepeatVector"; }
  nlohmann::ordered_json config() const override { return {{"n", n_}}; }

  Shape output_shape(std::span<const Shape> inputs) const override {
    return {n_, only_input(inputs, 1, "rows (features)")[0]};
  }

  graph::ValueId lower(Lowering& lowering, std::span<const graph::ValueId> inputs) const override {
    const Shape shape = lowering.builder.graph().value(inputs[0]).shape;
    const graph::ValueId row = graph::reshape(lowering.builder, inputs[0], {shape[0], 1, shape[1]});
    return graph::broadcast(lowering.builder, row, {shape[0], n_, shape[1]});
  }

 private:
  int64_t n_;
};

class Identity final : public Layer {
 public:
  std::string_view class_name() const override { return "Identity"; }
  nlohmann::ordered_json config() const override { return nlohmann::ordered_json::object(); }
  Shape output_shape(std::span<const Shape> inputs) const override { return only_input(inputs); }
  graph::ValueId lower(Lowering&, std::span<const graph::ValueId> inputs) const override {
    return inputs[0];
  }
};

}  // namespace

std::shared_ptr<Layer> make_flatten(ConfigReader& reader) {
  const std::string format =
      reader.one_of("data_format", "channels_last", {"channels_last", "channels_first"});
  return std::make_shared<Flatten>(format == "channels_first");
}

std::shared_ptr<Layer> make_permute(ConfigReader& reader) {
  const Shape dims = reader.shape("dims", /*allow_unknown=*/false);
  std::vector<int64_t> axes(dims.extents().begin(), dims.extents().end());
  std::vector<int64_t> sorted = axes;
  std::sort(sorted.begin(), sorted.end());
  for (size_t i = 0; i < sorted.size(); ++i)
    if (sorted[i] != static_cast<int64_t>(i) + 1)
      reader.fail("dims", fmt::format("is {}; it must have each of 1 to {} once, the batch being "
                                      "axis 0",
                                      dims.to_string(), sorted.size()));
  return std::make_shared<Permute>(std::move(axes));
}

std::shared_ptr<Layer> make_repeat_vector(ConfigReader& reader) {
  return std::make_shared<RepeatVector>(reader.positive("n"));
}

std::shared_ptr<Layer> make_identity(ConfigReader&) { return std::make_shared<Identity>(); }

std::shared_ptr<Layer> make_reshape(ConfigReader& reader) {
  Shape target = reader.shape("target_shape", /*allow_unknown=*/true);
  int unknown = 0;
  for (int64_t extent : target.extents()) unknown += extent == -1 ? 1 : 0;
  if (unknown > 1)
    reader.fail("target_shape",
                fmt::format("is {}; one extent at most may be -1", target.to_string()));
  return std::make_shared<Reshape>(std::move(target));
}

}  // namespace pronghorn::model
