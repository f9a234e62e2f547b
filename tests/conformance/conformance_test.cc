// What Keras computed (README.md) against what we compute.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "formats/npz.h"
#include "pronghorn/model.h"

namespace pronghorn::test {
namespace {

namespace fs = std::filesystem;

constexpr double kPredictionBound = 1e-5;
constexpr double kTrainingBound = 1e-4;

std::string folder() {
  const char* live = std::getenv("PRONGHORN_CONFORMANCE_FIXTURES");
  return live ? live : PRONGHORN_SOURCE_DIR "/tests/conformance/fixtures";
}

std::vector<std::string> fixture_names() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder()))
    if (entry.path().extension() == ".npz") names.push_back(entry.path().stem());
  std::ranges::sort(names);
  return names;
}

class Fixture {
 public:
  explicit Fixture(const std::string& name) : file_(fmt::format("{}/{}.npz", folder(), name)) {
    const std::vector<float> bytes = file_.read("case").array.values;
    document_ = nlohmann::json::parse(std::string(bytes.begin(), bytes.end()));
  }

  const nlohmann::json& operator[](const char* key) const { return document_.at(key); }
  std::map<int64_t, double> class_weight() const {
    std::map<int64_t, double> weights;
    if (document_.contains("class_weight"))
      for (const auto& [number, weight] : document_["class_weight"].items())
        weights[std::stoll(number)] = weight;
    return weights;
  }
  // All arrays of a kind: "x", "weights", "after_20".
  std::vector<Array> arrays(const std::string& kind) {
    std::vector<Array> result;
    while (file_.has(fmt::format("{}/{}", kind, result.size())))
      result.push_back(file_.read(fmt::format("{}/{}", kind, result.size())).array);
    return result;
  }

 private:
  formats::NpzFile file_;
  nlohmann::json document_;
};

double largest(const std::vector<float>& values) {
  double result = 0;
  for (float value : values) result = std::max(result, double{std::fabs(value)});
  return result;
}

void expect_close(const Array& ours, const Array& keras, double bound, const std::string& what) {
  ASSERT_EQ(ours.shape, keras.shape) << what;
  double difference = 0;
  for (size_t i = 0; i < ours.values.size(); ++i) {
    const double here = std::fabs(double{ours.values[i]} - keras.values[i]);
    difference = here <= difference ? difference : here;  // a NaN stays
  }
  EXPECT_LE(difference, bound * largest(keras.values)) << what;
}

void expect_close(double ours, double keras, double bound, const std::string& what) {
  EXPECT_LE(std::fabs(ours - keras), bound * std::max(std::fabs(keras), 1e-2))
      << what << ": " << ours << ", Keras " << keras;
}

void set_weights(Model& model, const std::vector<Array>& arrays, const nlohmann::json& names) {
  std::vector<NamedArray> weights = model.get_weights();
  ASSERT_EQ(weights.size(), arrays.size());
  for (size_t i = 0; i < arrays.size(); ++i) {
    ASSERT_EQ(weights[i].array.shape, arrays[i].shape) << weights[i].name << ", Keras " << names[i];
    weights[i].array = arrays[i];
  }
  model.set_weights(weights);
}

// How far each weight came from where it was, against how far it came in Keras. Beside the bound,
// the rounding of the weight itself.
void expect_moved_alike(const Model& model, const std::vector<Array>& before,
                        const std::vector<Array>& after, double bound) {
  const std::vector<NamedArray> weights = model.get_weights();
  for (size_t i = 0; i < weights.size(); ++i) {
    const std::vector<float>& ours = weights[i].array.values;
    double moved = 0;
    double difference = 0;
    for (size_t j = 0; j < ours.size(); ++j) {
      moved = std::max(moved, std::fabs(double{after[i].values[j]} - before[i].values[j]));
      const double here = std::fabs(double{ours[j]} - after[i].values[j]);
      difference = here <= difference ? difference : here;
    }
    EXPECT_LE(difference, bound * moved + 2e-7 * std::max(largest(after[i].values), 1e-2))
        << weights[i].name << ", which moved by " << moved;
  }
}

class Conformance : public testing::TestWithParam<std::string> {};

TEST_P(Conformance, IsKeras) {
  Fixture fixture(GetParam());
  const double tolerance = fixture["tolerance"];
  const double prediction_bound = kPredictionBound * tolerance;
  const double training_bound = kTrainingBound * tolerance;
  Model model = model_from_json(fixture["model"].dump());
  ASSERT_TRUE(model.file_config().has_value());
  CompileConfig config = *model.file_config();
  config.threads = 1;
  model.compile(config);
  const std::vector<Array> before = fixture.arrays("weights");
  set_weights(model, before, fixture["weights"]);
  if (HasFatalFailure()) return;

  const std::vector<Array> x = fixture.arrays("x");
  const std::vector<Array> y = fixture.arrays("y");
  const std::vector<Array> weights = fixture.arrays("sample_weight");
  EvaluateOptions evaluation;
  evaluation.batch_size = fixture["evaluation_batch"];
  evaluation.verbose = Verbose::kSilent;
  if (weights.size() == 1) evaluation.sample_weight = weights[0];
  if (weights.size() > 1) evaluation.sample_weight = weights;
  const std::vector<Array> predictions = fixture.arrays("predictions");
  const std::vector<NamedArray> predicted = model.predict_outputs(x, evaluation);
  ASSERT_EQ(predicted.size(), predictions.size());
  for (size_t i = 0; i < predicted.size(); ++i)
    expect_close(predicted[i].array, predictions[i], prediction_bound,
                 "predictions of " + predicted[i].name);
  if (!fixture["train"].get<bool>()) return;

  const Logs evaluated = model.evaluate(x, y, evaluation);
  EXPECT_EQ(evaluated.size(), fixture["evaluated"].size());
  for (const auto& [name, value] : evaluated) {
    ASSERT_TRUE(fixture["evaluated"].contains(name)) << name;
    expect_close(value, fixture["evaluated"].at(name), prediction_bound, "evaluate's " + name);
  }

  FitOptions options;
  options.batch_size = x[0].samples();
  options.shuffle = false;
  options.verbose = Verbose::kSilent;
  options.sample_weight = evaluation.sample_weight;
  options.class_weight = fixture.class_weight();
  const History first = model.fit(x, y, options);
  expect_moved_alike(model, before, fixture.arrays("after_1"), training_bound);
  const nlohmann::json& history = fixture["history"];
  options.epochs = static_cast<int>(history.at("loss").size()) - 1;
  const History rest = model.fit(x, y, options);
  expect_moved_alike(model, before, fixture.arrays("after_20"), training_bound);
  ASSERT_EQ(rest.history.size(), history.size());
  for (const auto& [name, values] : history.items()) {
    expect_close(first.history.at(name)[0], values[0], training_bound, name + " of epoch 1");
    for (size_t epoch = 1; epoch < values.size(); ++epoch)
      expect_close(rest.history.at(name)[epoch - 1], values[epoch], training_bound,
                   fmt::format("{} of epoch {}", name, epoch + 1));
  }
}

INSTANTIATE_TEST_SUITE_P(Keras, Conformance, testing::ValuesIn(fixture_names()),
                         [](const auto& fixture) { return fixture.param; });

}  // namespace
}  // namespace pronghorn::test
