#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace pronghorn {

// A learning rate that follows the number of steps done, as Keras's schedules do
// (keras/src/optimizers/schedules/learning_rate_schedule.py, Keras 3.15): Optimizer takes one in
// the place of a number. s is the number of steps done before this one, from 0 on; with gradient
// accumulation every step counts, not only those that update.

// initial_learning_rate decay_rate^(s / decay_steps); staircase: of floor(s / decay_steps).
struct ExponentialDecay {
  double initial_learning_rate = 0.001;
  double decay_steps = 1;
  double decay_rate = 1;
  bool staircase = false;
  bool operator==(const ExponentialDecay&) const = default;
};

// values[i] for the first boundary with s <= boundaries[i], the last of the values beyond them.
struct PiecewiseConstantDecay {
  std::vector<double> boundaries;  // rising
  std::vector<double> values;      // one more
  bool operator==(const PiecewiseConstantDecay&) const = default;
};

// (initial_learning_rate - end_learning_rate) (1 - s / decay_steps)^power + end_learning_rate, with
// s no more than decay_steps; cycle: decay_steps is the next multiple of itself instead.
struct PolynomialDecay {
  double initial_learning_rate = 0.001;
  double decay_steps = 1;
  double end_learning_rate = 0.0001;
  double power = 1;
  bool cycle = false;
  bool operator==(const PolynomialDecay&) const = default;
};

// initial_learning_rate / (1 + decay_rate s / decay_steps); staircase: floor(s / decay_steps).
struct InverseTimeDecay {
  double initial_learning_rate = 0.001;
  double decay_steps = 1;
  double decay_rate = 0;
  bool staircase = false;
  bool operator==(const InverseTimeDecay&) const = default;
};

// initial_learning_rate ((1 - alpha) (1 + cos(pi s / decay_steps)) / 2 + alpha), with s no more
// than decay_steps. With a warmup_target the rate first rises in a line to it, in warmup_steps, and
// then falls from it.
struct CosineDecay {
  double initial_learning_rate = 0.001;
  double decay_steps = 1;
  double alpha = 0;
  std::optional<double> warmup_target = {};
  double warmup_steps = 0;
  bool operator==(const CosineDecay&) const = default;
};

// As CosineDecay, but starting anew when its end is reached, each time with t_mul times as many
// steps and m_mul times the rate.
struct CosineDecayRestarts {
  double initial_learning_rate = 0.001;
  double first_decay_steps = 1;
  double t_mul = 2;
  double m_mul = 1;
  double alpha = 0;
  bool operator==(const CosineDecayRestarts&) const = default;
};

using LearningRateSchedule = std::variant<ExponentialDecay, PiecewiseConstantDecay, PolynomialDecay,
                                          InverseTimeDecay, CosineDecay, CosineDecayRestarts>;

// The learning rate after so many steps.
double learning_rate_at(const LearningRateSchedule& schedule, uint64_t steps);

// From Keras's JSON, {"class_name": "CosineDecay", "config": {...}}, or from a short form: the name
// in Keras's spelling or in snake case, then arguments, lists with slashes:
//   cosine_decay:decay_steps=1000,alpha=0.1
//   piecewise_constant_decay:boundaries=100/200,values=0.1/0.01/0.001
// An initial_learning_rate that is left out is `initial_learning_rate`. Throws ArgumentError that
// names what is wrong and what there is.
LearningRateSchedule parse_learning_rate_schedule(std::string_view text,
                                                  double initial_learning_rate);
// The short form.
std::string to_text(const LearningRateSchedule& schedule);

// "exponential_decay", ...
std::vector<std::string> learning_rate_schedule_names();

}  // namespace pronghorn
