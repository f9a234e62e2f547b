#include "train/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "data/batches.h"
#include "pronghorn/error.h"
#include "runtime/profile.h"
#include "train/epoch_metrics.h"
#include "train/kernel_policy.h"
#include "train/loss_name.h"
#include "train/metrics.h"
#include "train/progress.h"
#include "train/training_data.h"

namespace pronghorn::train {
namespace {

void check_range(const char* name, double value, double least, double most, bool most_included) {
  if (value >= least && (value < most || (most_included && value == most))) return;
  throw ArgumentError(fmt::format("optimizer argument {} is {}; it must be in [{}, {}{}", name,
                                  value, least, most, most_included ? ']' : ')'));
}

void check_at_least_zero(const char* name, double value) {
  if (std::isfinite(value) && value >= 0) return;
  throw ArgumentError(fmt::format(
      "optimizer argument {} is {}; it must be a finite number, at least 0", name, value));
}

// The optimizer under its plain name, its arguments checked (all of them: which are used depends on
// the optimizer, but none makes sense outside of these ranges).
Optimizer checked(Optimizer optimizer) {
  optimizer.name = pronghorn::optimizer(optimizer.name).name;
  check_at_least_zero("learning_rate", optimizer.learning_rate);
  check_at_least_zero("epsilon", optimizer.epsilon);
  check_at_least_zero("weight_decay", optimizer.weight_decay);
  check_at_least_zero("initial_accumulator_value", optimizer.initial_accumulator_value);
  check_range("momentum", optimizer.momentum, 0, 1, true);
  check_range("rho", optimizer.rho, 0, 1, true);
  check_range("beta_1", optimizer.beta_1, 0, 1, false);
  check_range("beta_2", optimizer.beta_2, 0, 1, false);
  return optimizer;
}

CompileConfig checked(CompileConfig config) {
  config.optimizer = checked(config.optimizer);
  check_metric_names(config.metrics);
  return config;
}

compiler::LossConfig loss_config(const CompileConfig& config) {
  const graph::LossFunction function = parse_loss(config.loss);
  const bool error_loss = function == graph::LossFunction::kMeanSquaredError ||
                          function == graph::LossFunction::kMeanAbsoluteError;
  if (config.from_logits && error_loss) {
    throw ArgumentError(fmt::format("from_logits is for the crossentropies, not for {}",
                                    graph::to_string(function)));
  }
  return {function, config.from_logits};
}

void check_batch_size(int64_t batch_size) {
  if (batch_size < 1)
    throw ArgumentError(fmt::format("batch size is {}; it must be 1 or more", batch_size));
}

int64_t elements_per_sample(const Array& array) { return array.shape.without_batch().elements(); }

// Copies samples that lie one after the other.
void copy_samples(const Array& array, int64_t begin, int64_t count, float* dst) {
  const int64_t elements = elements_per_sample(array);
  std::copy_n(array.values.data() + begin * elements, count * elements, dst);
}

}  // namespace

class Trainer::Control : public TrainingControl {
 public:
  Control(pronghorn::Model& model, double& learning_rate)
      : model_(model), learning_rate_(learning_rate) {}

  pronghorn::Model& model() override { return model_; }
  void stop_training() override { stopped_ = true; }
  double learning_rate() const override { return learning_rate_; }
  void set_learning_rate(double learning_rate) override {
    check_at_least_zero("learning_rate", learning_rate);
    learning_rate_ = learning_rate;
  }
  bool stopped() const { return stopped_; }

 private:
  pronghorn::Model& model_;
  double& learning_rate_;
  bool stopped_ = false;
};

// What a training goes through once per epoch, made before the first so that the loop over batches
// allocates nothing.
struct Trainer::TrainingPass {
  TrainingPass(const Samples& all, int64_t batch_size, EpochMetrics epoch_metrics)
      : samples(all),
        plan(all.count(), batch_size),
        order(all.count()),
        metrics(std::move(epoch_metrics)),
        logs(metrics.names("")) {}

  Samples samples;
  data::BatchPlan plan;
  data::EpochOrder order;
  EpochMetrics metrics;
  Logs logs;
  // Of the steps of full batch size, where one was asked for.
  std::optional<runtime::Profile> profile;
};

Trainer::Trainer(model::Model& model, const CompileConfig& config)
    : model_(model),
      nodes_(model.nodes.size()),
      config_(checked(config)),
      loss_(loss_config(config_)),
      parallel_(config_.threads),
      state_(model, config_.optimizer),
      steps_(model_, loss_, state_, parallel_.threads(), kernel_policy(config_)),
      learning_rate_(config_.optimizer.learning_rate) {}

Shape Trainer::input_shape() const {
  return model_.nodes[static_cast<size_t>(model_.inputs[0])].shape;
}

Shape Trainer::output_shape() const {
  return model_.nodes[static_cast<size_t>(model_.outputs[0])].shape;
}

kernels::RunContext Trainer::context() const {
  return {parallel_, config_.seed, step_, static_cast<float>(learning_rate_)};
}

void Trainer::compile_for(const Samples& samples, int64_t batch_size, bool training) {
  const data::BatchPlan plan(samples.count(), batch_size);
  for (const int64_t batch : {plan.batch_size(), plan.last_size()})
    training ? steps_.training(batch) : steps_.evaluation(batch);
}

Trainer::Samples Trainer::check(const Array& x, const Array& y, Array& storage) const {
  check_samples(x, input_shape());
  const Array& labels = check_labels(y, x.samples(), output_shape(), loss_.function, storage);
  return {x, labels, 0, x.samples()};
}

Trainer::Samples Trainer::check_validation(const Dataset& data, Array& storage) const {
  try {
    return check(data.x, data.y, storage);
  } catch (const ShapeError& error) {
    throw ShapeError(fmt::format("validation data: {}", error.what()));
  } catch (const ArgumentError& error) {
    throw ArgumentError(fmt::format("validation data: {}", error.what()));
  }
}

EpochMetrics Trainer::make_epoch_metrics() const {
  const LabelKind kind = label_kind(loss_.function);
  return {make_metrics(config_.metrics, kind, output_shape().back()), kind};
}

History Trainer::fit(pronghorn::Model& owner, const Array& x, const Array& y,
                     const FitOptions& options) {
  check_batch_size(options.batch_size);
  if (options.epochs < 0 || options.initial_epoch < 0) {
    throw ArgumentError(fmt::format("epochs is {} and initial_epoch {}; both must be 0 or more",
                                    options.epochs, options.initial_epoch));
  }
  Array label_storage;
  Samples training = check(x, y, label_storage);
  // Validation data of its own, or the end of the training data, or none.
  Array validation_storage;
  std::optional<Samples> validation;
  if (options.validation_data != nullptr) {
    validation.emplace(check_validation(*options.validation_data, validation_storage));
  } else {
    training.end = data::split_samples(x.samples(), options.validation_split).training;
    if (training.end < x.samples())
      validation.emplace(Samples{x, training.y, training.end, x.samples()});
  }
  steps_.forget_if_many();
  compile_for(training, options.batch_size, /*training=*/true);
  if (validation) compile_for(*validation, options.batch_size, /*training=*/false);

  TrainingPass pass(training, options.batch_size, make_epoch_metrics());
  if (options.profile != nullptr) {
    const int64_t full_batches = training.count() / pass.plan.batch_size();
    runtime::ProfileOptions profile;
    // Caches and the CPU's clock settle in two steps; but what is short is not left out whole.
    profile.warm_up =
        std::clamp<int64_t>(full_batches * (options.epochs - options.initial_epoch) - 1, 0, 2);
    profile.trace_steps = options.trace_steps;
    profile.threads = parallel_.threads();
    profile.counters = true;
    pass.profile.emplace(*steps_.training(pass.plan.batch_size()).executable, profile);
  }
  EpochMetrics validation_metrics = pass.metrics;
  Logs logs = pass.logs;
  if (validation)
    for (auto& log : validation_metrics.names("val_")) logs.push_back(std::move(log));
  Control control(owner, learning_rate_);
  History history;
  warned_of_loss_ = false;

  for (Callback* callback : options.callbacks) callback->on_train_begin(control);
  for (int epoch = options.initial_epoch; epoch < options.epochs && !control.stopped(); ++epoch) {
    for (Callback* callback : options.callbacks) callback->on_epoch_begin(control, epoch);
    // The style anew each time: the terminal may have been resized.
    Progress progress(
        pass.plan.batches(),
        options.epochs > 1 ? fmt::format("Epoch {}/{}", epoch + 1, options.epochs) : "",
        progress_style(options.verbose));
    const double begin = seconds_now();
    // Epochs of earlier calls count on, so that a second fit sees new orders, as does one that
    // takes up a training at `initial_epoch`.
    if (options.shuffle)
      pass.order.shuffle(config_.seed, std::max(epochs_, static_cast<uint64_t>(epoch)));
    history.step_seconds.push_back(train_epoch(pass, epoch, options.callbacks, control, progress));
    history.epoch_seconds.push_back(seconds_now() - begin);
    ++epochs_;

    pass.metrics.write(logs, 0);
    if (validation) {
      evaluate(*validation, options.batch_size, validation_metrics, nullptr, nullptr);
      validation_metrics.write(logs, pass.logs.size());
    }
    // Before the callbacks, so that the epoch's numbers are seen even if one of them fails.
    progress.finish(logs);
    history.epoch.push_back(epoch);
    for (const auto& [name, value] : logs) history.history[name].push_back(value);
    for (Callback* callback : options.callbacks) callback->on_epoch_end(control, epoch, logs);
  }
  for (Callback* callback : options.callbacks) callback->on_train_end(control, logs);
  if (pass.profile) *options.profile = pass.profile->summarize();
  return history;
}

double Trainer::train_epoch(TrainingPass& pass, int epoch, const std::vector<Callback*>& callbacks,
                            Control& control, Progress& progress) {
  double step_seconds = 0;
  pass.metrics.reset();
  for (int64_t batch = 0; batch < pass.plan.batches(); ++batch) {
    for (Callback* callback : callbacks) callback->on_train_batch_begin(control, batch);
    CompiledStep& step = steps_.training(pass.plan.size(batch));
    const auto indices = pass.order.indices(pass.plan, batch);
    data::gather(pass.samples.x, indices, step.inputs);
    data::gather(pass.samples.y, indices, step.labels);

    const double begin = seconds_now();
    if (pass.profile && step.batch == pass.plan.batch_size())
      step.executable->run(context(), *pass.profile);
    else
      step.executable->run(context());
    step_seconds += seconds_now() - begin;
    ++step_;

    pass.metrics.add(step, step.labels);
    pass.metrics.write(pass.logs, 0);
    progress.update(batch + 1, pass.logs);
    if (!std::isfinite(*step.loss)) warn_of_loss(*step.loss, batch, epoch, progress);
    for (Callback* callback : callbacks) callback->on_train_batch_end(control, batch, pass.logs);
  }
  return step_seconds;
}

void Trainer::evaluate(const Samples& samples, int64_t batch_size, EpochMetrics& metrics,
                       Progress* progress, Logs* logs) {
  const data::BatchPlan plan(samples.count(), batch_size);
  metrics.reset();
  for (int64_t batch = 0; batch < plan.batches(); ++batch) {
    CompiledStep& step = steps_.evaluation(plan.size(batch));
    const int64_t begin = samples.begin + plan.begin(batch);
    copy_samples(samples.x, begin, step.batch, step.inputs);
    copy_samples(samples.y, begin, step.batch, step.labels);
    step.executable->run(context());
    metrics.add(step, samples.y.values.data() + begin * elements_per_sample(samples.y));
    if (progress == nullptr) continue;
    metrics.write(*logs, 0);
    progress->update(batch + 1, *logs);
  }
}

Logs Trainer::evaluate(const Array& x, const Array& y, const EvaluateOptions& options) {
  check_batch_size(options.batch_size);
  Array storage;
  const Samples samples = check(x, y, storage);
  steps_.forget_if_many();
  compile_for(samples, options.batch_size, /*training=*/false);

  EpochMetrics metrics = make_epoch_metrics();
  Logs logs = metrics.names("");
  Progress progress(data::BatchPlan(samples.count(), options.batch_size).batches(), "",
                    progress_style(options.verbose));
  evaluate(samples, options.batch_size, metrics, &progress, &logs);
  metrics.write(logs, 0);
  progress.finish(logs);
  std::stable_partition(logs.begin(), logs.end(),
                        [](const auto& log) { return log.first == "loss"; });
  return logs;
}

Array Trainer::predict(const Array& x, const EvaluateOptions& options) {
  check_batch_size(options.batch_size);
  steps_.forget_if_many();
  check_samples(x, input_shape());
  const data::BatchPlan plan(x.samples(), options.batch_size);
  for (const int64_t batch : {plan.batch_size(), plan.last_size()}) steps_.inference(batch);

  Array result;
  result.shape = output_shape().with_batch(x.samples());
  result.values.resize(static_cast<size_t>(result.shape.elements()));
  const int64_t elements = output_shape().elements();
  Progress progress(plan.batches(), "", progress_style(options.verbose));
  for (int64_t batch = 0; batch < plan.batches(); ++batch) {
    CompiledStep& step = steps_.inference(plan.size(batch));
    copy_samples(x, plan.begin(batch), step.batch, step.inputs);
    step.executable->run(context());
    std::copy_n(step.outputs, step.batch * elements,
                result.values.data() + plan.begin(batch) * elements);
    progress.update(batch + 1, {});
  }
  progress.finish({});
  return result;
}

std::string Trainer::graph_summary(int64_t batch) {
  check_batch_size(batch);
  return runtime::to_text(*steps_.training(batch).executable);
}

model::TrainingState Trainer::state() {
  model::TrainingState state;
  state.optimizer = config_.optimizer;
  state.optimizer.learning_rate = learning_rate_;
  state.steps = step_;
  state.epochs = epochs_;
  for (const compiler::OptimizerState::Slot* slot : state_.in_keras_order()) {
    const float* values = slot->buffer.floats();
    state.variables.push_back(
        {slot->name, {slot->shape, {values, values + slot->shape.elements()}}});
  }
  return state;
}

bool Trainer::resume(const model::TrainingState& state) {
  const std::vector<compiler::OptimizerState::Slot*> slots = state_.in_keras_order();
  if (state.optimizer.name != config_.optimizer.name || state.variables.size() != slots.size())
    return false;
  for (size_t i = 0; i < slots.size(); ++i)
    if (state.variables[i].array.shape != slots[i]->shape) return false;
  for (size_t i = 0; i < slots.size(); ++i)
    std::copy(state.variables[i].array.values.begin(), state.variables[i].array.values.end(),
              slots[i]->buffer.floats());
  if (std::isfinite(state.optimizer.learning_rate)) learning_rate_ = state.optimizer.learning_rate;
  step_ = state.steps;
  epochs_ = state.epochs;
  return true;
}

void Trainer::warn_of_loss(double loss, int64_t batch, int epoch, Progress& progress) {
  if (warned_of_loss_) return;
  warned_of_loss_ = true;
  progress.warn(fmt::format(
      "the loss is {} in batch {} of epoch {}; training goes on, as in Keras, but weights that are "
      "no numbers stay so: try a smaller learning rate than {}",
      std::isnan(loss) ? "nan" : "infinite", batch + 1, epoch + 1, learning_rate_));
}

}  // namespace pronghorn::train
