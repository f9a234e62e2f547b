#pragma once

#include <stdexcept>

#include "pronghorn/callbacks.h"

namespace pronghorn {

// A training without a model, for callbacks that need none.
class FakeControl : public TrainingControl {
 public:
  Model& model() override { throw std::logic_error("this training has no model"); }
  void stop_training() override { stopped = true; }
  double learning_rate() const override { return rate; }
  bool has_learning_rate_schedule() const override { return schedule; }
  void set_learning_rate(double learning_rate) override { rate = learning_rate; }

  bool stopped = false;
  double rate = 0.1;
  bool schedule = false;
};

}  // namespace pronghorn
