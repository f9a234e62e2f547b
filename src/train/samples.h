#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "pronghorn/data.h"
#include "train/metrics/metric_state.h"
#include "train/output_plan.h"

namespace pronghorn::train {

// Samples [begin, end) of the arrays that a model's inputs and outputs take, checked, in the
// model's order. They refer to the caller's arrays, or to converted ones that they keep.
struct Samples {
  struct Output {
    const Array* labels = nullptr;   // null: not needed
    const Array* weights = nullptr;  // one for each row; null: all are 1
    LabelKind kind = LabelKind::kRows;
  };

  std::vector<const Array*> inputs;
  std::vector<Output> outputs;
  int64_t begin = 0;
  int64_t end = 0;

  int64_t count() const { return end - begin; }
  bool weighted() const;
  std::vector<LabelKind> label_kinds() const;

  std::vector<std::shared_ptr<const Array>> kept;
};

// Inputs and outputs of a model as samples must suit them.
struct SampleShapes {
  std::vector<std::string> input_names;
  std::vector<Shape> input_shapes;
  const std::vector<OutputPlan>& outputs;
};

// The inputs alone, for predictions. Throw ShapeError and ArgumentError where arrays are missing or
// don't suit the model; a message names the array where there are several.
Samples check_inputs(const Arrays& x, const SampleShapes& shapes);
// Weights: of each sample, or of each row of the output; one array is for all outputs. Class
// weights become such (Keras's class_weight_to_sample_weights): of a model with one output, and not
// beside sample weights.
Samples check_samples(const Arrays& x, const Arrays& y, const Arrays& sample_weight,
                      const std::map<int64_t, double>& class_weight, const SampleShapes& shapes);

}  // namespace pronghorn::train
