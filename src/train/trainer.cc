#include "train/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "data/batches.h"
#include "model/optimizer_config.h"
#include "pronghorn/error.h"
#include "runtime/profile.h"
#include "train/epoch_metrics.h"
#include "train/kernel_policy.h"
#include "train/loss_inputs.h"
#include "train/progress.h"

namespace pronghorn::train {
namespace {

CompileConfig checked(CompileConfig config) {
  config.optimizer = model::checked(config.optimizer);
  return config;
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

// Fills a step with a batch: copy(array, place) copies its samples of an array to a place.
template <class Copy>
void fill(CompiledStep& step, const Samples& samples, const std::vector<OutputPlan>& plans,
          Copy&& copy) {
  for (size_t i = 0; i < samples.inputs.size(); ++i) copy(*samples.inputs[i], step.inputs[i]);
  for (size_t i = 0; i < samples.outputs.size(); ++i) {
    const Samples::Output& given = samples.outputs[i];
    CompiledStep::Output& output = step.outputs[i];
    if (given.labels == nullptr) continue;
    copy(*given.labels, output.label_place());
    if (samples.weighted() && output.weight_place() != nullptr) {
      if (given.weights != nullptr)
        copy(*given.weights, output.weight_place());
      else
        std::fill_n(output.weight_place(), output.rows, 1.0f);
    }
    prepare_loss_inputs(plans[i], output);
  }
}

}  // namespace

class Trainer::Control : public TrainingControl {
 public:
  Control(pronghorn::Model& model, Trainer& trainer) : model_(model), trainer_(trainer) {}

  pronghorn::Model& model() override { return model_; }
  void stop_training() override { stopped_ = true; }
  double learning_rate() const override { return trainer_.learning_rate(); }
  bool has_learning_rate_schedule() const override {
    return trainer_.config_.optimizer.learning_rate_schedule.has_value();
  }
  void set_learning_rate(double learning_rate) override {
    if (has_learning_rate_schedule())
      throw ArgumentError(
          "the optimizer's learning rate follows a schedule and can't be set; give the optimizer a "
          "number instead, or leave out the callback that sets it");
    if (!(std::isfinite(learning_rate) && learning_rate >= 0))
      throw ArgumentError(fmt::format(
          "the learning rate is {}; it must be a finite number, at least 0", learning_rate));
    trainer_.learning_rate_ = learning_rate;
  }
  bool stopped() const { return stopped_; }

 private:
  pronghorn::Model& model_;
  Trainer& trainer_;
  bool stopped_ = false;
};

// What a training goes through once per epoch, made before the first so that the loop over batches
// allocates nothing.
struct Trainer::TrainingPass {
  TrainingPass(Samples all, int64_t batch_size, EpochMetrics epoch_metrics)
      : samples(std::move(all)),
        plan(samples.count(), batch_size),
        order(samples.count()),
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
      plans_(output_plans(config_, model)),
      parallel_(config_.threads),
      state_(model, config_.optimizer),
      steps_(model_, plans_, state_, parallel_.threads(), kernel_policy(config_)),
      learning_rate_(config_.optimizer.learning_rate) {}

SampleShapes Trainer::shapes() const {
  SampleShapes shapes{{}, {}, plans_};
  for (const int node : model_.inputs) {
    shapes.input_names.push_back(model_.nodes[static_cast<size_t>(node)].layer->name());
    shapes.input_shapes.push_back(model_.nodes[static_cast<size_t>(node)].shape);
  }
  return shapes;
}

double Trainer::learning_rate() const {
  const auto& schedule = config_.optimizer.learning_rate_schedule;
  return schedule ? learning_rate_at(*schedule, step_) : learning_rate_;
}

CompiledStep& Trainer::training_step(int64_t batch, bool weighted) {
  const int64_t steps = config_.optimizer.gradient_accumulation_steps;
  const bool updates = steps < 2 || (static_cast<int64_t>(step_) + 1) % steps == 0;
  return updates ? steps_.training(batch, weighted) : steps_.accumulation(batch, weighted);
}

kernels::RunContext Trainer::context() const {
  return {parallel_, config_.seed, step_, static_cast<float>(learning_rate())};
}

void Trainer::compile_for(const Samples& samples, int64_t batch_size, bool training) {
  const data::BatchPlan plan(samples.count(), batch_size);
  for (const int64_t batch : {plan.batch_size(), plan.last_size()}) {
    if (!training) {
      steps_.evaluation(batch, samples.weighted());
      continue;
    }
    steps_.training(batch, samples.weighted());
    if (config_.optimizer.gradient_accumulation_steps > 1)
      steps_.accumulation(batch, samples.weighted());
  }
}

Samples Trainer::check_validation(const Dataset& data) const {
  try {
    return check_samples(data.all_inputs(), data.all_labels(), data.all_sample_weights(), {},
                         shapes());
  } catch (const ShapeError& error) {
    throw ShapeError(fmt::format("validation data: {}", error.what()));
  } catch (const ArgumentError& error) {
    throw ArgumentError(fmt::format("validation data: {}", error.what()));
  }
}

EpochMetrics Trainer::make_epoch_metrics(const Samples& samples) const {
  return EpochMetrics(plans_, samples.label_kinds());
}

History Trainer::fit(pronghorn::Model& owner, const Arrays& x, const Arrays& y,
                     const FitOptions& options) {
  check_batch_size(options.batch_size);
  if (options.epochs < 0 || options.initial_epoch < 0) {
    throw ArgumentError(fmt::format("epochs is {} and initial_epoch {}; both must be 0 or more",
                                    options.epochs, options.initial_epoch));
  }
  Samples training = check_samples(x, y, options.sample_weight, options.class_weight, shapes());
  // Validation data of its own, or the end of the training data, or none.
  std::optional<Samples> validation;
  if (options.validation_data != nullptr) {
    validation.emplace(check_validation(*options.validation_data));
  } else {
    const int64_t samples = training.end;
    training.end = data::split_samples(samples, options.validation_split).training;
    if (training.end < samples) {
      validation.emplace(training);
      validation->begin = training.end;
      validation->end = samples;
      // Keras makes weights of classes after the split, for the training's samples.
      if (!options.class_weight.empty())
        for (Samples::Output& output : validation->outputs) output.weights = nullptr;
    }
  }
  steps_.forget_if_many();
  compile_for(training, options.batch_size, /*training=*/true);
  if (validation) compile_for(*validation, options.batch_size, /*training=*/false);

  TrainingPass pass(training, options.batch_size, make_epoch_metrics(training));
  if (options.profile != nullptr) {
    const int64_t full_batches = training.count() / pass.plan.batch_size();
    runtime::ProfileOptions profile;
    // Caches and the CPU's clock settle in two steps; but what is short is not left out whole.
    profile.warm_up =
        std::clamp<int64_t>(full_batches * (options.epochs - options.initial_epoch) - 1, 0, 2);
    profile.trace_steps = options.trace_steps;
    profile.threads = parallel_.threads();
    profile.counters = true;
    pass.profile.emplace(*steps_.training(pass.plan.batch_size(), training.weighted()).executable,
                         profile);
  }
  EpochMetrics validation_metrics = make_epoch_metrics(validation ? *validation : training);
  Logs logs = pass.logs;
  if (validation)
    for (auto& log : validation_metrics.names("val_")) logs.push_back(std::move(log));
  Control control(owner, *this);
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
  if (!history.epoch.empty()) state_.take_averages(model_);
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
    CompiledStep& step = training_step(pass.plan.size(batch), pass.samples.weighted());
    const auto indices = pass.order.indices(pass.plan, batch);
    fill(step, pass.samples, plans_,
         [&](const Array& array, float* place) { data::gather(array, indices, place); });

    const double begin = seconds_now();
    if (pass.profile && &step == &steps_.training(pass.plan.batch_size(), pass.samples.weighted()))
      step.executable->run(context(), *pass.profile);
    else
      step.executable->run(context());
    step_seconds += seconds_now() - begin;
    ++step_;

    pass.metrics.add(step, pass.samples.weighted());
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
    CompiledStep& step = steps_.evaluation(plan.size(batch), samples.weighted());
    const int64_t begin = samples.begin + plan.begin(batch);
    fill(step, samples, plans_,
         [&](const Array& array, float* place) { copy_samples(array, begin, step.batch, place); });
    step.executable->run(context());
    metrics.add(step, samples.weighted());
    if (progress == nullptr) continue;
    metrics.write(*logs, 0);
    progress->update(batch + 1, *logs);
  }
}

Logs Trainer::evaluate(const Arrays& x, const Arrays& y, const EvaluateOptions& options) {
  check_batch_size(options.batch_size);
  const Samples samples = check_samples(x, y, options.sample_weight, {}, shapes());
  steps_.forget_if_many();
  compile_for(samples, options.batch_size, /*training=*/false);

  EpochMetrics metrics = make_epoch_metrics(samples);
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

std::vector<NamedArray> Trainer::predict(const Arrays& x, const EvaluateOptions& options) {
  check_batch_size(options.batch_size);
  steps_.forget_if_many();
  const Samples samples = check_inputs(x, shapes());
  const data::BatchPlan plan(samples.count(), options.batch_size);
  for (const int64_t batch : {plan.batch_size(), plan.last_size()}) steps_.inference(batch);

  std::vector<NamedArray> results;
  for (const OutputPlan& output : plans_) {
    NamedArray result{output.name, {output.shape.with_batch(samples.count()), {}}};
    result.array.values.resize(static_cast<size_t>(result.array.shape.elements()));
    results.push_back(std::move(result));
  }
  Progress progress(plan.batches(), "", progress_style(options.verbose));
  for (int64_t batch = 0; batch < plan.batches(); ++batch) {
    CompiledStep& step = steps_.inference(plan.size(batch));
    for (size_t i = 0; i < samples.inputs.size(); ++i)
      copy_samples(*samples.inputs[i], plan.begin(batch), step.batch, step.inputs[i]);
    step.executable->run(context());
    for (size_t i = 0; i < results.size(); ++i) {
      const int64_t elements = plans_[i].shape.elements();
      std::copy_n(step.outputs[i].values, step.batch * elements,
                  results[i].array.values.data() + plan.begin(batch) * elements);
    }
    progress.update(batch + 1, {});
  }
  progress.finish({});
  return results;
}

std::string Trainer::graph_summary(int64_t batch) {
  check_batch_size(batch);
  return runtime::to_text(*steps_.training(batch, /*weighted=*/false).executable);
}

model::TrainingState Trainer::state() {
  model::TrainingState state;
  state.optimizer = config_.optimizer;
  state.optimizer.learning_rate = learning_rate_;
  state.steps = step_;
  state.epochs = epochs_;
  for (const compiler::OptimizerState::Variable& variable : state_.variables(step_)) {
    const float* values = variable.values == nullptr ? &variable.computed : variable.values;
    state.variables.push_back(
        {variable.name, {variable.shape, {values, values + variable.shape.elements()}}});
  }
  return state;
}

bool Trainer::resume(const model::TrainingState& state) {
  const auto variables = state_.variables(state.steps);
  if (state.optimizer.name != config_.optimizer.name || state.variables.size() != variables.size())
    return false;
  for (size_t i = 0; i < variables.size(); ++i)
    if (state.variables[i].array.shape != variables[i].shape) return false;
  for (size_t i = 0; i < variables.size(); ++i)
    if (variables[i].values != nullptr)
      std::ranges::copy(state.variables[i].array.values, variables[i].values);
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
      std::isnan(loss) ? "nan" : "infinite", batch + 1, epoch + 1, learning_rate()));
}

}  // namespace pronghorn::train
