// compare(): the ratio of two models' step times as factors that multiply to it.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/number_text.h"
#include "cost/findings.h"
#include "pronghorn/error.h"
#include "pronghorn/explain.h"

namespace pronghorn {
namespace {

using cost::seconds_of;

// A step's time, cut in two so that the parts add up to it: the ops that multiply and accumulate,
// and everything else.
struct Parts {
  double step = 0;
  double arithmetic = 0;
  double forward_macs = 0;   // per image
  double training_macs = 0;  // per image
};

Parts parts_of(const Explanation& e) {
  Parts parts;
  parts.step = e.step_seconds();
  double all = 0, products = 0;
  for (const OpCost& op : e.ops) {
    all += seconds_of(op);
    if (op.work.multiply_accumulates > 0) products += seconds_of(op);
  }
  // The medians of ops don't quite add up to the median of steps.
  parts.arithmetic = all > 0 ? parts.step * products / all : 0;
  parts.forward_macs = static_cast<double>(e.forward_multiply_accumulates);
  parts.training_macs = static_cast<double>(e.training_multiply_accumulates);
  return parts;
}

std::vector<Factor> factors_of(const Explanation& ea, const Explanation& eb) {
  const Parts a = parts_of(ea), b = parts_of(eb);
  const auto batch = static_cast<double>(ea.batch_size);
  std::vector<Factor> factors;
  const auto add = [&](const char* name, std::string what, double of_a, double of_b) {
    factors.push_back({name, std::move(what), of_a, of_b, of_b / of_a});
  };
  add("forward multiply-accumulates per image",
      "the work that the layers name; one multiply-accumulate is two flops", a.forward_macs,
      b.forward_macs);
  add("training over forward multiply-accumulates",
      "gradients: three times forward, less the first layer's gradient to its data, which nobody "
      "needs",
      a.training_macs / a.forward_macs, b.training_macs / b.forward_macs);
  add("picoseconds per multiply-accumulate",
      "the rate at which the products run; below 1 where the second model's are quicker",
      1e12 * a.arithmetic / (a.training_macs * batch),
      1e12 * b.arithmetic / (b.training_macs * batch));
  add("whole step over its products",
      "the time outside of products: pooling, dropout, reorders, loss, optimizer, overhead",
      a.step / a.arithmetic, b.step / b.arithmetic);
  return factors;
}

// Both models' layers, those that matter most to the difference first.
std::vector<LayerDifference> differences(const Explanation& a, const Explanation& b) {
  const double difference = b.step_seconds() - a.step_seconds();
  std::vector<LayerDifference> layers;
  const auto add = [&](const Explanation& e, double sign) {
    double all = 0;
    for (const LayerCost& layer : e.layers) all += layer.seconds();
    const double scale = all > 0 ? e.step_seconds() / all : 0;
    for (const LayerCost& layer : e.layers) {
      const double seconds = sign * scale * layer.seconds();
      if (seconds != 0)
        layers.push_back(
            {e.model, layer.name, seconds, difference == 0 ? 0 : seconds / difference});
    }
  };
  add(b, 1);
  add(a, -1);
  std::stable_sort(layers.begin(), layers.end(), [](const auto& x, const auto& y) {
    return std::abs(x.seconds) > std::abs(y.seconds);
  });
  return layers;
}

double most_macs_share(const LayerCost& layer, const Explanation& e) {
  return e.total.multiply_accumulates == 0 ? 0
                                           : static_cast<double>(layer.total.multiply_accumulates) /
                                                 static_cast<double>(e.total.multiply_accumulates);
}

const LayerCost& most_work(const Explanation& e) {
  return *std::max_element(e.layers.begin(), e.layers.end(), [](const auto& x, const auto& y) {
    return x.total.multiply_accumulates < y.total.multiply_accumulates;
  });
}

// "16.3 times as many", "0.17 times as many" said the way people do.
std::string parameters_text(const Explanation& a, const Explanation& b) {
  const double ratio = static_cast<double>(b.parameters) / static_cast<double>(a.parameters);
  if (ratio < 1) return fmt::format("{} times fewer parameters", times(1 / ratio));
  return fmt::format("{} times as many parameters", times(ratio));
}

std::string slower_text(const Comparison& c) {
  return c.ratio >= 1 ? fmt::format("takes {} times as long as", times(c.ratio))
                      : fmt::format("is {} times as fast as", times(1 / c.ratio));
}

std::string answer_of(const Comparison& c) {
  std::string product;
  for (const Factor& factor : c.factors)
    product += fmt::format("{}{}", product.empty() ? "" : " x ", times(factor.ratio));
  const bool slower_with_fewer = c.ratio > 1 && c.b.parameters < c.a.parameters;
  return fmt::format(
      "A training step of {} {} one of {} ({} against {}{}), {} {}: it does {} times the training "
      "multiply-accumulates ({} times forward, and {} times that for gradients), each in {} of the "
      "time, and time outside of products brings a factor of {} ({} = {}).",
      c.b.model, slower_text(c), c.a.model, duration(c.b.step_seconds()),
      duration(c.a.step_seconds()), c.measured ? "" : ", predicted",
      slower_with_fewer ? "though it has" : "with", parameters_text(c.a, c.b),
      times(c.factors[0].ratio * c.factors[1].ratio), times(c.factors[0].ratio),
      times(c.factors[1].ratio), times(c.factors[2].ratio), times(c.factors[3].ratio), product,
      times(c.ratio));
}

std::string paragraph_of(const Comparison& c) {
  const LayerCost& heavy = most_work(c.b);
  const LayerCost& other = most_work(c.a);
  std::string text = fmt::format("In {}, {} ({}) does {} of the multiply-accumulates. ", c.b.model,
                                 heavy.name, heavy.type, percent(most_macs_share(heavy, c.b)));
  if (heavy.uses_per_weight > 1.5)
    text += fmt::format(
        "It has only {} parameters, but it slides them over the image: each is used {} times per "
        "image, and again as often for each of its gradients. ",
        with_commas(heavy.parameters), with_commas(std::llround(heavy.uses_per_weight)));
  if (other.uses_per_weight > 0 && other.uses_per_weight < 1.5)
    text += fmt::format(
        "In {}, the heaviest layer is {} ({}), whose {} parameters are used once per image each. ",
        c.a.model, other.name, other.type, with_commas(other.parameters));
  text += fmt::format(
      "So {} needs {} multiply-accumulates ({} flops) per image to train, {} needs {} ({} flops): "
      "{} "
      "times as many. ",
      c.b.model, with_commas(c.b.training_multiply_accumulates),
      with_commas(2 * c.b.training_multiply_accumulates), c.a.model,
      with_commas(c.a.training_multiply_accumulates),
      with_commas(2 * c.a.training_multiply_accumulates),
      times(c.factors[0].ratio * c.factors[1].ratio));
  const double rate = 1 / c.factors[2].ratio;
  text += fmt::format("Its products run at {} times the rate", times(rate));
  if (c.b.total.executed_multiply_accumulates < c.b.total.multiply_accumulates)
    text += " (its kernels need fewer multiplications than the layers name)";
  text += fmt::format(", and {} of its time goes into other things than products, against {}.",
                      percent(1 - 1 / c.factors[3].b), percent(1 - 1 / c.factors[3].a));
  return text;
}

std::string of_parameters_of(const Comparison& c) {
  const auto update = [](const Explanation& e) {
    double seconds = 0;
    for (const OpCost& op : e.ops)
      if (op.phase == 3) seconds += seconds_of(op);
    return seconds;
  };
  const auto fused = [](const Explanation& e) {
    return std::any_of(e.ops.begin(), e.ops.end(), cost::is_fused_update);
  };
  const auto memory = [](const Explanation& e) {
    return static_cast<double>(4 * e.parameters + e.optimizer_bytes);
  };
  const std::string parameters =
      times(static_cast<double>(c.b.parameters) / static_cast<double>(c.a.parameters));
  const std::string updates =
      fused(c.a) || fused(c.b)
          ? fmt::format("the work of the optimizer's update ({} times the parameters)", parameters)
          : fmt::format(
                "the optimizer's update ({} against {}, {} times, for {} times the parameters)",
                duration(update(c.b)), duration(update(c.a)), times(update(c.b) / update(c.a)),
                parameters);
  return fmt::format(
      "What parameters do predict is {} and the memory of weights and optimizer ({}B against {}B). "
      "What they don't predict is the time of a step: that goes with how often each is used ({} "
      "and {} times per image and forward pass, on average).",
      updates, compact(memory(c.b)), compact(memory(c.a)),
      times(static_cast<double>(c.b.forward_multiply_accumulates) /
            static_cast<double>(c.b.parameters)),
      times(static_cast<double>(c.a.forward_multiply_accumulates) /
            static_cast<double>(c.a.parameters)));
}

void check(const Explanation& a, const Explanation& b) {
  for (const Explanation* e : {&a, &b}) {
    if (e->untrainable)
      throw ArgumentError(
          fmt::format("{} can't be compared: it can't be trained: {}", e->model, *e->untrainable));
    if (e->forward_multiply_accumulates == 0 || e->ops.empty())
      throw ArgumentError(
          fmt::format("{} can't be compared: it has no layer that multiplies", e->model));
  }
  if (a.batch_size != b.batch_size || a.threads != b.threads ||
      a.profile.has_value() != b.profile.has_value())
    throw ArgumentError(fmt::format(
        "{} and {} were explained for different batch sizes or threads, or only one was measured",
        a.model, b.model));
}

}  // namespace

Comparison compare(Explanation a, Explanation b) {
  check(a, b);
  Comparison comparison;
  comparison.a = std::move(a);
  comparison.b = std::move(b);
  comparison.measured = comparison.a.profile.has_value();
  comparison.ratio = comparison.b.step_seconds() / comparison.a.step_seconds();
  comparison.factors = factors_of(comparison.a, comparison.b);
  comparison.layers = differences(comparison.a, comparison.b);
  comparison.answer = answer_of(comparison);
  comparison.paragraph = paragraph_of(comparison);
  comparison.of_parameters = of_parameters_of(comparison);
  comparison.of_threads =
      cost::sentence_about_threads(comparison.a) + " " + cost::sentence_about_threads(comparison.b);
  return comparison;
}

}  // namespace pronghorn
