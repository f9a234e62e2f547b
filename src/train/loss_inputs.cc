#include "train/loss_inputs.h"

#include <algorithm>
#include <numeric>

namespace pronghorn::train {
namespace {

using graph::LossFunction;

bool is_hinge(const graph::LossFormula& formula) {
  return formula.function == LossFunction::kHinge ||
         formula.function == LossFunction::kSquaredHinge;
}

void prepare_labels(const OutputPlan& plan, CompiledStep::Output& output) {
  const std::vector<float>& given = output.given_labels;
  if (is_hinge(*plan.compiled.formula)) {
    const bool binary = std::all_of(given.begin(), given.end(),
                                    [](float label) { return label == 0 || label == 1; });
    std::transform(given.begin(), given.end(), output.labels,
                   [&](float label) { return binary ? 2 * label - 1 : label; });
    return;
  }
  const auto ignored = static_cast<float>(*plan.loss.ignore_class);
  std::transform(given.begin(), given.end(), output.labels,
                 [&](float label) { return label == ignored ? 0 : label; });
}

// Weights with the rows of the ignored class left out.
void mask_weights(const OutputPlan& plan, CompiledStep::Output& output) {
  const auto ignored = static_cast<float>(*plan.loss.ignore_class);
  const auto valid = std::count_if(output.given_labels.begin(), output.given_labels.end(),
                                   [&](float label) { return label != ignored; });
  const bool is_mean =
      plan.loss.reduction == "sum_over_batch_size" || plan.loss.reduction == "mean";
  const float factor =
      is_mean && valid > 0 ? static_cast<float>(output.loss_rows) / static_cast<float>(valid) : 1;
  for (int64_t row = 0; row < output.loss_rows; ++row)
    output.weights[row] *= output.given_labels[static_cast<size_t>(row)] == ignored ? 0 : factor;
}

void prepare_weights(const OutputPlan& plan, CompiledStep::Output& output) {
  const int64_t each = output.rows / output.loss_rows;  // of dice and tversky more than one
  for (int64_t row = 0; row < output.loss_rows; ++row) {
    const auto first = output.given_weights.begin() + row * each;
    output.weights[row] =
        static_cast<float>(std::accumulate(first, first + each, 0.0) / static_cast<double>(each));
  }
  if (plan.loss.ignore_class) mask_weights(plan, output);
  if (plan.loss.reduction == "mean_with_sample_weight") {
    const double sum = std::accumulate(output.weights, output.weights + output.loss_rows, 0.0);
    const double factor = sum == 0 ? 0 : static_cast<double>(output.loss_rows) / sum;
    for (int64_t row = 0; row < output.loss_rows; ++row)
      output.weights[row] = static_cast<float>(output.weights[row] * factor);
  }
}

}  // namespace

bool changes_labels(const Loss& loss, const graph::LossFormula& formula) {
  return is_hinge(formula) || loss.ignore_class.has_value();
}

bool changes_weights(const Loss& loss, const graph::LossFormula& formula, bool weighted) {
  return makes_weights(loss) || (weighted && (graph::has_row_axes(formula.function) ||
                                              loss.reduction == "mean_with_sample_weight"));
}

bool makes_weights(const Loss& loss) { return loss.ignore_class.has_value(); }

void prepare_loss_inputs(const OutputPlan& plan, CompiledStep::Output& output) {
  if (output.labels == nullptr) return;
  if (!output.given_labels.empty()) prepare_labels(plan, output);
  if (!output.given_weights.empty()) prepare_weights(plan, output);
}

}  // namespace pronghorn::train
