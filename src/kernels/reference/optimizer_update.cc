#include "graph/ops/optimizer_update.h"

#include <algorithm>
#include <cmath>

#include "kernels/reference/loop_kernel.h"

namespace pronghorn::kernels::reference {
namespace {

using graph::OptimizerAlgorithm;

// Formulas, names and the order of the slots: graph/ops/optimizer_update.h.
struct Loops {
  OptimizerAlgorithm algorithm;
  int64_t elements;
  double weight_decay = 0, momentum = 0, rho = 0, epsilon = 0, beta_1 = 0, beta_2 = 0;
  bool nesterov = false, centered = false, epsilon_outside = false, amsgrad = false;

  explicit Loops(const KernelCase& kernel_case) {
    const graph::Attributes& attributes = kernel_case.op.attributes;
    const auto real = [&](std::string_view name) {
      return attributes.has(name) ? attributes.real(name) : 0.0;
    };
    const auto flag = [&](std::string_view name) {
      return attributes.has(name) && attributes.integer(name) != 0;
    };
    algorithm = graph::optimizer_algorithm(attributes.text("optimizer"));
    elements = kernel_case.input(0).shape.elements();
    weight_decay = real("weight_decay");
    momentum = real("momentum");
    rho = real("rho");
    epsilon = real("epsilon");
    beta_1 = real("beta_1");
    beta_2 = real("beta_2");
    nesterov = flag("nesterov");
    centered = flag("centered");
    epsilon_outside = flag("epsilon_outside");
    amsgrad = flag("amsgrad");
  }
  int64_t workspace_elements() const { return 0; }

  template <class T>
  void run(const Buffers& buffers, const RunContext& context) const {
    T* w = output<T>(buffers, 0);
    const T* g = input<T>(buffers, 1);
    const T lr = context.learning_rate;
    if (weight_decay != 0)
      for (int64_t i = 0; i < elements; ++i) w[i] -= w[i] * static_cast<T>(weight_decay) * lr;
    switch (algorithm) {
      case OptimizerAlgorithm::kSgd:
        return sgd(w, g, buffers, lr);
      case OptimizerAlgorithm::kRmsprop:
        return rmsprop(w, g, buffers, lr);
      case OptimizerAlgorithm::kAdam:
        return adam(w, g, buffers, context);
      case OptimizerAlgorithm::kAdadelta:
        return adadelta(w, g, buffers, lr);
      case OptimizerAlgorithm::kAdagrad:
        return adagrad(w, g, buffers, lr);
    }
  }

  template <class T>
  void sgd(T* w, const T* g, const Buffers& buffers, T lr) const {
    if (momentum == 0) {
      for (int64_t i = 0; i < elements; ++i) w[i] -= lr * g[i];
      return;
    }
    const T mu = static_cast<T>(momentum);
    T* v = output<T>(buffers, 1);
    for (int64_t i = 0; i < elements; ++i) {
      v[i] = mu * v[i] - lr * g[i];
      w[i] += nesterov ? mu * v[i] - lr * g[i] : v[i];
    }
  }

  template <class T>
  void rmsprop(T* w, const T* g, const Buffers& buffers, T lr) const {
    const T keep = static_cast<T>(rho), take = static_cast<T>(1 - rho);
    const T mu = static_cast<T>(momentum), eps = static_cast<T>(epsilon);
    int slot = 1;
    T* v = output<T>(buffers, slot++);
    T* m = momentum > 0 ? output<T>(buffers, slot++) : nullptr;
    T* a = centered ? output<T>(buffers, slot++) : nullptr;
    for (int64_t i = 0; i < elements; ++i) {
      v[i] = keep * v[i] + take * g[i] * g[i];
      T variance = v[i];
      if (centered) {
        a[i] = keep * a[i] + take * g[i];
        variance -= a[i] * a[i];
      }
      const T root = epsilon_outside ? std::sqrt(variance) + eps : std::sqrt(variance + eps);
      T step = lr * g[i] / root;
      if (m != nullptr) step = m[i] = mu * m[i] + step;
      w[i] -= step;
    }
  }

  template <class T>
  void adam(T* w, const T* g, const Buffers& buffers, const RunContext& context) const {
    const T take_1 = static_cast<T>(1 - beta_1), take_2 = static_cast<T>(1 - beta_2);
    const double t = static_cast<double>(context.step) + 1;
    const T alpha = static_cast<T>(context.learning_rate * std::sqrt(1 - std::pow(beta_2, t)) /
                                   (1 - std::pow(beta_1, t)));
    T* m = output<T>(buffers, 1);
    T* v = output<T>(buffers, 2);
    T* h = amsgrad ? output<T>(buffers, 3) : v;
    for (int64_t i = 0; i < elements; ++i) {
      m[i] += take_1 * (g[i] - m[i]);
      v[i] += take_2 * (g[i] * g[i] - v[i]);
      h[i] = std::max(h[i], v[i]);
      w[i] -= alpha * m[i] / (std::sqrt(h[i]) + static_cast<T>(epsilon));
    }
  }

  template <class T>
  void adadelta(T* w, const T* g, const Buffers& buffers, T lr) const {
    const T keep = static_cast<T>(rho), take = static_cast<T>(1 - rho);
    const T eps = static_cast<T>(epsilon);
    T* a = output<T>(buffers, 1);
    T* x = output<T>(buffers, 2);
    for (int64_t i = 0; i < elements; ++i) {
      a[i] = keep * a[i] + take * g[i] * g[i];
      const T d = -g[i] * std::sqrt(x[i] + eps) / std::sqrt(a[i] + eps);
      x[i] = keep * x[i] + take * d * d;
      w[i] += lr * d;
    }
  }

  template <class T>
  void adagrad(T* w, const T* g, const Buffers& buffers, T lr) const {
    T* a = output<T>(buffers, 1);
    for (int64_t i = 0; i < elements; ++i) {
      a[i] += g[i] * g[i];
      w[i] -= lr * g[i] / std::sqrt(a[i] + static_cast<T>(epsilon));
    }
  }
};

}  // namespace

const ReferenceImplementation& optimizer_update() {
  static const LoopImplementation<Loops> implementation("reference.optimizer_update");
  return implementation;
}

}  // namespace pronghorn::kernels::reference
