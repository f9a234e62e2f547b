#include "cli/optimizer_options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>

namespace pronghorn::cli {

Optimizer optimizer_for(const CompileConfig& config, const OptimizerOptions& options) {
  Optimizer result = config.optimizer;
  if (!options.name.empty() || !options.preset.empty()) {
    result = optimizer(options.name.empty() ? config.optimizer.name : options.name,
                       options.preset == "keras2017" ? Preset::kKeras2017 : Preset::kKeras3);
  }
  const auto set = [](const auto& given, auto& argument) {
    if (given) argument = *given;
  };
  set(options.learning_rate, result.learning_rate);
  // A number takes the place of the file's schedule.
  if (options.learning_rate) result.learning_rate_schedule.reset();
  if (!options.learning_rate_schedule.empty())
    result.learning_rate_schedule =
        parse_learning_rate_schedule(options.learning_rate_schedule, result.learning_rate);
  set(options.momentum, result.momentum);
  set(options.rho, result.rho);
  set(options.epsilon, result.epsilon);
  set(options.beta_1, result.beta_1);
  set(options.beta_2, result.beta_2);
  set(options.weight_decay, result.weight_decay);
  set(options.clipnorm, result.clipnorm);
  set(options.global_clipnorm, result.global_clipnorm);
  set(options.clipvalue, result.clipvalue);
  set(options.ema_momentum, result.ema_momentum);
  set(options.ema_overwrite_frequency, result.ema_overwrite_frequency);
  set(options.gradient_accumulation_steps, result.gradient_accumulation_steps);
  set(options.initial_accumulator_value, result.initial_accumulator_value);
  set(options.learning_rate_power, result.learning_rate_power);
  set(options.l1, result.l1_regularization_strength);
  set(options.l2, result.l2_regularization_strength);
  set(options.l2_shrinkage, result.l2_shrinkage_regularization_strength);
  set(options.beta, result.beta);
  set(options.beta_2_decay, result.beta_2_decay);
  set(options.epsilon_1, result.epsilon_1);
  set(options.epsilon_2, result.epsilon_2);
  set(options.clip_threshold, result.clip_threshold);
  result.nesterov = result.nesterov || options.nesterov;
  result.centered = result.centered || options.centered;
  result.amsgrad = result.amsgrad || options.amsgrad;
  result.use_ema = result.use_ema || options.use_ema;
  return result;
}

std::string learning_rate_text(const Optimizer& optimizer) {
  return optimizer.learning_rate_schedule ? to_text(*optimizer.learning_rate_schedule)
                                          : fmt::format("{}", optimizer.learning_rate);
}

void add_optimizer_options(CLI::App& command, OptimizerOptions& options) {
  command
      .add_option("--optimizer", options.name,
                  fmt::format("{}; default: the model file's, else rmsprop",
                              fmt::join(optimizer_names(), ", ")))
      ->type_name("NAME");
  command
      .add_option("--preset", options.preset,
                  "Whose optimizer defaults: keras3, or keras2017 for those that the old examples "
                  "ran with (Adadelta with learning rate 1, RMSprop's epsilon outside the root)")
      ->check(CLI::IsMember({"keras3", "keras2017"}));
  command.add_option("--learning-rate", options.learning_rate, "Default: the optimizer's");
  command
      .add_option("--learning-rate-schedule", options.learning_rate_schedule,
                  fmt::format("A learning rate that follows the steps done: {}; then its "
                              "arguments in Keras, as in cosine_decay:decay_steps=1000,alpha=0.1 "
                              "or piecewise_constant_decay:boundaries=100/200,values=0.1/0.01/"
                              "0.001; or Keras's JSON. initial_learning_rate is --learning-rate, "
                              "where it is left out",
                              fmt::join(learning_rate_schedule_names(), ", ")))
      ->type_name("NAME:ARGUMENTS|JSON");
  command.add_option("--momentum", options.momentum, "Of sgd and rmsprop");
  command.add_flag("--nesterov", options.nesterov, "Of sgd");
  command.add_option("--rho", options.rho, "Of rmsprop and adadelta");
  command.add_flag("--centered", options.centered, "Of rmsprop");
  command.add_option("--epsilon", options.epsilon, "Of all but sgd, ftrl, lion and adafactor");
  command.add_option("--beta-1", options.beta_1, "Of adam, adamw, adamax, nadam and lion");
  command.add_option("--beta-2", options.beta_2, "Of adam, adamw, adamax, nadam and lion");
  command.add_flag("--amsgrad", options.amsgrad, "Of adam and adamw");
  command.add_option("--initial-accumulator-value", options.initial_accumulator_value,
                     "Of adagrad and ftrl");
  command.add_option("--learning-rate-power", options.learning_rate_power, "Of ftrl");
  command.add_option("--l1-regularization-strength", options.l1, "Of ftrl");
  command.add_option("--l2-regularization-strength", options.l2, "Of ftrl");
  command.add_option("--l2-shrinkage-regularization-strength", options.l2_shrinkage, "Of ftrl");
  command.add_option("--beta", options.beta, "Of ftrl");
  command.add_option("--beta-2-decay", options.beta_2_decay, "Of adafactor");
  command.add_option("--epsilon-1", options.epsilon_1, "Of adafactor");
  command.add_option("--epsilon-2", options.epsilon_2, "Of adafactor");
  command.add_option("--clip-threshold", options.clip_threshold, "Of adafactor");
  command.add_option("--weight-decay", options.weight_decay, "Of all");
  command.add_option("--clipnorm", options.clipnorm, "The largest norm of a weight's gradient");
  command.add_option("--global-clipnorm", options.global_clipnorm,
                     "The largest norm of all gradients together");
  command.add_option("--clipvalue", options.clipvalue,
                     "The largest magnitude of a gradient's elements");
  command.add_flag("--use-ema", options.use_ema,
                   "Averages the weights over the steps; the averages take their place in the end");
  command.add_option("--ema-momentum", options.ema_momentum, "Of --use-ema; default: 0.99");
  command
      .add_option("--ema-overwrite-frequency", options.ema_overwrite_frequency,
                  "The averages take the weights' place each time after so many updates, too")
      ->type_name("STEPS");
  command
      .add_option("--gradient-accumulation-steps", options.gradient_accumulation_steps,
                  "Updates weights every so many steps only, by the mean of their gradients")
      ->type_name("STEPS");
}

}  // namespace pronghorn::cli
