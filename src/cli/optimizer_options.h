#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "pronghorn/compile_config.h"

namespace CLI {
class App;
}

namespace pronghorn::cli {

// The optimizer by name, and arguments of it that differ from the preset's.
struct OptimizerOptions {
  std::string name;
  std::string preset;
  std::string learning_rate_schedule;
  std::optional<double> learning_rate, momentum, rho, epsilon, beta_1, beta_2, weight_decay;
  std::optional<double> clipnorm, global_clipnorm, clipvalue;
  std::optional<double> ema_momentum;
  std::optional<int64_t> ema_overwrite_frequency, gradient_accumulation_steps;
  std::optional<double> initial_accumulator_value, learning_rate_power, l1, l2, l2_shrinkage, beta;
  std::optional<double> beta_2_decay, epsilon_1, epsilon_2, clip_threshold;
  bool nesterov = false;
  bool centered = false;
  bool amsgrad = false;
  bool use_ema = false;
};
void add_optimizer_options(CLI::App& command, OptimizerOptions& options);

// The model file's optimizer unless another, or a preset, was asked for; then the arguments given.
Optimizer optimizer_for(const CompileConfig& config, const OptimizerOptions& options);

// "0.001", or the schedule's short form.
std::string learning_rate_text(const Optimizer& optimizer);

}  // namespace pronghorn::cli
