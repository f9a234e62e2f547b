#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pronghorn/learning_rate_schedule.h"
#include "pronghorn/loss.h"
#include "pronghorn/metric.h"

namespace pronghorn {

// An optimizer and its arguments, under Keras's names. optimizer() gives each with its defaults;
// those of the members are RMSprop's. Only the arguments that its formula has are used (formulas:
// src/graph/ops/optimizer_update.h, adafactor_update.h).
struct Optimizer {
  // "sgd", "rmsprop", "adam", "adamw", "adadelta", "adagrad", "adamax", "nadam", "ftrl", "lion" or
  // "adafactor".
  std::string name = "rmsprop";
  double learning_rate = 0.001;
  // In the place of the number.
  std::optional<LearningRateSchedule> learning_rate_schedule = {};
  double momentum = 0;
  bool nesterov = false;
  double rho = 0.9;
  double epsilon = 1e-7;
  // Keras 2 (2017) adds RMSprop's epsilon to the root; Keras 3 adds it under the root.
  bool epsilon_outside_root = false;
  bool centered = false;
  double beta_1 = 0.9;
  double beta_2 = 0.999;
  bool amsgrad = false;
  // Decoupled: w -= w weight_decay learning_rate before each update.
  double weight_decay = 0;
  double initial_accumulator_value = 0.1;

  // Of ftrl.
  double learning_rate_power = -0.5;
  double l1_regularization_strength = 0;
  double l2_regularization_strength = 0;
  double l2_shrinkage_regularization_strength = 0;
  double beta = 0;

  // Of adafactor.
  double beta_2_decay = -0.8;
  double epsilon_1 = 1e-30;
  double epsilon_2 = 1e-3;
  double clip_threshold = 1;
  bool relative_step = true;

  // Gradients are clipped, before weight decay: each weight's to a norm, all of them together to a
  // norm, or each element to [-clipvalue, clipvalue]. At most one of these; 0 is none.
  double clipnorm = 0;
  double global_clipnorm = 0;
  double clipvalue = 0;

  // Averages of the weights over steps, which take the weights' places at the end of fit, and
  // before that each time that so many updates are done; 0 is never.
  bool use_ema = false;
  double ema_momentum = 0.99;
  int64_t ema_overwrite_frequency = 0;

  // Weights are updated every so many steps, by the mean of the gradients since the last time; 0 is
  // every step.
  int64_t gradient_accumulation_steps = 0;

  // A file asked for a loss_scale_factor, which Model::compile refuses.
  bool loss_scaling = false;

  bool operator==(const Optimizer&) const = default;
};

// Whose defaults: Keras 3's, or those of Keras 2.0.2 (March 2017), with which the old MNIST
// examples ran: RMSprop with epsilon 1e-8 outside the root, Adadelta with learning rate 1.0.
// AdamW, Ftrl, Lion and Adafactor are Keras 3's only.
enum class Preset : uint8_t { kKeras3, kKeras2017 };

// The optimizer called `name` in Keras (any case: "RMSprop", "rmsprop", "rms_prop") with the
// preset's defaults. Throws ArgumentError, listing the known ones.
Optimizer optimizer(std::string_view name, Preset preset = Preset::kKeras3);
std::vector<std::string> optimizer_names();

// What one output of a model with several is compiled with.
struct OutputConfig {
  // The output's name, that of the layer that computes it; empty: by place in the list.
  std::string output;
  // Empty (no name): this output has no loss, and needs no labels. None: CompileConfig::loss.
  std::optional<Loss> loss;
  // What its loss counts in the total.
  double loss_weight = 1;
  std::vector<Metric> metrics = {};
  std::vector<Metric> weighted_metrics = {};

  bool operator==(const OutputConfig&) const = default;
};

// Arguments of Model::compile.
struct CompileConfig {
  Optimizer optimizer;
  // Of each output that `outputs` says no other of.
  Loss loss = "categorical_crossentropy";
  // Of a model with one output; or, as in Keras, one for each output. Sample weights are for the
  // weighted ones alone.
  std::vector<Metric> metrics = {};
  std::vector<Metric> weighted_metrics = {};
  // Of a model with several outputs, or with a weight for its loss.
  std::vector<OutputConfig> outputs = {};
  // Seeds everything random: initial weights, shuffling, dropout.
  uint64_t seed = 0;
  // 0: one per CPU. Never changes a result.
  int threads = 0;
  // "auto", or a family of kernels to use: "reference", "simd", "onednn". The default is the
  // environment's PRONGHORN_KERNELS.
  std::string kernels = "";
  // Leaves out kernels whose sums are others than those that the layers name: Winograd's, whose
  // relative error is about 1e-6 (docs/kernels.md).
  bool exact = false;
  // Keras's dtype policy: "float32", or "mixed_bfloat16", where matrix products and convolutions
  // may round what they multiply to bfloat16 (8 bits of precision) if that is the faster; sums,
  // weights, activations, statistics and the optimizer stay float32. It needs a CPU with dot
  // products of bfloat16 (AVX512_BF16).
  std::string precision = "float32";
  // A file that `pronghorn tune` wrote: which kernel runs which ops. Read by compile().
  std::string choices = "";
};

}  // namespace pronghorn
