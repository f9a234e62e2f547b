#pragma once

#include "graph/builder.h"
#include "graph/op_kind.h"

namespace pronghorn::graph {

// The recurrent part of Keras's SimpleRNN, LSTM and GRU over a sequence of T steps, with U units
// (keras/src/layers/rnn). What depends on the inputs alone, their product with the kernel, is taken
// of the whole sequence before, as one matmul; here x is that product, of G U numbers a step: one
// part of U for simple_rnn, four for lstm (i, f, g, o), three for gru (z, r, c). h and c are zero
// before the first step. a is the activation, s the recurrent activation, R the recurrent kernel
// (U, G U), b its bias, the second row of the op's.
//
//   simple_rnn  h' = a(x + h R)
//   lstm        i, f, o = s(x + h R), g = a(x + h R); c' = f c + i g; h' = o a(c')
//   gru         z, r = s(x + h R); h' = z h + (1 - z) n; n = a(x + (r h) R), or with reset_after
//               n = a(x + r (h R + b)), and z, r with b too
//
// Hochreiter and Schmidhuber, 1997; Cho et al., 2014.
//
//   forward   x (N, T, G U), R [, b (2, 3 U): gru's that resets after; row 0 is added to x]
//             -> dst [, what the gradient needs: keep]
//   backward  diff_dst, R, hidden, gates [, cells]
//             -> diff_x, before (N, T, U) [, gru: diff_recurrent (N, T, 3 U), or the reset r h]
//
// dst is h after every step (N, T, U), or after the last one (N, U) where `sequences` is 0. Of
// what is kept: gates (N, T, saved_parts U), cells (N, T, U; lstm), hidden (N, T, U; where dst is
// not it). `backwards` (1) takes the steps of x from the last to the first; dst's are in the order
// in which they were taken, or with `aligned` in that of x.
// `before` is h before each step, so that the gradient to R is a product of it with diff_x.
enum class Cell : uint8_t { kSimpleRnn, kLstm, kGru };
const OpKind& recurrence_kind(Cell cell);
const OpKind& recurrence_backward_kind(Cell cell);

// Activations whose slope is a function of their value.
enum class CellActivation : uint8_t { kLinear, kRelu, kSigmoid, kTanh, kHardSigmoid };
// By Keras's name; throws ArgumentError that lists the known.
CellActivation cell_activation(std::string_view name);
std::string_view cell_activation_names();

struct RecurrenceConfig {
  Cell cell = Cell::kSimpleRnn;
  std::string activation = "tanh";
  std::string recurrent_activation = "sigmoid";
  bool reset_after = false;
  bool sequences = false;
  bool backwards = false;
  bool aligned = false;
  // Whether a gradient will be taken.
  bool keep = false;
};
// bias is kNoValue but for a gru that resets after the product and has a bias.
ValueId recurrence(Builder& builder, ValueId x, ValueId recurrent_kernel, ValueId bias,
                   const RecurrenceConfig& config);

// What is true of an op of either direction.
struct RecurrenceGeometry {
  Cell cell;
  int64_t batch, steps, units;
  // In units: of x, and of what is kept of each step's gates; gru that resets after keeps z, r,
  // h R + b and n.
  int64_t parts, saved_parts;
  CellActivation activation, recurrent_activation;
  bool reset_after, sequences, backwards, aligned, keep;

  // The places of step number `step`, of the order in which steps are taken, in x and in dst.
  int64_t in(int64_t step) const { return backwards ? steps - 1 - step : step; }
  int64_t out(int64_t step) const { return aligned ? in(step) : step; }

  // Numbers of the forward op's outputs, and of the backward op's inputs; -1 for none.
  int gates_output() const { return keep && cell != Cell::kSimpleRnn ? 1 : -1; }
  int cells_output() const { return keep && cell == Cell::kLstm ? 2 : -1; }
  int hidden_output() const;
};
RecurrenceGeometry recurrence_geometry(const Graph& graph, const Op& op);

}  // namespace pronghorn::graph
