#include "train/output_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "pronghorn/error.h"
#include "train/loss_name.h"
#include "train/metrics/make_metrics.h"

namespace pronghorn::train {
namespace {

// Metrics of the whole configuration: of the only output, or one for each.
void add_common_metrics(const std::vector<Metric>& metrics, const char* argument,
                        std::vector<Metric> OutputPlan::*place, std::vector<OutputPlan>& plans) {
  if (metrics.empty()) return;
  if (plans.size() == 1) {
    plans[0].*place = metrics;
    return;
  }
  if (metrics.size() != plans.size())
    throw ArgumentError(
        fmt::format("{} names {} for {} outputs; one for each output in order, or those of an "
                    "output by its name, would be right",
                    argument, metrics.size(), plans.size()));
  for (size_t i = 0; i < plans.size(); ++i) plans[i].*place = {metrics[i]};
}

size_t place_of(const OutputConfig& config, size_t place, const std::vector<std::string>& names) {
  if (config.output.empty()) {
    if (place < names.size()) return place;
    throw ArgumentError(fmt::format("losses or metrics for output {}, but the model has {}",
                                    place + 1, names.size()));
  }
  const auto found = std::find(names.begin(), names.end(), config.output);
  if (found == names.end())
    throw ArgumentError(fmt::format("the model has no output '{}'; it has {}", config.output,
                                    fmt::join(names, ", ")));
  return static_cast<size_t>(found - names.begin());
}

}  // namespace

std::vector<std::string> output_names(const model::Model& model) {
  std::vector<std::string> names;
  for (const int node : model.outputs)
    names.push_back(model.nodes[static_cast<size_t>(node)].layer->name());
  return names;
}

std::vector<OutputPlan> output_plans(const CompileConfig& config, const model::Model& model) {
  const std::vector<std::string> names = output_names(model);
  std::vector<OutputPlan> plans;
  for (size_t i = 0; i < names.size(); ++i) {
    OutputPlan plan;
    plan.name = names[i];
    plan.shape = model.nodes[static_cast<size_t>(model.outputs[i])].shape;
    plan.loss = config.loss;
    plans.push_back(std::move(plan));
  }
  add_common_metrics(config.metrics, "metrics", &OutputPlan::metrics, plans);
  add_common_metrics(config.weighted_metrics, "weighted_metrics", &OutputPlan::weighted_metrics,
                     plans);
  for (size_t i = 0; i < config.outputs.size(); ++i) {
    const OutputConfig& output = config.outputs[i];
    OutputPlan& plan = plans[place_of(output, i, names)];
    if (output.loss) plan.loss = *output.loss;
    plan.compiled.weight = output.loss_weight;
    if (!output.metrics.empty()) plan.metrics = output.metrics;
    if (!output.weighted_metrics.empty()) plan.weighted_metrics = output.weighted_metrics;
  }
  for (OutputPlan& plan : plans) {
    check_metric_names(plan.metrics);
    check_metric_names(plan.weighted_metrics);
    if (plan.loss.name.empty()) continue;
    plan.compiled.formula = loss_formula(plan.loss, plan.shape);
    plan.compiled.sum = is_sum(plan.loss);
  }
  return plans;
}

compiler::LossConfig loss_config(const std::vector<OutputPlan>& plans, bool weighted) {
  compiler::LossConfig config;
  config.outputs.clear();
  for (const OutputPlan& plan : plans) config.outputs.push_back(plan.compiled);
  config.weighted = weighted;
  return config;
}

}  // namespace pronghorn::train
