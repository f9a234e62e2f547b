#include "graph/ops/clip_factor.h"

#include <stdexcept>

namespace pronghorn::graph {
namespace {

class ClipFactor final : public OpKind {
 public:
  std::string_view name() const override { return "clip_factor"; }

  std::vector<TensorType> infer_outputs(const Graph& graph, const Op& op) const override {
    for (const ValueId input : op.inputs)
      if (graph.value(input).shape.elements() != 1)
        throw std::logic_error("clip_factor takes scalars");
    return {{}};
  }

  Cost arithmetic(const Graph&, const Op& op) const override {
    return {.other_flops = static_cast<int64_t>(op.inputs.size()) + 2};
  }
};

}  // namespace

const OpKind& clip_factor_kind() {
  static const ClipFactor kind;
  return kind;
}

ValueId clip_factor(Builder& builder, std::vector<ValueId> sums_of_squares, double limit,
                    bool global) {
  return builder.add_op(clip_factor_kind(), std::move(sums_of_squares),
                        {{"limit", limit}, {"global", int64_t{global}}})[0];
}

}  // namespace pronghorn::graph
