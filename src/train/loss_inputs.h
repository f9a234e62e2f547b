#pragma once

#include "train/output_plan.h"
#include "train/steps.h"

namespace pronghorn::train {

// Some losses take other labels or weights than they are given, by a rule that looks at the whole
// batch, while the metrics see what was given. As in Keras (keras/src/losses/):
//   hinge, squared_hinge     labels that are all 0 or 1 become -1 and 1
//   ignore_class             its rows become rows of class 0 with weight 0; of a mean, the others'
//                            weights are multiplied by the rows over those that are not ignored
//   mean_with_sample_weight  weights are divided by their mean
//   dice, tversky            a row's weight is the mean of the weights in it

// Whether the loss does so. `weighted`: the samples have weights.
bool changes_labels(const Loss& loss, const graph::LossFormula& formula);
bool changes_weights(const Loss& loss, const graph::LossFormula& formula, bool weighted);
// Whether it needs weights though the samples have none.
bool makes_weights(const Loss& loss);

// Fills the step's labels and weights from those given.
void prepare_loss_inputs(const OutputPlan& plan, CompiledStep::Output& output);

}  // namespace pronghorn::train
