#include "graph/ops/upsample2d.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "pronghorn/error.h"

namespace pronghorn::graph {
namespace {

Shape scaled(const Shape& shape, const Op& op, bool up) {
  const auto& size = op.attributes.integers("size");
  return up ? Shape{shape[0], shape[1] * size[0], shape[2] * size[1], shape[3]}
            : Shape{shape[0], shape[1] / size[0], shape[2] / size[1], shape[3]};
}

// A multiplication and an addition for each of what is mixed; the backward kind does the same.
Cost mixing(const Shape& dst, const Op& op) {
  const bool bilinear = op.attributes.text("interpolation") == "bilinear";
  return {.other_flops = bilinear ? 9 * dst.elements() : 0};
}

class Upsample2d final : public OpKind {
 public:
  std::string_view name() const override { return "upsample2d"; }
  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    const Shape& src = graph.input(op, 0).shape;
    if (src.rank() != 4)
      throw ShapeError(fmt::format("upsampling needs images (height, width, channels), not {}",
                                   src.without_batch().to_string()));
    return {{scaled(src, op, /*up=*/true)}};
  }
  std::vector<ValueId> gradient(Builder& builder, const Op& op,
                                std::span<const ValueId> diff_outputs,
                                const std::vector<bool>&) const override {
    builder.set_phase(Phase::kBackwardData);
    return builder.add_op(upsample2d_backward_kind(), {diff_outputs[0]}, op.attributes);
  }
  Cost arithmetic(const Graph& graph, const Op& op) const override {
    return mixing(graph.output(op, 0).shape, op);
  }
};

class Upsample2dBackward final : public OpKind {
 public:
  std::string_view name() const override { return "upsample2d_backward"; }
  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    return {{scaled(graph.input(op, 0).shape, op, /*up=*/false)}};
  }
  std::vector<ValueId> gradient(Builder& builder, const Op& op,
                                std::span<const ValueId> diff_outputs,
                                const std::vector<bool>&) const override {
    builder.set_phase(Phase::kBackwardData);
    return builder.add_op(upsample2d_kind(), {diff_outputs[0]}, op.attributes);
  }
  Cost arithmetic(const Graph& graph, const Op& op) const override {
    const Shape& diff_dst = graph.input(op, 0).shape;
    Cost cost = mixing(diff_dst, op);
    if (cost.other_flops == 0) cost.other_flops = diff_dst.elements();  // each is added once
    return cost;
  }
};

}  // namespace

const OpKind& upsample2d_kind() {
  static const Upsample2d kind;
  return kind;
}
const OpKind& upsample2d_backward_kind() {
  static const Upsample2dBackward kind;
  return kind;
}

Upsample2dGeometry upsample2d_geometry(const Graph& graph, const Op& op) {
  const bool backward = op.kind == &upsample2d_backward_kind();
  const Shape& src = backward ? graph.output(op, 0).shape : graph.input(op, 0).shape;
  const auto& size = op.attributes.integers("size");
  return {src[0],
          src[1],
          src[2],
          src[3],
          size[0],
          size[1],
          op.attributes.text("interpolation") == "bilinear" ? Interpolation::kBilinear
                                                            : Interpolation::kNearest};
}

std::vector<Mix> bilinear_mixes(int64_t extent, int64_t size) {
  std::vector<Mix> mixes;
  for (int64_t i = 0; i < extent * size; ++i) {
    const double place =
        std::clamp((static_cast<double>(i) + 0.5) / static_cast<double>(size) - 0.5, 0.0,
                   static_cast<double>(extent - 1));
    const auto first = static_cast<int64_t>(std::floor(place));
    mixes.push_back({first, std::min(first + 1, extent - 1),
                     static_cast<float>(place - static_cast<double>(first))});
  }
  return mixes;
}

ValueId upsample2d(Builder& builder, ValueId src, int64_t size_h, int64_t size_w,
                   Interpolation interpolation) {
  const char* name = interpolation == Interpolation::kBilinear ? "bilinear" : "nearest";
  return builder.add_op(
      upsample2d_kind(), {src},
      {{"size", std::vector<int64_t>{size_h, size_w}}, {"interpolation", std::string(name)}})[0];
}

}  // namespace pronghorn::graph
