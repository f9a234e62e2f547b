#pragma once

#include <cstdint>

#include "graph/ops/recurrence.h"

// What a step of a recurrence does beside its products, for the rows of a slice of the batch.
namespace pronghorn::kernels::simd {

// Rows that lie so many floats apart.
template <class Float>
struct Rows {
  Float* data = nullptr;
  int64_t stride = 0;

  Float* operator()(int64_t row) const { return data + row * stride; }
};

// One step. Where one of them is not there its data is null.
struct CellStep {
  int64_t rows, units;
  graph::CellActivation activation, recurrent_activation;
  bool reset_after;

  // Forward: the sums to be activated in place, of as many parts as are kept (recurrence.h).
  // Backward: what is kept of them.
  Rows<float> gates;
  Rows<const float> h_before;  // zero where there is none
  Rows<const float> c_before;  // lstm; likewise
  Rows<float> c;               // lstm
  Rows<float> h;
  // gru that resets after: what is added to the gates' sums, and its bias.
  Rows<const float> x;
  const float* x_bias;
  // gru that resets before: r h.
  Rows<float> reset_h;

  // Backward. The gradients to h and to c, in whose place those to the step before are left.
  Rows<float> diff_h;
  Rows<float> diff_c;
  Rows<float> diff_x;
  Rows<float> diff_recurrent;  // gru that resets after
  Rows<float> diff_reset_h;    // gru that resets before
};

// The code for one instruction set.
struct CellCode {
  void (*simple_rnn)(const CellStep& step);
  void (*lstm)(const CellStep& step);
  void (*gru_after)(const CellStep& step);
  // Of a gru that resets before, first z and r and r h, then the candidate and h.
  void (*gru_reset)(const CellStep& step);
  void (*gru_candidate)(const CellStep& step);

  void (*simple_rnn_backward)(const CellStep& step);
  void (*lstm_backward)(const CellStep& step);
  void (*gru_after_backward)(const CellStep& step);
  // First the gradients to z and the candidate, then, of that to r h, r's.
  void (*gru_candidate_backward)(const CellStep& step);
  void (*gru_reset_backward)(const CellStep& step);

  // to += from.
  void (*add)(const float* from, float* to, int64_t count);
};
CellCode cell_code();

}  // namespace pronghorn::kernels::simd
