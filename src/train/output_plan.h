#pragma once

#include <optional>
#include <string>
#include <vector>

#include "compiler/training_step.h"
#include "model/model.h"
#include "pronghorn/compile_config.h"
#include "train/metrics/metric_state.h"

namespace pronghorn::train {

// What a model's output is trained with and judged by.
struct OutputPlan {
  std::string name;
  Shape shape;  // without the batch
  Loss loss;
  compiler::OutputLoss compiled;
  std::vector<Metric> metrics;
  std::vector<Metric> weighted_metrics;

  bool has_loss() const { return compiled.formula.has_value(); }
  bool needs_labels() const { return has_loss() || !metrics.empty() || !weighted_metrics.empty(); }
  int64_t classes() const { return shape.rank() == 0 ? 1 : shape.back(); }
  // Of each sample; each has a class.
  int64_t rows() const { return shape.elements() / classes(); }
};

std::vector<std::string> output_names(const model::Model& model);

// A plan for each output, in the model's order. Throws ArgumentError for an output that the model
// has not, listing those that it has, and for unknown losses and metrics.
std::vector<OutputPlan> output_plans(const CompileConfig& config, const model::Model& model);

compiler::LossConfig loss_config(const std::vector<OutputPlan>& plans, bool weighted);

}  // namespace pronghorn::train
