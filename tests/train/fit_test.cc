// Model::compile, fit, evaluate and predict, on problems so small that a step takes microseconds.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <limits>

#include "base/philox.h"
#include "pronghorn/error.h"
#include "pronghorn/model.h"
#include "temporary_directory.h"

namespace pronghorn {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

// Points in the plane around three corners; the class is the corner.
Dataset corners(int64_t samples) {
  constexpr float kCorners[3][2] = {{1, 0}, {-1, 1}, {-1, -1}};
  Dataset data;
  data.x.shape = {samples, 2};
  data.y.shape = {samples};
  data.classes = 3;
  const RandomStream random(/*seed=*/7, /*stream=*/1, /*step_number=*/0);
  for (int64_t i = 0; i < samples; ++i) {
    const int64_t corner = i % 3;
    for (int64_t axis = 0; axis < 2; ++axis) {
      const float noise = random.uniform(static_cast<uint64_t>(2 * i + axis)) - 0.5f;
      data.x.values.push_back(kCorners[corner][axis] + noise);
    }
    data.y.values.push_back(static_cast<float>(corner));
  }
  return data;
}

Sequential small_model(double dropout = 0) {
  std::vector<Layer> layers = {layers::Dense(8, {.activation = "relu", .name = "hidden"})};
  if (dropout > 0) layers.push_back(layers::Dropout(dropout, {.name = "dropout"}));
  layers.push_back(layers::Dense(3, {.activation = "softmax", .name = "classes"}));
  return Sequential({2}, layers, "small");
}

CompileConfig config_with(double learning_rate, int threads = 1) {
  CompileConfig config;
  config.optimizer = optimizer("sgd");
  config.optimizer.learning_rate = learning_rate;
  config.metrics = {"accuracy"};
  config.seed = 3;
  config.threads = threads;
  return config;
}

FitOptions silent(int epochs, int64_t batch_size = 32) {
  FitOptions options;
  options.epochs = epochs;
  options.batch_size = batch_size;
  options.verbose = Verbose::kSilent;
  return options;
}

const EvaluateOptions kSilentEvaluation = {32, Verbose::kSilent};

Array rows(const Array& array, int64_t begin, int64_t end) {
  const int64_t width = array.shape.without_batch().elements();
  Array part;
  part.shape = array.shape.without_batch().with_batch(end - begin);
  part.values.assign(array.values.begin() + begin * width, array.values.begin() + end * width);
  return part;
}

std::vector<float> values_of(const Model& model) {
  std::vector<float> values;
  for (const NamedArray& weight : model.get_weights())
    values.insert(values.end(), weight.array.values.begin(), weight.array.values.end());
  return values;
}

// Calls a function at each event; the training's course is written into `events`.
class Recorder : public Callback {
 public:
  void on_train_begin(TrainingControl&) override { events.push_back("begin"); }
  void on_epoch_begin(TrainingControl&, int epoch) override {
    events.push_back("epoch " + std::to_string(epoch));
  }
  void on_train_batch_end(TrainingControl&, int64_t batch, const Logs&) override {
    events.push_back("batch " + std::to_string(batch));
  }
  void on_epoch_end(TrainingControl& control, int epoch, const Logs& logs) override {
    events.push_back("end of " + std::to_string(epoch));
    names.clear();
    for (const auto& log : logs) names.push_back(log.first);
    if (at_epoch_end) at_epoch_end(control);
  }
  void on_train_end(TrainingControl&, const Logs&) override { events.push_back("end"); }

  std::vector<std::string> events;
  std::vector<std::string> names;
  std::function<void(TrainingControl&)> at_epoch_end;
};

TEST(Fit, LearnsASmallProblem) {
  const Dataset data = corners(150);
  Sequential model = small_model();
  model.compile(config_with(0.5));
  const History history = model.fit(data.x, data.y, silent(20));
  const std::vector<double>& loss = history.history.at("loss");
  ASSERT_EQ(loss.size(), 20u);
  EXPECT_LT(loss.back(), loss.front() / 3);
  EXPECT_GT(history.history.at("accuracy").back(), 0.95);
  EXPECT_GT(model.evaluate(data.x, data.y, kSilentEvaluation)[1].second, 0.95);
}

TEST(Fit, TheSameSeedGivesTheSameBitsOnAnyNumberOfThreads) {
  const Dataset data = corners(75);
  std::vector<float> first;
  for (const int threads : {1, 1, 2, 3}) {
    Sequential model = small_model(/*dropout=*/0.3);
    model.compile(config_with(0.1, threads));
    model.fit(data.x, data.y, silent(3));
    if (first.empty()) first = values_of(model);
    EXPECT_EQ(values_of(model), first) << threads << " threads";
  }
  Sequential model = small_model(0.3);
  CompileConfig config = config_with(0.1);
  config.seed = 4;
  model.compile(config);
  model.fit(data.x, data.y, silent(3));
  EXPECT_NE(values_of(model), first);
}

TEST(Fit, LogsTheMeanOfTheBatchesWeightedByTheirSizes) {
  // With a learning rate of 0 each batch sees the same weights, so the epoch's loss is the data's.
  const Dataset data = corners(35);  // batches of 32 and 3
  Sequential model = small_model();
  model.compile(config_with(0));
  const History history = model.fit(data.x, data.y, silent(1));
  const Logs whole = model.evaluate(data.x, data.y, {35, Verbose::kSilent});
  EXPECT_NEAR(history.history.at("loss")[0], whole[0].second, 1e-6);
  EXPECT_NEAR(history.history.at("accuracy")[0], whole[1].second, 1e-12);
  const Logs in_batches = model.evaluate(data.x, data.y, {8, Verbose::kSilent});
  EXPECT_NEAR(in_batches[0].second, whole[0].second, 1e-6);
}

TEST(Fit, TrainsOnTheLastShortBatch) {
  // Only the last sample is not zero, and without biases only it has a gradient.
  Array x{{33, 2}, std::vector<float>(66)};
  x.values[64] = 1;
  const Array y{{33}, std::vector<float>(33)};
  Sequential model({2}, {layers::Dense(3, {.activation = "softmax", .use_bias = false})});
  model.compile(config_with(0.1));
  const std::vector<float> before = values_of(model);
  FitOptions options = silent(1);
  options.shuffle = false;
  model.fit(x, y, options);
  EXPECT_NE(values_of(model), before);
}

TEST(Fit, ValidatesOnTheLastRows) {
  const Dataset data = corners(50);
  Sequential model = small_model();
  model.compile(config_with(0.1));
  FitOptions options = silent(1);
  options.validation_split = 0.3;
  const History history = model.fit(data.x, data.y, options);
  // val_ is measured after the epoch.
  const Logs last = model.evaluate(rows(data.x, 35, 50), rows(data.y, 35, 50), kSilentEvaluation);
  EXPECT_DOUBLE_EQ(history.history.at("val_loss")[0], last[0].second);
  EXPECT_DOUBLE_EQ(history.history.at("val_accuracy")[0], last[1].second);
}

TEST(Fit, DoesNotTrainOnTheValidationRows) {
  const Dataset data = corners(50);
  const auto weights_after = [&](const Array& x, const Array& y, double split) {
    Sequential model = small_model();
    model.compile(config_with(0.1));
    FitOptions options = silent(2);
    options.validation_split = split;
    model.fit(x, y, options);
    return values_of(model);
  };
  EXPECT_EQ(weights_after(data.x, data.y, 0.3),
            weights_after(rows(data.x, 0, 35), rows(data.y, 0, 35), 0));
}

TEST(Fit, ValidationDataGoesBeforeTheSplit) {
  const Dataset data = corners(50);
  const Dataset other = corners(9);
  Sequential model = small_model();
  model.compile(config_with(0.1));
  FitOptions options = silent(1);
  options.validation_split = 0.3;
  options.validation_data = &other;
  const History history = model.fit(data.x, data.y, options);
  EXPECT_DOUBLE_EQ(history.history.at("val_loss")[0],
                   model.evaluate(other.x, other.y, kSilentEvaluation)[0].second);
}

TEST(Fit, ShufflesAnewEachEpochUnlessToldNotTo) {
  const Dataset data = corners(64);
  const auto weights_after = [&](std::vector<int> epochs_of_calls, bool shuffle) {
    Sequential model = small_model();
    model.compile(config_with(0.1));
    for (const int epochs : epochs_of_calls) {
      FitOptions options = silent(epochs);
      options.shuffle = shuffle;
      model.fit(data.x, data.y, options);
    }
    return values_of(model);
  };
  EXPECT_NE(weights_after({1}, true), weights_after({1}, false));
  // A second call goes on where the first ended.
  EXPECT_EQ(weights_after({2}, true), weights_after({1, 1}, true));
}

TEST(Fit, TheSecondEpochHasAnotherOrderThanTheFirst) {
  const Dataset data = corners(64);
  const auto weights_after_two_epochs = [&](bool begin_anew) {
    Sequential model = small_model();
    model.compile(config_with(0.1));
    model.fit(data.x, data.y, silent(1));
    // Plain SGD remembers nothing: only the order begins anew.
    if (begin_anew) model.compile(config_with(0.1));
    model.fit(data.x, data.y, silent(1));
    return values_of(model);
  };
  EXPECT_NE(weights_after_two_epochs(true), weights_after_two_epochs(false));
}

TEST(Fit, DropoutDropsOthersInEachStep) {
  const Dataset data = corners(30);
  Sequential model = small_model(/*dropout=*/0.5);
  model.compile(config_with(/*learning_rate=*/0));
  FitOptions options = silent(2);
  options.shuffle = false;
  const std::vector<double> loss = model.fit(data.x, data.y, options).history.at("loss");
  EXPECT_NE(loss[0], loss[1]);
}

TEST(Fit, TellsCallbacksWhatHappens) {
  const Dataset data = corners(40);
  Sequential model = small_model();
  model.compile(config_with(0.1));
  Recorder recorder;
  FitOptions options = silent(4);
  options.initial_epoch = 2;
  options.validation_split = 0.1;
  options.callbacks = {&recorder};
  const History history = model.fit(data.x, data.y, options);
  EXPECT_THAT(recorder.events, ElementsAre("begin", "epoch 2", "batch 0", "batch 1", "end of 2",
                                           "epoch 3", "batch 0", "batch 1", "end of 3", "end"));
  EXPECT_THAT(recorder.names, ElementsAre("accuracy", "loss", "val_accuracy", "val_loss"));
  EXPECT_THAT(history.epoch, ElementsAre(2, 3));
  EXPECT_EQ(history.epoch_seconds.size(), 2u);
  ASSERT_EQ(history.step_seconds.size(), 2u);
  EXPECT_GT(history.step_seconds[0], 0);
  EXPECT_LE(history.step_seconds[0], history.epoch_seconds[0]);
}

TEST(Fit, CallbacksMayStopItAndSetTheLearningRate) {
  const Dataset data = corners(40);
  Sequential model = small_model();
  model.compile(config_with(0.1));
  std::vector<std::vector<float>> weights;
  Recorder recorder;
  recorder.at_epoch_end = [&](TrainingControl& control) {
    weights.push_back(values_of(control.model()));
    EXPECT_EQ(control.learning_rate(), weights.size() == 1 ? 0.1 : 0.0);
    EXPECT_THROW(control.set_learning_rate(std::nan("")), ArgumentError);
    control.set_learning_rate(0);
    if (weights.size() == 3) control.stop_training();
  };
  FitOptions options = silent(10);
  options.callbacks = {&recorder};
  const History history = model.fit(data.x, data.y, options);
  ASSERT_EQ(history.epoch.size(), 3u);
  EXPECT_EQ(weights[0], weights[1]);
  EXPECT_EQ(recorder.events.back(), "end");
}

TEST(Fit, EarlyStoppingRestoresTheBestWeights) {
  const Dataset data = corners(40);
  Sequential model = small_model();
  model.compile(config_with(0.1));
  std::vector<float> after_first;
  Recorder recorder;
  recorder.at_epoch_end = [&](TrainingControl& control) {
    if (after_first.empty()) after_first = values_of(control.model());
    control.set_learning_rate(50);  // ruins what was learned
  };
  EarlyStoppingOptions stopping;
  stopping.monitor = "val_loss";
  stopping.patience = 2;
  stopping.restore_best_weights = true;
  const auto early_stopping = EarlyStopping(stopping);
  FitOptions options = silent(10);
  options.validation_split = 0.25;
  options.callbacks = {&recorder, early_stopping.get()};
  const History history = model.fit(data.x, data.y, options);
  EXPECT_EQ(history.epoch.size(), 3u);
  EXPECT_EQ(values_of(model), after_first);
}

TEST(Fit, CheckpointsHoldTheWeightsOfTheirEpochs) {
  const TemporaryDirectory directory;
  const Dataset data = corners(40);
  Sequential model = small_model();
  model.compile(config_with(0.1));
  ModelCheckpointOptions checkpoint;
  // The directory is made, as by Keras.
  checkpoint.filepath = directory / "made/w{epoch:02d}.safetensors";
  const auto callback = ModelCheckpoint(checkpoint);
  FitOptions options = silent(2);
  options.callbacks = {callback.get()};
  model.fit(data.x, data.y, options);

  Sequential other = small_model();
  other.load_weights(directory / "made/w02.safetensors");
  EXPECT_EQ(values_of(other), values_of(model));
  other.load_weights(directory / "made/w01.safetensors");
  EXPECT_NE(values_of(other), values_of(model));
}

TEST(Fit, ACheckpointOfTheBestIsNotReplacedByWorse) {
  const TemporaryDirectory directory;
  const Dataset data = corners(40);
  Sequential model = small_model();
  model.compile(config_with(0.1));
  std::vector<float> after_first;
  Recorder recorder;
  recorder.at_epoch_end = [&](TrainingControl& control) {
    if (after_first.empty()) after_first = values_of(control.model());
    control.set_learning_rate(50);
  };
  ModelCheckpointOptions checkpoint;
  checkpoint.filepath = directory / "best.safetensors";
  checkpoint.save_best_only = true;
  const auto callback = ModelCheckpoint(checkpoint);
  FitOptions options = silent(2);
  options.validation_split = 0.25;
  options.callbacks = {&recorder, callback.get()};
  model.fit(data.x, data.y, options);
  Sequential best = small_model();
  best.load_weights(checkpoint.filepath);
  EXPECT_EQ(values_of(best), after_first);
}

TEST(Fit, GoesOnAfterALossThatIsNoNumber) {
  Dataset data = corners(40);
  data.x.values[0] = std::numeric_limits<float>::quiet_NaN();
  Sequential model = small_model();
  model.compile(config_with(0.1));
  const History history = model.fit(data.x, data.y, silent(2));
  EXPECT_EQ(history.epoch.size(), 2u);
  const double loss = history.history.at("loss")[1];
  EXPECT_TRUE(std::isnan(loss));
  EXPECT_FALSE(std::signbit(loss)) << "it would be printed as -nan";
}

TEST(Fit, TakesEachLossWithItsLabels) {
  const Dataset data = corners(40);
  const Array one_hot = to_categorical(data.y, 3);
  const auto loss_of = [&](const char* loss, const Array& y) {
    Sequential model = small_model();
    CompileConfig config = config_with(0);
    config.loss = loss;
    model.compile(config);
    return model.evaluate(data.x, y, kSilentEvaluation)[0].second;
  };
  const double categorical = loss_of("categorical_crossentropy", one_hot);
  EXPECT_EQ(loss_of("categorical_crossentropy", data.y), categorical);
  EXPECT_NEAR(loss_of("sparse_categorical_crossentropy", data.y), categorical, 1e-6);
  EXPECT_GT(loss_of("binary_crossentropy", one_hot), 0);
  EXPECT_EQ(loss_of("mse", one_hot), loss_of("mean_squared_error", one_hot));
  EXPECT_GT(loss_of("mae", one_hot), loss_of("mse", one_hot));
}

TEST(Fit, RefusesWhatIsOutOfRangeBeforeItTrains) {
  const Dataset data = corners(40);
  Sequential model = small_model();
  EXPECT_THAT([&] { model.fit(data.x, data.y, silent(1)); },
              ThrowsMessage<ArgumentError>(HasSubstr("call compile() first")));
  model.compile(config_with(0.1));
  const std::vector<float> before = values_of(model);
  const auto refused = [&](auto&& change, const char* message) {
    FitOptions options = silent(1);
    Recorder recorder;
    options.callbacks = {&recorder};
    change(options);
    EXPECT_THAT([&] { model.fit(data.x, data.y, options); },
                ThrowsMessage<ArgumentError>(HasSubstr(message)));
    EXPECT_TRUE(recorder.events.empty());
  };
  refused([](FitOptions& options) { options.batch_size = 0; }, "batch size is 0");
  refused([](FitOptions& options) { options.epochs = -1; }, "epochs is -1");
  refused([](FitOptions& options) { options.validation_split = 1; }, "1");
  refused([](FitOptions& options) { options.validation_split = std::nan(""); }, "nan");
  Dataset wrong = corners(9);
  wrong.y.values[4] = 3;
  refused([&](FitOptions& options) { options.validation_data = &wrong; }, "validation data: ");
  EXPECT_EQ(values_of(model), before);
}

TEST(Fit, ProfilesTheStepsOfFullBatchSize) {
  const Dataset data = corners(70);
  Sequential plain = small_model(), profiled = small_model();
  plain.compile(config_with(0.1, 2));
  profiled.compile(config_with(0.1, 2));
  FitOptions options = silent(3, 32);
  plain.fit(data.x, data.y, options);
  StepProfile profile;
  options.profile = &profile;
  options.trace_steps = 2;
  profiled.fit(data.x, data.y, options);
  EXPECT_EQ(profile.batch_size, 32);
  EXPECT_EQ(profile.threads, 2);
  EXPECT_EQ(profile.steps, 3 * 2 - 2) << "short batches and the warm-up are left out";
  ASSERT_FALSE(profile.ops.empty());
  EXPECT_EQ(profile.ops.front().layer, "hidden");
  EXPECT_EQ(profile.ops.back().phase, "update");
  ASSERT_FALSE(profile.trace.empty());
  EXPECT_EQ(profile.trace.back().step, 1);
  EXPECT_EQ(values_of(plain), values_of(profiled));
}

TEST(Fit, ProfilesTheOneStepThatThereIs) {
  const Dataset data = corners(20);
  Sequential model = small_model();
  model.compile(config_with(0.1));
  FitOptions options = silent(1, 32);
  StepProfile profile;
  options.profile = &profile;
  model.fit(data.x, data.y, options);
  EXPECT_EQ(profile.batch_size, 20);
  EXPECT_EQ(profile.steps, 1);
  EXPECT_TRUE(profile.trace.empty());
}

TEST(Fit, RefusesImagesOfAnotherShape) {
  Sequential model = small_model();
  model.compile(config_with(0.1));
  const Array x{{2, 3}, std::vector<float>(6)};
  EXPECT_THAT(
      [&] {
        model.fit(x, Array{{2}, {0, 0}}, silent(1));
      },
      ThrowsMessage<ShapeError>(HasSubstr("the model takes (2,)")));
}

TEST(Compile, RefusesWhatItDoesNotKnow) {
  Sequential model = small_model();
  const auto refused = [&](auto&& change, const char* message) {
    CompileConfig config = config_with(0.1);
    change(config);
    EXPECT_THAT([&] { model.compile(config); }, ThrowsMessage<ArgumentError>(HasSubstr(message)));
  };
  const double infinity = std::numeric_limits<double>::infinity();
  refused([](CompileConfig& c) { c.optimizer.name = "lamb"; }, "unknown optimizer 'lamb'");
  refused([](CompileConfig& c) { c.loss = "hubris"; }, "unknown loss 'hubris'");
  refused([](CompileConfig& c) { c.metrics = {"auk"}; }, "unknown metric 'auk'");
  refused([&](CompileConfig& c) { c.optimizer.learning_rate = infinity; }, "learning_rate is inf");
  refused([](CompileConfig& c) { c.optimizer.learning_rate = -1; }, "learning_rate is -1");
  refused([](CompileConfig& c) { c.optimizer.momentum = 1.5; }, "momentum is 1.5");
  refused([](CompileConfig& c) { c.optimizer.beta_2 = 1; }, "[0, 1)");
  refused([](CompileConfig& c) { c.threads = -1; }, "threads is -1");
  refused([](CompileConfig& c) { c.kernels = "cuda"; }, "cuda");
  refused([](CompileConfig& c) { c.precision = "float16"; }, "mixed_bfloat16");
  refused(
      [](CompileConfig& c) {
        c.loss = "mse";
        c.loss.from_logits = true;
      },
      "from_logits");
}

TEST(Compile, RefusesAFileOfChoicesThatIsMissing) {
  CompileConfig config = config_with(0.1);
  config.choices = "/nowhere/choices.json";
  EXPECT_THAT([&] { small_model().compile(config); },
              ThrowsMessage<FileError>(HasSubstr("/nowhere/choices.json")));
}

TEST(Predict, NeedsNoCompileAndTakesAnyBatchSize) {
  const Dataset data = corners(10);
  Sequential model = small_model();
  const Array whole = model.predict(data.x, {10, Verbose::kSilent});
  EXPECT_EQ(whole.shape, (Shape{10, 3}));
  for (int64_t row = 0; row < 10; ++row) {
    const float* p = whole.values.data() + row * 3;
    EXPECT_NEAR(p[0] + p[1] + p[2], 1, 1e-6);
  }
  const Array in_batches = model.predict(data.x, {4, Verbose::kSilent});
  ASSERT_EQ(in_batches.shape, whole.shape);
  for (size_t i = 0; i < whole.values.size(); ++i)
    EXPECT_NEAR(in_batches.values[i], whole.values[i], 1e-6);
  EXPECT_THROW(model.predict(data.x, {0, Verbose::kSilent}), ArgumentError);
}

TEST(Predict, LeavesTheChoiceOfInitialWeightsToCompile) {
  const Dataset data = corners(4);
  Sequential predicted = small_model();
  predicted.predict(data.x, kSilentEvaluation);
  predicted.graph_summary(8);
  predicted.compile(config_with(0.1));
  Sequential fresh = small_model();
  fresh.compile(config_with(0.1));
  EXPECT_EQ(values_of(predicted), values_of(fresh));
}

TEST(Predict, SeesWeightsThatWereSet) {
  const Dataset data = corners(4);
  Sequential model = small_model();
  const Array before = model.predict(data.x, kSilentEvaluation);
  std::vector<NamedArray> weights = model.get_weights();
  for (NamedArray& weight : weights)
    std::fill(weight.array.values.begin(), weight.array.values.end(), 0.0f);
  model.set_weights(weights);
  EXPECT_THAT(model.predict(data.x, kSilentEvaluation).values, testing::Each(1.0f / 3));
}

TEST(Evaluate, GivesTheLossFirst) {
  const Dataset data = corners(10);
  Sequential model = small_model();
  EXPECT_THROW(model.evaluate(data.x, data.y, kSilentEvaluation), ArgumentError);
  CompileConfig config = config_with(0.1);
  config.metrics = {"top_2_categorical_accuracy", "accuracy"};
  model.compile(config);
  std::vector<std::string> names;
  for (const auto& log : model.evaluate(data.x, data.y, kSilentEvaluation))
    names.push_back(log.first);
  EXPECT_THAT(names, ElementsAre("loss", "accuracy", "top_2_categorical_accuracy"));
}

TEST(GraphSummary, ShowsOpsAndArena) {
  const std::string text = small_model().graph_summary(8);
  EXPECT_THAT(text,
              AllOf(HasSubstr("matmul"), HasSubstr("optimizer_update"), HasSubstr("arena: ")));
  EXPECT_THROW(small_model().graph_summary(0), ArgumentError);
}

TEST(LoadWeights, OfAnotherModelAreRefusedAndChangeNothing) {
  const TemporaryDirectory directory;
  const std::string path = directory / "w.safetensors";
  Sequential({2}, {layers::Dense(3, {.name = "other"})}).save_weights(path);
  Sequential model = small_model();
  const std::vector<float> before = values_of(model);
  EXPECT_THAT([&] { model.load_weights(path); },
              ThrowsMessage<ShapeError>(AllOf(HasSubstr(path), HasSubstr("another model"),
                                              HasSubstr("'hidden/kernel'"))));
  Sequential({2}, {layers::Dense(8, {.name = "hidden"}), layers::Dense(4, {.name = "classes"})})
      .save_weights(path);
  EXPECT_THAT([&] { model.load_weights(path); },
              ThrowsMessage<ShapeError>(AllOf(HasSubstr("(8, 4)"), HasSubstr("(8, 3)"))));
  EXPECT_EQ(values_of(model), before);
}

TEST(SaveWeights, IntoADirectoryThatIsMissingLeavesNothing) {
  const TemporaryDirectory directory;
  EXPECT_THROW(small_model().save_weights(directory / "missing/w.safetensors"), FileError);
  EXPECT_TRUE(directory.empty());
}

}  // namespace
}  // namespace pronghorn
