#pragma once

#include <algorithm>
#include <cstdint>

#include "graph/ops/matmul.h"
#include "kernels/kernel.h"

// Products of matrices, dst = a b: what `matmul` and the products with something behind them share.
//
// b is taken in panels of a few vectors of columns, packed row behind row, so that a thread's panel
// lies in its L2. Rows of dst are summed in registers while k runs down the panel: vectors of b
// times an element of a that stands in all lanes. Where a is full of zeros, a list says for each
// pair of its rows at which k one of the two is not zero, and k takes only those.
namespace pronghorn::kernels::simd {

// Some rows of dst times a panel of b.
struct PanelRows {
  const float* a;  // element (row, k) at a[row * a_stride + k]
  int64_t a_stride;
  int64_t rows;
  const float* panel;
  int64_t panel_stride;  // floats from one k to the next
  int64_t k;
  float* dst;
  int64_t dst_stride;
  int64_t columns;
  bool add;  // to what dst holds
};

// The code for one instruction set.
struct PanelCode {
  int64_t lanes;          // floats of a vector
  int64_t panel_columns;  // of a full panel
  int64_t dense_rows;     // the most that dense() takes
  int64_t sparse_rows;    // that share a list

  // Copies k rows of b to rows that are `stride`, whole vectors, apart, with zeros behind the last
  // column.
  void (*pack)(const float* b, int64_t ld, int64_t k, int64_t columns, float* panel,
               int64_t stride);
  // to[row * to_row + column] = from[column * from_row + row], with zeros behind the last column.
  void (*transpose)(const float* from, int64_t from_row, int64_t rows, int64_t columns, float* to,
                    int64_t to_row);
  // Lists where one of some rows of a is not zero; `list` has room for k and a vector more.
  // Returns how many.
  int32_t (*list_nonzeros)(const float* a, int64_t a_stride, int64_t rows, int64_t k,
                           int32_t* list);

  void (*dense)(const PanelRows& part);
  void (*sparse)(const PanelRows& part, const int32_t* list, int32_t count);
};
PanelCode panel_code();

// A product, cut into panels of columns and chunks of rows, each of which is a task; the cut and
// the order of each sum, which is that of k, are the same for any number of threads.
class PanelProduct {
 public:
  // The most of k that a panel holds: more is summed in several rounds.
  static constexpr int64_t kMostDepth = 1024;

  // `seek_zeros`: a is worth being searched for zeros.
  PanelProduct(const graph::MatmulGeometry& geometry, int threads, bool seek_zeros);

  static int64_t tasks(const graph::MatmulGeometry& geometry);

  int64_t panel_columns() const { return code_.panel_columns; }
  // Of a block.
  int64_t most_rows() const { return std::max(code_.dense_rows, code_.sparse_rows); }

  size_t workspace_bytes() const;
  void bind(const float* a, const float* b, std::byte* workspace);

  // For each block of rows of a panel: computes it at where(row, column, thread), which says too
  // how far its rows are apart, then calls done(row, rows, column, columns, thread).
  template <class Where, class Done>
  void run(const RunContext& context, Where&& where, Done&& done) {
    for (int64_t round = 0; round < rounds_; ++round) {
      const bool sparse = prepare_a(context, round);
      context.parallel.for_each(panels_ * chunks_, [&](int64_t task, int thread) {
        const Task part = prepare_task(task, round, thread);
        const int64_t step = sparse ? code_.sparse_rows : code_.dense_rows;
        // Blocks of about the same number of rows: none is left with one or two.
        const int64_t first_block = sparse ? part.first_row / step : 0;
        const int64_t rows = part.last_row - part.first_row;
        const int64_t blocks = (rows + step - 1) / step;
        for (int64_t block = 0; block < blocks; ++block) {
          const int64_t begin = part.first_row + (sparse ? block * step : block * rows / blocks);
          const int64_t end = sparse ? std::min(part.last_row, begin + step)
                                     : part.first_row + (block + 1) * rows / blocks;
          PanelRows product = part.product;
          product.a += begin * product.a_stride;
          product.rows = end - begin;
          where(product, begin, part.column, thread);
          if (sparse)
            code_.sparse(product, list(first_block + block), counts_[first_block + block]);
          else
            code_.dense(product);
          if (round + 1 == rounds_) done(begin, end - begin, part.column, product.columns, thread);
        }
      });
    }
  }

 private:
  struct Task {
    int64_t first_row, last_row, column;
    PanelRows product;
  };

  // Packs the task's panel.
  Task prepare_task(int64_t task, int64_t round, int thread) const;
  // Transposes a and lists where it is not zero, if asked for. Returns whether the lists are worth
  // going by.
  bool prepare_a(const RunContext& context, int64_t round);

  int64_t depth(int64_t round) const { return std::min(depth_, g_.k - round * depth_); }
  int64_t lists_count() const { return (g_.m + code_.sparse_rows - 1) / code_.sparse_rows; }
  int64_t list_capacity() const { return depth_ + code_.lanes; }
  int32_t* list(int64_t index) const { return lists_ + index * list_capacity(); }
  int64_t panel_floats() const { return depth_ * code_.panel_columns; }
  // Of the round's part of a.
  const float* rows_of_a(int64_t round) const {
    return g_.transpose_a ? transposed_ : a_ + round * depth_;
  }
  int64_t a_stride() const { return g_.transpose_a ? list_capacity() : g_.k; }

  graph::MatmulGeometry g_;
  PanelCode code_;
  int threads_;
  bool seek_zeros_;
  int64_t panels_, chunks_, chunk_rows_;
  int64_t rounds_, depth_;
  const float* a_ = nullptr;
  const float* b_ = nullptr;
  float* panel_storage_ = nullptr;
  float* transposed_ = nullptr;
  int32_t* counts_ = nullptr;
  int32_t* lists_ = nullptr;
};

// Below these, packing and narrow tiles take more than these products win.
inline constexpr int64_t kFewestPanelColumns = 64;
inline constexpr int64_t kFewestImages = 16;

// Whether many elements of a value are zero in most nets: images, and what relu or dropout has
// been applied to.
bool may_hold_zeros(const graph::Graph& graph, graph::ValueId value);

}  // namespace pronghorn::kernels::simd
