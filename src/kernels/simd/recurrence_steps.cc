#include "kernels/simd/recurrence_steps.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/recurrence_steps.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h, which compiles this file once per instruction set.
#include <hwy/highway.h>

#include <algorithm>

#include "kernels/simd/activations-inl.h"
#include "kernels/simd/rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace pronghorn::kernels::simd {
namespace HWY_NAMESPACE {

using graph::CellActivation;

// Activates a row in place. A loop each, so that the choice is made once a row.
void activate(CellActivation activation, float* row, size_t count) {
  const D d;
  switch (activation) {
    case CellActivation::kLinear:
      return;
    case CellActivation::kRelu:
      return map(row, row, count, [=](V x) HWY_ATTR { return relu(d, x); });
    case CellActivation::kSigmoid:
      return map(row, row, count, [=](V x) HWY_ATTR { return sigmoid(d, x); });
    case CellActivation::kTanh:
      return map(row, row, count, [=](V x) HWY_ATTR { return hn::Tanh(d, x); });
    case CellActivation::kHardSigmoid: {
      const V sixth = hn::Set(d, 1.0f / 6), half = hn::Set(d, 0.5f), one = hn::Set(d, 1.0f);
      return map(row, row, count, [=](V x) HWY_ATTR {
        const V y = hn::MulAdd(x, sixth, half);
        const V low = hn::IfThenElse(hn::Lt(y, hn::Zero(d)), hn::Zero(d), y);
        return hn::IfThenElse(hn::Gt(low, one), one, low);
      });
    }
  }
}

// The derivative where the value is y.
HWY_INLINE V slope(CellActivation activation, V y) {
  const D d;
  const V one = hn::Set(d, 1.0f);
  switch (activation) {
    case CellActivation::kLinear:
      return one;
    case CellActivation::kRelu:
      return hn::IfThenElseZero(hn::Gt(y, hn::Zero(d)), one);
    case CellActivation::kSigmoid:
      return hn::Mul(y, hn::Sub(one, y));
    case CellActivation::kTanh:
      return hn::NegMulAdd(y, y, one);
    case CellActivation::kHardSigmoid:
      return hn::IfThenElseZero(hn::And(hn::Gt(y, hn::Zero(d)), hn::Lt(y, one)),
                                hn::Set(d, 1.0f / 6));
  }
  return one;
}

// A part of a row that may not be there.
template <class Part>
HWY_INLINE V load_or_zero(Part part, const float* row) {
  return row == nullptr ? hn::Zero(D()) : part.load(row);
}
HWY_INLINE const float* row_or_null(const Rows<const float>& rows, int64_t row) {
  return rows.data == nullptr ? nullptr : rows(row);
}

void simple_rnn(const CellStep& step) {
  for (int64_t row = 0; row < step.rows; ++row)
    activate(step.activation, step.h(row), static_cast<size_t>(step.units));
}

void lstm(const CellStep& step) {
  const auto units = static_cast<size_t>(step.units);
  for (int64_t row = 0; row < step.rows; ++row) {
    float* in = step.gates(row);
    float* forget = in + units;
    float* candidate = forget + units;
    float* out = candidate + units;
    activate(step.recurrent_activation, in, 2 * units);
    activate(step.activation, candidate, units);
    activate(step.recurrent_activation, out, units);
    const float* c_before = row_or_null(step.c_before, row);
    float* c = step.c(row);
    float* h = step.h(row);
    for_parts(units, [&](auto part) HWY_ATTR {
      const V kept = hn::Mul(part.load(forget), load_or_zero(part, c_before));
      const V cell = hn::MulAdd(part.load(in), part.load(candidate), kept);
      part.store(cell, c);
      part.store(cell, h);
    });
    activate(step.activation, h, units);
    for_parts(units,
              [&](auto part) HWY_ATTR { part.store(hn::Mul(part.load(out), part.load(h)), h); });
  }
}

// h = z h + (1 - z) n
HWY_INLINE void mix(const float* update, const float* candidate, const float* h_before, float* h,
                    size_t units) {
  for_parts(units, [&](auto part) HWY_ATTR {
    const V n = part.load(candidate);
    const V difference = hn::Sub(load_or_zero(part, h_before), n);
    part.store(hn::MulAdd(part.load(update), difference, n), h);
  });
}

void gru_after(const CellStep& step) {
  const auto units = static_cast<size_t>(step.units);
  for (int64_t row = 0; row < step.rows; ++row) {
    float* update = step.gates(row);
    float* reset = update + units;
    const float* recurrent = reset + units;
    float* candidate = reset + 2 * units;
    const float* x = step.x(row);
    for_parts(2 * units, [&](auto part) HWY_ATTR {
      const V of_x = hn::Add(part.load(x), load_or_zero(part, step.x_bias));
      part.store(hn::Add(of_x, part.load(update)), update);
    });
    activate(step.recurrent_activation, update, 2 * units);
    const float* bias = step.x_bias == nullptr ? nullptr : step.x_bias + 2 * units;
    for_parts(units, [&](auto part) HWY_ATTR {
      const V of_x = hn::Add(part.load(x + 2 * units), load_or_zero(part, bias));
      part.store(hn::MulAdd(part.load(reset), part.load(recurrent), of_x), candidate);
    });
    activate(step.activation, candidate, units);
    mix(update, candidate, row_or_null(step.h_before, row), step.h(row), units);
  }
}

void gru_reset(const CellStep& step) {
  const auto units = static_cast<size_t>(step.units);
  for (int64_t row = 0; row < step.rows; ++row) {
    float* update = step.gates(row);
    activate(step.recurrent_activation, update, 2 * units);
    const float* h_before = row_or_null(step.h_before, row);
    for_parts(units, [&](auto part) HWY_ATTR {
      part.store(hn::Mul(part.load(update + units), load_or_zero(part, h_before)),
                 step.reset_h(row));
    });
  }
}

void gru_candidate(const CellStep& step) {
  const auto units = static_cast<size_t>(step.units);
  for (int64_t row = 0; row < step.rows; ++row) {
    float* update = step.gates(row);
    float* candidate = update + 2 * units;
    activate(step.activation, candidate, units);
    mix(update, candidate, row_or_null(step.h_before, row), step.h(row), units);
  }
}

void simple_rnn_backward(const CellStep& step) {
  for (int64_t row = 0; row < step.rows; ++row)
    for_parts(static_cast<size_t>(step.units), [&](auto part) HWY_ATTR {
      const V steep = slope(step.activation, part.load(step.h(row)));
      part.store(hn::Mul(part.load(step.diff_h(row)), steep), step.diff_x(row));
    });
}

void lstm_backward(const CellStep& step) {
  const auto units = static_cast<size_t>(step.units);
  for (int64_t row = 0; row < step.rows; ++row) {
    const float* gates = step.gates(row);
    const float* c_before = row_or_null(step.c_before, row);
    const float* diff_h = step.diff_h(row);
    float* diff_c = step.diff_c(row);
    float* diff_x = step.diff_x(row);
    // The activated cell, for a while where the gradient to the output gate will stand.
    float* activated = diff_x + 3 * units;
    std::copy_n(step.c(row), units, activated);
    activate(step.activation, activated, units);
    for_parts(units, [&](auto part) HWY_ATTR {
      const V in = part.load(gates), forget = part.load(gates + units);
      const V candidate = part.load(gates + 2 * units), out = part.load(gates + 3 * units);
      const V cell = part.load(activated), to_h = part.load(diff_h);
      const V to_c =
          hn::MulAdd(hn::Mul(to_h, out), slope(step.activation, cell), part.load(diff_c));
      const auto gate = [&](V diff, V value) HWY_ATTR {
        return hn::Mul(diff, slope(step.recurrent_activation, value));
      };
      part.store(gate(hn::Mul(to_c, candidate), in), diff_x);
      part.store(gate(hn::Mul(to_c, load_or_zero(part, c_before)), forget), diff_x + units);
      part.store(hn::Mul(hn::Mul(to_c, in), slope(step.activation, candidate)), diff_x + 2 * units);
      part.store(gate(hn::Mul(to_h, cell), out), diff_x + 3 * units);
      part.store(hn::Mul(to_c, forget), diff_c);
    });
  }
}

// Of z and the candidate, and of h by way of z alone.
template <class Part>
HWY_INLINE V update_backward(const CellStep& step, Part part, const float* update,
                             const float* candidate, const float* h_before, float* diff_h,
                             float* diff_x) {
  const V z = part.load(update), n = part.load(candidate), to_h = part.load(diff_h);
  const V difference = hn::Sub(load_or_zero(part, h_before), n);
  part.store(hn::Mul(hn::Mul(to_h, difference), slope(step.recurrent_activation, z)), diff_x);
  const V kept = hn::Mul(to_h, z);
  const V to_candidate = hn::Mul(hn::Sub(to_h, kept), slope(step.activation, n));
  part.store(to_candidate, diff_x + 2 * step.units);
  part.store(kept, diff_h);
  return to_candidate;
}

void gru_after_backward(const CellStep& step) {
  const auto units = static_cast<size_t>(step.units);
  for (int64_t row = 0; row < step.rows; ++row) {
    const float* gates = step.gates(row);
    float* diff_x = step.diff_x(row);
    float* diff_recurrent = step.diff_recurrent(row);
    for_parts(units, [&](auto part) HWY_ATTR {
      const V to_candidate =
          update_backward(step, part, gates, gates + 3 * units, row_or_null(step.h_before, row),
                          step.diff_h(row), diff_x);
      const V reset = part.load(gates + units), recurrent = part.load(gates + 2 * units);
      const V to_reset =
          hn::Mul(hn::Mul(to_candidate, recurrent), slope(step.recurrent_activation, reset));
      part.store(to_reset, diff_x + units);
      part.store(part.load(diff_x), diff_recurrent);
      part.store(to_reset, diff_recurrent + units);
      part.store(hn::Mul(to_candidate, reset), diff_recurrent + 2 * units);
    });
  }
}

void gru_candidate_backward(const CellStep& step) {
  const auto units = static_cast<size_t>(step.units);
  for (int64_t row = 0; row < step.rows; ++row) {
    const float* gates = step.gates(row);
    const float* h_before = row_or_null(step.h_before, row);
    for_parts(units, [&](auto part) HWY_ATTR {
      update_backward(step, part, gates, gates + 2 * units, h_before, step.diff_h(row),
                      step.diff_x(row));
      part.store(hn::Mul(part.load(gates + units), load_or_zero(part, h_before)),
                 step.reset_h(row));
    });
  }
}

void gru_reset_backward(const CellStep& step) {
  const auto units = static_cast<size_t>(step.units);
  for (int64_t row = 0; row < step.rows; ++row) {
    const float* reset = step.gates(row) + units;
    const float* h_before = row_or_null(step.h_before, row);
    const float* diff_reset_h = step.diff_reset_h(row);
    float* diff_h = step.diff_h(row);
    for_parts(units, [&](auto part) HWY_ATTR {
      const V r = part.load(reset), to_reset_h = part.load(diff_reset_h);
      const V to_reset = hn::Mul(hn::Mul(to_reset_h, load_or_zero(part, h_before)),
                                 slope(step.recurrent_activation, r));
      part.store(to_reset, step.diff_x(row) + units);
      part.store(hn::MulAdd(to_reset_h, r, part.load(diff_h)), diff_h);
    });
  }
}

void add(const float* from, float* to, int64_t count) {
  map(to, from, to, static_cast<size_t>(count), [](V a, V b) HWY_ATTR { return hn::Add(a, b); });
}

CellCode code_of_cells() {
  return {.simple_rnn = &simple_rnn,
          .lstm = &lstm,
          .gru_after = &gru_after,
          .gru_reset = &gru_reset,
          .gru_candidate = &gru_candidate,
          .simple_rnn_backward = &simple_rnn_backward,
          .lstm_backward = &lstm_backward,
          .gru_after_backward = &gru_after_backward,
          .gru_candidate_backward = &gru_candidate_backward,
          .gru_reset_backward = &gru_reset_backward,
          .add = &add};
}

}  // namespace HWY_NAMESPACE
}  // namespace pronghorn::kernels::simd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include "kernels/simd/dispatch.h"

namespace pronghorn::kernels::simd {

HWY_EXPORT(code_of_cells);

CellCode cell_code() {
  choose_target();
  return HWY_DYNAMIC_DISPATCH(code_of_cells)();
}

}  // namespace pronghorn::kernels::simd

#endif  // HWY_ONCE
