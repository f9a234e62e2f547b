#include "kernels/simd/matmul_panels.h"

#include <bit>

#include "base/ceil_div.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/pool2d.h"
#include "graph/ops/reshape.h"
#include "kernels/simd/workspace.h"

namespace pronghorn::kernels::simd {

using graph::MatmulGeometry;

namespace {

// Few panels leave threads without work: rows are cut too then, but each chunk packs its panel
// anew, which takes as long as some three of its rows.
constexpr int64_t kFewTasks = 4;
constexpr int64_t kChunkRows = 64;

// Lists that keep more than this share of k don't pay for the loads that are no longer shared by
// six rows.
constexpr double kMostKept = 0.85;

// Lists that a thread makes at a time.
constexpr int64_t kListsAtOnce = 16;

int64_t panels_of(const MatmulGeometry& g, const PanelCode& code) {
  return ceil_div(g.n, code.panel_columns);
}

int64_t chunk_rows_of(const MatmulGeometry& g, const PanelCode& code) {
  const int64_t chunks = std::clamp<int64_t>(g.m / kChunkRows, 1, kFewTasks);
  if (panels_of(g, code) >= kFewTasks || chunks == 1) return g.m;
  // Whole lists.
  return ceil_div(ceil_div(g.m, chunks), code.sparse_rows) * code.sparse_rows;
}

}  // namespace

PanelProduct::PanelProduct(const MatmulGeometry& geometry, int threads, bool seek_zeros)
    : g_(geometry),
      code_(panel_code()),
      threads_(threads),
      seek_zeros_(seek_zeros),
      panels_(panels_of(g_, code_)),
      chunk_rows_(chunk_rows_of(g_, code_)),
      rounds_(ceil_div(g_.k, kMostDepth)),
      depth_(ceil_div(g_.k, rounds_)) {
  chunks_ = ceil_div(g_.m, chunk_rows_);
}

int64_t PanelProduct::tasks(const MatmulGeometry& geometry) {
  const PanelCode code = panel_code();
  return panels_of(geometry, code) * ceil_div(geometry.m, chunk_rows_of(geometry, code));
}

size_t PanelProduct::workspace_bytes() const {
  int64_t words = threads_ * whole_lines(panel_floats());
  if (g_.transpose_a) words += whole_lines(g_.m * a_stride());
  if (seek_zeros_) words += whole_lines(lists_count()) + lists_count() * list_capacity();
  return static_cast<size_t>(words) * sizeof(float);
}

void PanelProduct::bind(const float* a, const float* b, std::byte* workspace) {
  a_ = a;
  b_ = b;
  panel_storage_ = reinterpret_cast<float*>(workspace);
  transposed_ = panel_storage_ + threads_ * whole_lines(panel_floats());
  counts_ = reinterpret_cast<int32_t*>(transposed_ +
                                       (g_.transpose_a ? whole_lines(g_.m * a_stride()) : 0));
  lists_ = counts_ + whole_lines(lists_count());
}

PanelProduct::Task PanelProduct::prepare_task(int64_t task, int64_t round, int thread) const {
  Task part;
  const int64_t panel = task / chunks_, chunk = task % chunks_;
  part.first_row = chunk * chunk_rows_;
  part.last_row = std::min(g_.m, part.first_row + chunk_rows_);
  part.column = panel * code_.panel_columns;
  const int64_t columns = std::min(code_.panel_columns, g_.n - part.column);
  const int64_t first_k = round * depth_;
  // Tiles are of 1, 2, 4... vectors.
  const auto vectors = static_cast<uint64_t>(ceil_div(columns, code_.lanes));
  const int64_t stride = static_cast<int64_t>(std::bit_ceil(vectors)) * code_.lanes;
  float* const packed = panel_storage_ + thread * whole_lines(panel_floats());
  if (g_.transpose_b)
    code_.transpose(b_ + part.column * g_.k + first_k, g_.k, depth(round), columns, packed, stride);
  else
    code_.pack(b_ + first_k * g_.n + part.column, g_.n, depth(round), columns, packed, stride);
  part.product = {rows_of_a(round), a_stride(), 0, packed,  stride,
                  depth(round),     nullptr,    0, columns, round > 0};
  return part;
}

bool PanelProduct::prepare_a(const RunContext& context, int64_t round) {
  if (!g_.transpose_a && !seek_zeros_) return false;
  const int64_t rows = code_.sparse_rows;
  context.parallel.for_ranges(lists_count(), kListsAtOnce, [&](int64_t first, int64_t last) {
    const int64_t first_row = first * rows, last_row = std::min(g_.m, last * rows);
    if (g_.transpose_a)
      code_.transpose(a_ + round * depth_ * g_.m + first_row, g_.m, last_row - first_row,
                      depth(round), transposed_ + first_row * a_stride(), a_stride());
    if (!seek_zeros_) return;
    for (int64_t index = first; index < last; ++index)
      counts_[index] =
          code_.list_nonzeros(rows_of_a(round) + index * rows * a_stride(), a_stride(),
                              std::min(rows, g_.m - index * rows), depth(round), list(index));
  });
  if (!seek_zeros_) return false;
  int64_t kept = 0;
  for (int64_t index = 0; index < lists_count(); ++index) kept += counts_[index];
  return static_cast<double>(kept) < kMostKept * static_cast<double>(lists_count() * depth(round));
}

bool may_hold_zeros(const graph::Graph& graph, graph::ValueId value) {
  if (graph.value(value).role == graph::ValueRole::kInput) return true;
  // From the last op to the first, since a value is written before it is read.
  for (auto op = graph.ops.rbegin(); op != graph.ops.rend(); ++op) {
    if (op->outputs.empty() || op->outputs[0] != value) continue;
    for (const graph::Stage& stage : op->epilogue)
      if (stage.function == graph::StageFunction::kRelu ||
          stage.function == graph::StageFunction::kReluBackward ||
          stage.function == graph::StageFunction::kDropout)
        return true;
    if (op->kind != &graph::reshape_kind() && op->kind != &graph::reorder_kind() &&
        op->kind != &graph::max_pool2d_kind())
      return false;
    value = op->inputs[0];
    if (graph.value(value).role == graph::ValueRole::kInput) return true;
  }
  return false;
}

}  // namespace pronghorn::kernels::simd
