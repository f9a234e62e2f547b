#include "kernels/simd/sparse_gradient.h"

#include "graph/op_kind.h"
#include "graph/ops/conv2d.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/pool2d.h"
#include "graph/ops/reshape.h"

namespace pronghorn::kernels::simd {

using graph::Conv2dGeometry;

namespace {

bool keeps_zeros(const graph::Op& op) {
  return std::all_of(op.epilogue.begin(), op.epilogue.end(),
                     [](const graph::Stage& stage) { return graph::keeps_zero(stage.function); });
}

// How many elements each pooling window has of which at most one has a gradient; 0 where the
// gradient comes from something else, or windows overlap.
int64_t pooled_window(const graph::Graph& graph, graph::ValueId diff_dst) {
  // From the last op to the first, since a value is written before it is read.
  for (auto op = graph.ops.rbegin(); op != graph.ops.rend(); ++op) {
    if (op->outputs.empty() || op->outputs[0] != diff_dst) continue;
    if (!keeps_zeros(*op)) return 0;
    if (op->kind == &graph::elementwise_kind() || op->kind == &graph::reorder_kind()) {
      diff_dst = op->inputs[0];
      continue;
    }
    if (op->kind != &graph::max_pool2d_backward_kind()) return 0;
    const graph::Pool2dWindow window = graph::pool2d_geometry(graph, *op).window;
    const bool apart = window.stride_h >= window.pool_h && window.stride_w >= window.pool_w;
    return apart ? window.pool_h * window.pool_w : 0;
  }
  return 0;
}

}  // namespace

ImageView image_view(float* tensor, const graph::Value& value, int64_t image) {
  const int64_t height = value.shape[1], width = value.shape[2], channels = value.shape[3];
  return image_view(tensor + image * height * width * channels, value.layout, height, width,
                    channels);
}

std::optional<std::string> SparseGradient::refuse(const KernelCase& kernel_case) const {
  const Conv2dGeometry g = conv2d_geometry(kernel_case.graph, kernel_case.op);
  const graph::Conv2dWindow& w = g.window;
  if (g.kernel_h != 3 || g.kernel_w != 3 || w.stride_h != 1 || w.stride_w != 1 ||
      w.dilation_h != 1 || w.dilation_w != 1)
    return "it is for 3x3 kernels with stride and dilation 1";
  if (w.padding.top > 2 || w.padding.left > 2)
    return "it is for paddings that the kernel reaches across";
  if (g.channels % 16 != 0 || g.out_channels % 16 != 0) return "it needs multiples of 16 channels";
  // Below four elements a window dense kernels win.
  if (pooled_window(kernel_case.graph, diff_dst(kernel_case.op)) < 4)
    return "its gradients don't come from max-pooling of separate windows, so they aren't sparse";
  return std::nullopt;
}

Execution SparseGradient::execution(const KernelCase& kernel_case) const {
  Execution execution = Implementation::execution(kernel_case);
  // At most; where relu cut a window's maximum there is none.
  const int64_t window = pooled_window(kernel_case.graph, diff_dst(kernel_case.op));
  if (window > 0) execution.multiply_accumulates /= window;
  return execution;
}

}  // namespace pronghorn::kernels::simd
