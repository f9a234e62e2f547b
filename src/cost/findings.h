#pragma once

#include "pronghorn/explain.h"

namespace pronghorn::cost {

// What sentences need beside the explanation.
struct SentenceNumbers {
  // What dropping costs a step, foreseen; 0 where nothing is dropped.
  double dropout_seconds = 0;
};

// Fills answer, findings and assumptions. Each sentence is there only where its numbers make it
// true.
void add_sentences(Explanation& explanation, const SentenceNumbers& numbers);

// "More than 2 threads don't help: ...": which number is best for this model, and why.
std::string sentence_about_threads(const Explanation& explanation);

// An op's time: measured where it was, else predicted.
double seconds_of(const OpCost& op);

// Whether an optimizer's update is part of the op, a product, and so has no time of its own.
bool is_fused_update(const OpCost& op);

// The layer that takes the most time; none where the model has no layers.
const LayerCost* slowest_layer(const Explanation& explanation);

}  // namespace pronghorn::cost
