#include "graph/ops/recurrence.h"

#include <algorithm>
#include <cmath>

#include "kernels/reference/loop_kernel.h"

namespace pronghorn::kernels::reference {
namespace {

using graph::Cell;
using graph::CellActivation;

template <class T>
T activate(CellActivation activation, T x) {
  switch (activation) {
    case CellActivation::kLinear:
      return x;
    case CellActivation::kRelu:
      return x < 0 ? T(0) : x;
    case CellActivation::kSigmoid:
      return 1 / (1 + std::exp(-x));
    case CellActivation::kTanh:
      return std::tanh(x);
    case CellActivation::kHardSigmoid:  // relu6(x + 3) / 6
      return std::clamp((x + 3) / 6, T(0), T(1));
  }
  return x;
}

// The derivative where the value is y.
template <class T>
T slope(CellActivation activation, T y) {
  switch (activation) {
    case CellActivation::kLinear:
      return 1;
    case CellActivation::kRelu:
      return y > 0 ? 1 : 0;
    case CellActivation::kSigmoid:
      return y * (1 - y);
    case CellActivation::kTanh:
      return 1 - y * y;
    case CellActivation::kHardSigmoid:
      return y > 0 && y < 1 ? T(1) / 6 : T(0);
  }
  return 1;
}

// sums[j] += sum over i of a[i] R(i, first + j)
template <class T>
void add_product(const graph::RecurrenceGeometry& g, const T* a, const T* kernel, int64_t first,
                 int64_t columns, T* sums) {
  for (int64_t i = 0; i < g.units; ++i)
    for (int64_t j = 0; j < columns; ++j)
      sums[j] += a[i] * kernel[i * g.parts * g.units + first + j];
}

// sums[i] += sum over j of diff[j] R(i, first + j)
template <class T>
void add_transposed_product(const graph::RecurrenceGeometry& g, const T* diff, const T* kernel,
                            int64_t first, int64_t columns, T* sums) {
  for (int64_t i = 0; i < g.units; ++i)
    for (int64_t j = 0; j < columns; ++j)
      sums[i] += diff[j] * kernel[i * g.parts * g.units + first + j];
}

struct Forward {
  graph::RecurrenceGeometry g;
  bool has_bias;

  explicit Forward(const KernelCase& kernel_case)
      : g(graph::recurrence_geometry(kernel_case.graph, kernel_case.op)),
        has_bias(kernel_case.op.inputs.size() > 2) {}

  // The gates of a step (four parts at most, and the reset h), h, and c.
  int64_t workspace_elements() const { return 7 * g.units; }

  template <class T>
  void run(const Buffers& buffers, const RunContext&) const {
    const int64_t u = g.units;
    const auto kept = [&](int index) { return index < 0 ? nullptr : output<T>(buffers, index); };
    T* gates = workspace<T>(buffers);
    T* h = gates + 5 * u;
    T* c = h + u;
    for (int64_t n = 0; n < g.batch; ++n) {
      std::fill(h, h + 2 * u, T(0));
      for (int64_t s = 0; s < g.steps; ++s) {
        const T* x = input<T>(buffers, 0) + (n * g.steps + g.in(s)) * g.parts * u;
        step(x, input<T>(buffers, 1), has_bias ? input<T>(buffers, 2) : nullptr, s, gates, h, c);
        const auto keep = [&](int index, const T* from, int64_t parts, int64_t place) {
          if (T* to = kept(index))
            std::copy_n(from, parts * u, to + (n * g.steps + place) * parts * u);
        };
        keep(g.gates_output(), gates, g.saved_parts, s);
        keep(g.cells_output(), c, 1, s);
        keep(g.hidden_output(), h, 1, g.out(s));
      }
      if (!g.sequences) std::copy_n(h, u, output<T>(buffers, 0) + n * u);
    }
  }

  template <class T>
  void step(const T* x, const T* kernel, const T* bias, int64_t s, T* gates, T* h, T* c) const {
    const int64_t u = g.units;
    const auto outer = [&](T value) { return activate(g.activation, value); };
    const auto gate = [&](T value) { return activate(g.recurrent_activation, value); };
    const int64_t columns = g.parts * u;
    if (g.cell != Cell::kGru) {
      std::copy_n(x, columns, gates);
      if (s > 0) add_product(g, h, kernel, 0, columns, gates);
      for (int64_t j = 0; j < u; ++j) {
        if (g.cell == Cell::kSimpleRnn) {
          h[j] = outer(gates[j]);
          continue;
        }
        T& in = gates[j];
        T& forget = gates[u + j];
        T& candidate = gates[2 * u + j];
        T& out = gates[3 * u + j];
        in = gate(in);
        forget = gate(forget);
        candidate = outer(candidate);
        out = gate(out);
        c[j] = forget * c[j] + in * candidate;
        h[j] = out * outer(c[j]);
      }
      return;
    }
    T* update = gates;
    T* reset = gates + u;
    if (g.reset_after) {
      T* recurrent = gates + 2 * u;
      T* candidate = gates + 3 * u;
      for (int64_t j = 0; j < columns; ++j) gates[j] = bias ? bias[columns + j] : T(0);
      if (s > 0) add_product(g, h, kernel, 0, columns, gates);
      const auto of_x = [&](int64_t j) { return x[j] + (bias ? bias[j] : T(0)); };
      for (int64_t j = 0; j < u; ++j) {
        update[j] = gate(of_x(j) + update[j]);
        reset[j] = gate(of_x(u + j) + reset[j]);
        candidate[j] = outer(of_x(2 * u + j) + reset[j] * recurrent[j]);
        h[j] = update[j] * h[j] + (1 - update[j]) * candidate[j];
      }
      return;
    }
    T* candidate = gates + 2 * u;
    T* reset_h = gates + 4 * u;
    std::copy_n(x, columns, gates);
    if (s > 0) add_product(g, h, kernel, 0, 2 * u, gates);
    for (int64_t j = 0; j < u; ++j) {
      update[j] = gate(update[j]);
      reset[j] = gate(reset[j]);
      reset_h[j] = reset[j] * h[j];
    }
    if (s > 0) add_product(g, reset_h, kernel, 2 * u, u, candidate);
    for (int64_t j = 0; j < u; ++j) {
      candidate[j] = outer(candidate[j]);
      h[j] = update[j] * h[j] + (1 - update[j]) * candidate[j];
    }
  }
};

struct Backward {
  graph::RecurrenceGeometry g;

  explicit Backward(const KernelCase& kernel_case)
      : g(graph::recurrence_geometry(kernel_case.graph, kernel_case.op)) {}

  // The gradients to h and to c, h before the first step, and gru's gradient to r h.
  int64_t workspace_elements() const { return 4 * g.units; }

  template <class T>
  void run(const Buffers& buffers, const RunContext&) const {
    const int64_t u = g.units;
    T* diff_h = workspace<T>(buffers);
    T* diff_c = diff_h + u;
    T* zeros = diff_c + u;
    T* diff_reset_h = zeros + u;
    const T* kernel = input<T>(buffers, 1);
    for (int64_t n = 0; n < g.batch; ++n) {
      std::fill(diff_h, diff_h + 3 * u, T(0));
      const auto row = [&](T* data, int64_t place, int64_t parts) {
        return data + (n * g.steps + place) * parts * u;
      };
      for (int64_t s = g.steps - 1; s >= 0; --s) {
        const T* h = row(input<T>(buffers, 2), g.out(s), 1);
        const T* h_before = s > 0 ? row(input<T>(buffers, 2), g.out(s - 1), 1) : zeros;
        T* diff_x = row(output<T>(buffers, 0), g.in(s), g.parts);
        std::copy_n(h_before, u, row(output<T>(buffers, 1), g.in(s), 1));
        if (g.sequences)
          for (int64_t j = 0; j < u; ++j) diff_h[j] += row(input<T>(buffers, 0), g.out(s), 1)[j];
        else if (s == g.steps - 1)
          std::copy_n(input<T>(buffers, 0) + n * u, u, diff_h);

        if (g.cell == Cell::kSimpleRnn) {
          for (int64_t j = 0; j < u; ++j) diff_x[j] = diff_h[j] * slope(g.activation, h[j]);
        } else if (g.cell == Cell::kLstm) {
          const T* c = row(input<T>(buffers, 4), s, 1);
          const T* c_before = s > 0 ? row(input<T>(buffers, 4), s - 1, 1) : zeros;
          lstm(row(input<T>(buffers, 3), s, 4), c, c_before, diff_h, diff_c, diff_x);
        } else {
          const T* gates = row(input<T>(buffers, 3), s, g.saved_parts);
          T* third = row(output<T>(buffers, 2), g.in(s), g.reset_after ? 3 : 1);
          gru(gates, h_before, kernel, s, diff_h, diff_reset_h, diff_x, third);
          continue;
        }
        std::fill(diff_h, diff_h + u, T(0));
        if (s > 0) add_transposed_product(g, diff_x, kernel, 0, g.parts * u, diff_h);
      }
    }
  }

  template <class T>
  void lstm(const T* gates, const T* c, const T* c_before, const T* diff_h, T* diff_c,
            T* diff_x) const {
    const int64_t u = g.units;
    for (int64_t j = 0; j < u; ++j) {
      const T in = gates[j], forget = gates[u + j], candidate = gates[2 * u + j],
              out = gates[3 * u + j];
      const T cell = activate(g.activation, c[j]);
      diff_c[j] += diff_h[j] * out * slope(g.activation, cell);
      diff_x[j] = diff_c[j] * candidate * slope(g.recurrent_activation, in);
      diff_x[u + j] = diff_c[j] * c_before[j] * slope(g.recurrent_activation, forget);
      diff_x[2 * u + j] = diff_c[j] * in * slope(g.activation, candidate);
      diff_x[3 * u + j] = diff_h[j] * cell * slope(g.recurrent_activation, out);
      diff_c[j] *= forget;
    }
  }

  // Leaves in diff_h the gradient to h before the step.
  template <class T>
  void gru(const T* gates, const T* h_before, const T* kernel, int64_t s, T* diff_h,
           T* diff_reset_h, T* diff_x, T* third) const {
    const int64_t u = g.units;
    const T* update = gates;
    const T* reset = gates + u;
    const T* candidate = gates + (g.reset_after ? 3 : 2) * u;
    for (int64_t j = 0; j < u; ++j) {
      diff_x[j] =
          diff_h[j] * (h_before[j] - candidate[j]) * slope(g.recurrent_activation, update[j]);
      diff_x[2 * u + j] = diff_h[j] * (1 - update[j]) * slope(g.activation, candidate[j]);
      diff_h[j] *= update[j];
    }
    if (g.reset_after) {
      const T* recurrent = gates + 2 * u;
      for (int64_t j = 0; j < u; ++j) {
        diff_x[u + j] = diff_x[2 * u + j] * recurrent[j] * slope(g.recurrent_activation, reset[j]);
        third[j] = diff_x[j];
        third[u + j] = diff_x[u + j];
        third[2 * u + j] = diff_x[2 * u + j] * reset[j];
      }
      if (s > 0) add_transposed_product(g, third, kernel, 0, 3 * u, diff_h);
      return;
    }
    std::fill(diff_reset_h, diff_reset_h + u, T(0));
    if (s > 0) add_transposed_product(g, diff_x + 2 * u, kernel, 2 * u, u, diff_reset_h);
    for (int64_t j = 0; j < u; ++j) {
      diff_x[u + j] = diff_reset_h[j] * h_before[j] * slope(g.recurrent_activation, reset[j]);
      third[j] = reset[j] * h_before[j];
      diff_h[j] += diff_reset_h[j] * reset[j];
    }
    if (s > 0) add_transposed_product(g, diff_x, kernel, 0, 2 * u, diff_h);
  }
};

}  // namespace

const ReferenceImplementation& simple_rnn() {
  static const LoopImplementation<Forward> implementation("reference.simple_rnn");
  return implementation;
}
const ReferenceImplementation& simple_rnn_backward() {
  static const LoopImplementation<Backward> implementation("reference.simple_rnn_backward");
  return implementation;
}
const ReferenceImplementation& lstm() {
  static const LoopImplementation<Forward> implementation("reference.lstm");
  return implementation;
}
const ReferenceImplementation& lstm_backward() {
  static const LoopImplementation<Backward> implementation("reference.lstm_backward");
  return implementation;
}
const ReferenceImplementation& gru() {
  static const LoopImplementation<Forward> implementation("reference.gru");
  return implementation;
}
const ReferenceImplementation& gru_backward() {
  static const LoopImplementation<Backward> implementation("reference.gru_backward");
  return implementation;
}

}  // namespace pronghorn::kernels::reference
