#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pronghorn {

// A metric and its arguments, under Keras 3's names. Only those that its formula has are used
// (formulas: src/train/metrics/). Those with several numbers (f1_score without an average,
// thresholds of several values) are logged as several, NAME_0, NAME_1 and so on.
struct Metric {
  Metric() = default;
  // The metric of this name with Keras's defaults; a name that isn't known is refused by
  // Model::compile.
  Metric(std::string_view name);
  Metric(const char* name) : Metric(std::string_view(name)) {}
  Metric(const std::string& name) : Metric(std::string_view(name)) {}

  // Keras's name ("mean_squared_error"), its short form ("mse") or the class ("MeanSquaredError").
  // "accuracy" or "acc" is Keras's automatic choice of flavour by shapes; "exact_accuracy" its
  // class Accuracy, the share of elements that equal their labels.
  std::string name;
  // How it is logged; what it was made from unless set.
  std::string log_name;

  // Of binary_accuracy, binary_iou (0.5), f1_score and fbeta_score (none: the largest output wins).
  std::optional<double> threshold;
  int64_t k = 5;  // of the top-k accuracies
  bool from_logits = false;
  double label_smoothing = 0;

  // Of the counts of true and false positives and negatives, precision and recall: 0.5, or with
  // top_k none. Of auc: in place of num_thresholds even ones.
  std::vector<double> thresholds = {};
  std::optional<int64_t> top_k;
  std::optional<int64_t> class_id;
  int64_t num_thresholds = 200;
  std::string curve = "ROC";                       // of auc: or "PR", "PRGAIN"
  std::string summation_method = "interpolation";  // or "minoring", "majoring"
  bool multi_label = false;
  std::vector<double> label_weights = {};
  // The specificity, sensitivity, recall or precision of sensitivity_at_specificity and its
  // relatives, in [0, 1].
  std::optional<double> at;

  std::string average = {};  // of f1_score and fbeta_score: "", "micro", "macro" or "weighted"
  double beta = 1;           // of fbeta_score

  // Of the IoU family.
  int64_t num_classes = 0;
  std::vector<int64_t> target_class_ids = {};
  std::optional<int64_t> ignore_class;  // and of sparse_categorical_crossentropy
  bool sparse_y_true = true;
  bool sparse_y_pred = true;

  // Of r2_score: "uniform_average", "variance_weighted_average", or "" for one number an output.
  std::string class_aggregation = "uniform_average";
  int64_t num_regressors = 0;

  bool operator==(const Metric&) const = default;
};

// Reads a list in JSON, each entry a name or Keras's {"class_name": "AUC", "config": {"curve":
// "PR"}}. Throws FileError for what is no JSON.
std::vector<Metric> metrics_from_json(std::string_view json);

// The names that Metric takes, without the short ones.
std::vector<std::string> metric_names();

}  // namespace pronghorn
