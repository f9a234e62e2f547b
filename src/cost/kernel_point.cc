#include "cost/kernel_point.h"

#include <algorithm>
#include <cmath>

#include "graph/op_kind.h"
#include "graph/ops/batch_matmul.h"
#include "graph/ops/conv2d.h"
#include "graph/ops/conv2d_max_pool2d_backward.h"
#include "graph/ops/matmul.h"
#include "graph/ops/matmul_update.h"
#include "graph/ops/optimizer_update.h"
#include "graph/ops/pool2d.h"
#include "graph/ops/recurrence.h"
#include "kernels/simd/matmul_panels.h"
#include "kernels/simd/simd.h"
#include "platform/batch_slices.h"

namespace pronghorn::cost {
namespace {

double log_of(int64_t extent) {
  return std::log2(static_cast<double>(std::max<int64_t>(1, extent)));
}

// A call's own cost no longer counts beyond 128 KiB: larger ones run at the same rate, but for
// where their operands are.
double log_of_bytes(double bytes) { return std::clamp(std::log2(std::max(1.0, bytes)), 0.0, 17.0); }

bool is_convolution(const graph::OpKind& kind) {
  return &kind == &graph::conv2d_kind() || &kind == &graph::conv2d_backward_data_kind() ||
         &kind == &graph::conv2d_backward_weights_kind() ||
         &kind == &graph::conv2d_max_pool2d_kind() ||
         &kind == &graph::conv2d_max_pool2d_backward_data_kind() ||
         &kind == &graph::conv2d_max_pool2d_backward_weights_kind();
}

bool is_pooling(const graph::OpKind& kind) {
  return &kind == &graph::max_pool2d_kind() || &kind == &graph::max_pool2d_backward_kind() ||
         &kind == &graph::average_pool2d_kind() || &kind == &graph::average_pool2d_backward_kind();
}

bool is_recurrence(const graph::OpKind& kind) {
  for (const graph::Cell cell : {graph::Cell::kSimpleRnn, graph::Cell::kLstm, graph::Cell::kGru})
    if (&kind == &graph::recurrence_kind(cell) || &kind == &graph::recurrence_backward_kind(cell))
      return true;
  return false;
}

std::vector<double> convolution_features(const graph::Conv2dGeometry& g) {
  return {log_of(g.group_channels()),
          log_of(g.is_depthwise() ? g.out_channels : g.group_out_channels()),
          log_of(g.out_height * g.out_width),
          log_of(BatchSlices(g.batch).rows(0)),
          log_of(g.kernel_h * g.kernel_w),
          log_of(g.window.stride_h * g.window.stride_w)};
}

}  // namespace

KernelPoint kernel_point(const kernels::KernelCase& kernel_case,
                         const kernels::Implementation& implementation) {
  const graph::Graph& graph = kernel_case.graph;
  const graph::Op& op = kernel_case.op;
  KernelPoint point;
  point.kernel = implementation.name();
  if (is_convolution(*op.kind) || op.kind == &graph::matmul_kind()) {
    point.work =
        2 * static_cast<double>(implementation.execution(kernel_case).multiply_accumulates);
    if (op.kind == &graph::matmul_kind()) {
      const graph::MatmulGeometry g = graph::matmul_geometry(graph, op);
      point.kernel += g.transpose_a ? " tn" : g.transpose_b ? " nt" : " nn";
      if (&implementation == &kernels::simd::matmul() &&
          kernels::simd::may_hold_zeros(graph, op.inputs[0]))
        point.kernel += " zeros";
      point.features = {log_of(g.m), log_of(g.n), log_of(g.k)};
    } else {
      // Where a kernel gathers gradients that are not zero, the bias's costs it nothing more.
      if (op.kind == &graph::conv2d_backward_weights_kind() && op.attributes.has("bias"))
        point.kernel += " bias";
      point.features = convolution_features(graph::conv2d_geometry(graph, op));
    }
    return point;
  }
  if (op.kind == &graph::batch_matmul_kind()) {
    const graph::BatchMatmulGeometry g = graph::batch_matmul_geometry(graph, op);
    point.kernel += g.transpose_a ? " tn" : g.transpose_b ? " nt" : " nn";
    point.work = 2 * static_cast<double>(op.kind->arithmetic(graph, op).multiply_accumulates);
    point.features = {log_of(g.m), log_of(g.n), log_of(g.k)};
    return point;
  }
  if (is_recurrence(*op.kind)) {
    const graph::RecurrenceGeometry g = graph::recurrence_geometry(graph, op);
    const graph::Cost cost = op.kind->arithmetic(graph, op);
    point.work =
        2 * static_cast<double>(cost.multiply_accumulates) + static_cast<double>(cost.other_flops);
    point.features = {log_of(g.units), log_of(BatchSlices::coarse(g.batch).rows(0)),
                      log_of(g.steps)};
    return point;
  }
  if (op.kind == &graph::matmul_update_kind()) {
    const graph::MatmulGeometry g = graph::gradient_geometry(graph, op);
    point.kernel += " " + op.attributes.text("optimizer");
    if (kernels::simd::may_hold_zeros(graph, op.inputs[1])) point.kernel += " zeros";
    point.features = {log_of(g.m), log_of(g.n), log_of(g.k)};
    point.work =
        2 * static_cast<double>(implementation.execution(kernel_case).multiply_accumulates);
    return point;
  }
  graph::Op plain = op;
  plain.epilogue.clear();
  // Operands of the epilogue are its own.
  size_t inputs = plain.inputs.size();
  for (const graph::Stage& stage : op.epilogue)
    if (stage.operand >= 0) inputs = std::min(inputs, static_cast<size_t>(stage.operand));
  if (!plain.inputs.empty()) plain.inputs.resize(std::max<size_t>(1, inputs));
  const graph::Cost cost = graph::cost(graph, plain);
  point.work = static_cast<double>(cost.bytes_read + cost.bytes_written);
  // What one call of a kernel sees is a slice of the batch.
  const auto slices = static_cast<double>(BatchSlices(std::max<int64_t>(1, graph.batch)).count());
  const Shape& shape = op.inputs.empty() ? kernel_case.output(0).shape : kernel_case.input(0).shape;
  point.features = {log_of_bytes(point.work / slices),
                    log_of(shape.rank() == 0 ? 1 : shape.back())};
  if (is_pooling(*op.kind)) {
    const graph::Pool2dWindow window = graph::pool2d_geometry(graph, op).window;
    point.features.push_back(log_of(window.pool_h * window.pool_w));
  }
  if (op.kind == &graph::optimizer_update_kind()) {
    point.kernel += " " + op.attributes.text("optimizer");
    point.features.pop_back();  // a weight is as good as a row of them
  }
  return point;
}

KernelPoint stage_point(const graph::Stage& stage, int64_t elements, std::string_view elementwise) {
  const graph::StageTraits& traits = graph::stage_traits(stage.function);
  KernelPoint point;
  point.kernel = std::string(elementwise) + " " + std::string(traits.name);
  point.work =
      static_cast<double>(elements) * sizeof(float) * (graph::has_full_operand(stage) ? 3 : 2);
  point.features = {log_of_bytes(point.work)};
  return point;
}

}  // namespace pronghorn::cost
