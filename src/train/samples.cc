#include "train/samples.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "pronghorn/error.h"
#include "train/training_data.h"

namespace pronghorn::train {
namespace {

// Runs `check`; what it throws gets the array's name in front, where a model has several.
template <class Check>
void naming(const std::string& what, bool several, Check&& check) {
  try {
    check();
  } catch (const ShapeError& error) {
    if (!several) throw;
    throw ShapeError(fmt::format("{}: {}", what, error.what()));
  } catch (const ArgumentError& error) {
    if (!several) throw;
    throw ArgumentError(fmt::format("{}: {}", what, error.what()));
  }
}

// The arrays in the order of `names`, null where there is none. An array without a name has the
// next place of those that need one.
std::vector<const Array*> in_order(const Arrays& arrays, const std::vector<std::string>& names,
                                   const std::vector<bool>& needed, const char* what) {
  std::vector<const Array*> ordered(names.size(), nullptr);
  const auto count_needed = std::count(needed.begin(), needed.end(), true);
  const bool for_all = arrays.entries().size() == names.size();
  size_t place = 0;
  for (const Arrays::Entry& entry : arrays.entries()) {
    size_t at = names.size();
    if (entry.name.empty()) {
      while (!for_all && place < names.size() && !needed[place]) ++place;
      at = place++;
    } else {
      at = static_cast<size_t>(std::find(names.begin(), names.end(), entry.name) - names.begin());
      if (at == names.size())
        throw ArgumentError(fmt::format("the model has no {} '{}'; it has {}", what, entry.name,
                                        fmt::join(names, ", ")));
    }
    if (at >= names.size())
      throw ArgumentError(fmt::format("{} arrays for the model's {}s, of which it has {}{}",
                                      arrays.entries().size(), what, names.size(),
                                      count_needed < static_cast<std::ptrdiff_t>(names.size())
                                          ? fmt::format(" ({} with labels)", count_needed)
                                          : ""));
    ordered[at] = entry.array;
  }
  for (size_t i = 0; i < names.size(); ++i)
    if (needed[i] && ordered[i] == nullptr)
      throw ArgumentError(fmt::format("there is no array for the {} '{}'", what, names[i]));
  return ordered;
}

std::vector<std::string> names_of(const std::vector<OutputPlan>& plans) {
  std::vector<std::string> names;
  for (const OutputPlan& plan : plans) names.push_back(plan.name);
  return names;
}

// Labels of an output that only metrics look at.
LabelKind check_seen_labels(const Array& y, int64_t samples, const OutputPlan& plan) {
  if (y.samples() != samples)
    throw ArgumentError(fmt::format("{} samples, but {} labels", samples, y.samples()));
  const int64_t given = y.shape.without_batch().elements();
  if (given == plan.shape.elements()) return LabelKind::kRows;
  if (given == plan.rows()) return LabelKind::kClassNumbers;
  throw ShapeError(fmt::format("labels of {} don't suit the model's outputs {}",
                               y.shape.without_batch().to_string(), plan.shape.to_string()));
}

void add_labels(const OutputPlan& plan, const Array& y, int64_t samples, Samples& all,
                Samples::Output& output) {
  if (!plan.has_loss()) {
    output.labels = &y;
    output.kind = check_seen_labels(y, samples, plan);
    return;
  }
  const graph::LossFunction function = plan.compiled.formula->function;
  auto storage = std::make_shared<Array>();
  output.labels = &check_labels(y, samples, plan.shape, function, *storage, plan.loss.ignore_class);
  output.kind = label_kind(function);
  if (output.labels == storage.get()) all.kept.push_back(std::move(storage));
}

void add_weights(const OutputPlan& plan, const Array& weights, int64_t samples, Samples& all,
                 Samples::Output& output) {
  if (weights.samples() != samples)
    throw ArgumentError(
        fmt::format("{} samples, but {} sample weights", samples, weights.samples()));
  const int64_t rows = plan.rows(), given = weights.shape.without_batch().elements();
  if (static_cast<int64_t>(weights.values.size()) != weights.shape.elements())
    throw ArgumentError(fmt::format("the sample weights have shape {}, but {} values",
                                    weights.shape.to_string(), weights.values.size()));
  if (given != 1 && given != rows)
    throw ShapeError(
        fmt::format("sample weights of {}; one for each sample{} would be right",
                    weights.shape.without_batch().to_string(),
                    rows == 1 ? "" : fmt::format(", or {} for the rows of its output", rows)));
  for (size_t i = 0; i < weights.values.size(); ++i)
    if (!std::isfinite(weights.values[i]))
      throw ArgumentError(fmt::format("sample {}: the weight {} is no finite number",
                                      static_cast<int64_t>(i) / given, weights.values[i]));
  if (given == rows) {
    output.weights = &weights;
    return;
  }
  auto repeated = std::make_shared<Array>();
  repeated->shape = {samples, rows};
  for (const float weight : weights.values)
    repeated->values.insert(repeated->values.end(), static_cast<size_t>(rows), weight);
  output.weights = repeated.get();
  all.kept.push_back(std::move(repeated));
}

// The weight of each row by its class; a class without one has 1.
void add_class_weights(const OutputPlan& plan, const std::map<int64_t, double>& class_weight,
                       Samples& all, Samples::Output& output) {
  for (const auto& [number, weight] : class_weight)
    if (!std::isfinite(weight))
      throw ArgumentError(
          fmt::format("the weight of class {} is {}, no finite number", number, weight));
  const int64_t samples = output.labels->samples();
  // Of labels that are one number for each sample, that; else where the row's largest is.
  const bool numbers = output.kind == LabelKind::kClassNumbers || plan.classes() == 1;
  const int64_t classes = numbers ? 1 : plan.classes();
  auto weights = std::make_shared<Array>();
  weights->shape = {samples, plan.rows()};
  const float* labels = output.labels->values.data();
  for (int64_t row = 0; row < samples * plan.rows(); ++row) {
    const int64_t number =
        numbers ? std::lround(labels[row]) : argmax(labels + row * classes, classes);
    const auto found = class_weight.find(number);
    weights->values.push_back(found == class_weight.end() ? 1.0f
                                                          : static_cast<float>(found->second));
  }
  output.weights = weights.get();
  all.kept.push_back(std::move(weights));
}

}  // namespace

bool Samples::weighted() const {
  return std::any_of(outputs.begin(), outputs.end(),
                     [](const Output& output) { return output.weights != nullptr; });
}

std::vector<LabelKind> Samples::label_kinds() const {
  std::vector<LabelKind> kinds;
  for (const Output& output : outputs) kinds.push_back(output.kind);
  return kinds;
}

Samples check_inputs(const Arrays& x, const SampleShapes& shapes) {
  Samples samples;
  const std::vector<std::string>& names = shapes.input_names;
  samples.inputs = in_order(x, names, std::vector<bool>(names.size(), true), "input");
  for (size_t i = 0; i < names.size(); ++i)
    naming(fmt::format("input '{}'", names[i]), names.size() > 1, [&] {
      check_samples(*samples.inputs[i], shapes.input_shapes[i]);
      if (samples.inputs[i]->samples() != samples.inputs[0]->samples())
        throw ArgumentError(fmt::format("{} samples, but input '{}' has {}",
                                        samples.inputs[i]->samples(), names[0],
                                        samples.inputs[0]->samples()));
    });
  samples.end = samples.inputs[0]->samples();
  return samples;
}

Samples check_samples(const Arrays& x, const Arrays& y, const Arrays& sample_weight,
                      const std::map<int64_t, double>& class_weight, const SampleShapes& shapes) {
  Samples samples = check_inputs(x, shapes);
  const std::vector<OutputPlan>& plans = shapes.outputs;
  const std::vector<std::string> names = names_of(plans);
  const bool several = plans.size() > 1;
  samples.outputs.resize(plans.size());

  std::vector<bool> needed;
  for (const OutputPlan& plan : plans) needed.push_back(plan.needs_labels());
  const std::vector<const Array*> labels = in_order(y, names, needed, "output");
  for (size_t i = 0; i < plans.size(); ++i)
    if (needed[i])
      naming(fmt::format("output '{}'", names[i]), several,
             [&] { add_labels(plans[i], *labels[i], samples.end, samples, samples.outputs[i]); });

  if (!class_weight.empty()) {
    if (!sample_weight.empty())
      throw ArgumentError("class weights and sample weights don't go together");
    if (several)
      throw ArgumentError(fmt::format(
          "class weights are for models with one output; this one has {}", plans.size()));
    add_class_weights(plans[0], class_weight, samples, samples.outputs[0]);
    return samples;
  }
  if (sample_weight.empty()) return samples;
  // One without a name is for all outputs.
  const auto& entries = sample_weight.entries();
  const bool common = entries.size() == 1 && entries[0].name.empty();
  const std::vector<const Array*> weights =
      common ? std::vector<const Array*>(plans.size(), entries[0].array)
             : in_order(sample_weight, names, std::vector<bool>(plans.size(), false), "output");
  for (size_t i = 0; i < plans.size(); ++i)
    if (needed[i] && weights[i] != nullptr)
      naming(fmt::format("output '{}'", names[i]), several,
             [&] { add_weights(plans[i], *weights[i], samples.end, samples, samples.outputs[i]); });
  return samples;
}

}  // namespace pronghorn::train
