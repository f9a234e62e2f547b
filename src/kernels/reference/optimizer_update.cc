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
  graph::Attributes attributes;
  bool scaled;
  double weight_decay = 0, momentum = 0, rho = 0, epsilon = 0, beta_1 = 0, beta_2 = 0;
  bool nesterov = false, centered = false, epsilon_outside = false, amsgrad = false;

  explicit Loops(const KernelCase& kernel_case)
      : attributes(kernel_case.op.attributes), scaled(graph::is_scaled(kernel_case.op)) {
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
  double real(std::string_view name) const {
    return attributes.has(name) ? attributes.real(name) : 0.0;
  }
  // For the gradient times its scale.
  int64_t workspace_elements() const { return scaled ? elements : 0; }

  template <class T>
  void run(const Buffers& buffers, const RunContext& context) const {
    T* w = output<T>(buffers, 0);
    const T* g = input<T>(buffers, 1);
    if (scaled) {
      const T scale = *input<T>(buffers, static_cast<int>(buffers.inputs.size()) - 1);
      T* product = workspace<T>(buffers);
      for (int64_t i = 0; i < elements; ++i) product[i] = scale * g[i];
      g = product;
    }
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
      case OptimizerAlgorithm::kAdamax:
        return adamax(w, g, buffers, context);
      case OptimizerAlgorithm::kNadam:
        return nadam(w, g, buffers, context);
      case OptimizerAlgorithm::kFtrl:
        return ftrl(w, g, buffers, lr);
      case OptimizerAlgorithm::kLion:
        return lion(w, g, buffers, lr);
      case OptimizerAlgorithm::kAdafactor:
        break;  // a kind of its own
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
    const double t = static_cast<double>(graph::update_number(attributes, context.step));
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
  void adamax(T* w, const T* g, const Buffers& buffers, const RunContext& context) const {
    const double t = static_cast<double>(graph::update_number(attributes, context.step));
    const T rate = static_cast<T>(context.learning_rate / (1 - std::pow(beta_1, t)));
    T* m = output<T>(buffers, 1);
    T* u = output<T>(buffers, 2);
    for (int64_t i = 0; i < elements; ++i) {
      m[i] += static_cast<T>(1 - beta_1) * (g[i] - m[i]);
      u[i] = std::max(static_cast<T>(beta_2) * u[i], std::abs(g[i]));
      w[i] -= rate * m[i] / (u[i] + static_cast<T>(epsilon));
    }
  }

  template <class T>
  void nadam(T* w, const T* g, const Buffers& buffers, const RunContext& context) const {
    const graph::NadamFactors factors =
        graph::nadam_factors(beta_1, beta_2, graph::update_number(attributes, context.step));
    const T of_m = static_cast<T>(factors.momentum), of_g = static_cast<T>(factors.gradient);
    const T of_v = static_cast<T>(factors.velocity);
    const T lr = context.learning_rate;
    T* m = output<T>(buffers, 1);
    T* v = output<T>(buffers, 2);
    for (int64_t i = 0; i < elements; ++i) {
      m[i] += static_cast<T>(1 - beta_1) * (g[i] - m[i]);
      v[i] += static_cast<T>(1 - beta_2) * (g[i] * g[i] - v[i]);
      const T next = of_m * m[i] + of_g * g[i];
      w[i] -= lr * next / (std::sqrt(v[i] * of_v) + static_cast<T>(epsilon));
    }
  }

  template <class T>
  void ftrl(T* w, const T* g, const Buffers& buffers, T lr) const {
    const T power = static_cast<T>(-real("learning_rate_power"));
    const T shrinkage = static_cast<T>(2 * real("l2_shrinkage"));
    const T l1 = static_cast<T>(real("l1"));
    const T l2 = static_cast<T>(2 * real("l2")) + static_cast<T>(real("beta")) / lr;
    T* a = output<T>(buffers, 1);
    T* z = output<T>(buffers, 2);
    for (int64_t i = 0; i < elements; ++i) {
      const T before = std::pow(a[i], power);
      a[i] += g[i] * g[i];
      const T after = std::pow(a[i], power);
      z[i] += g[i] + shrinkage * w[i] - (after - before) / lr * w[i];
      w[i] = (std::min(std::max(z[i], -l1), l1) - z[i]) / (after / lr + l2);
    }
  }

  template <class T>
  void lion(T* w, const T* g, const Buffers& buffers, T lr) const {
    T* m = output<T>(buffers, 1);
    for (int64_t i = 0; i < elements; ++i) {
      const T direction = static_cast<T>(beta_1) * m[i] + static_cast<T>(1 - beta_1) * g[i];
      w[i] -= direction > 0 ? lr : direction < 0 ? -lr : direction;  // zero, or no number
      m[i] = static_cast<T>(beta_2) * m[i] + static_cast<T>(1 - beta_2) * g[i];
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
