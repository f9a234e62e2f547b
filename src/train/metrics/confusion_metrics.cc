// The metrics that count true and false positives and negatives at thresholds
// (keras/src/metrics/confusion_metrics.py and metrics_utils.py).
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "pronghorn/error.h"
#include "train/metrics/metric_state.h"

namespace pronghorn::train {
namespace {

constexpr double kEpsilon = 1e-7;
// What predictions outside of the largest k are taken for.
constexpr float kNegativeInfinity = -1e10f;

double ratio(double a, double b) { return b == 0 ? 0 : a / b; }

// The counts at one threshold.
struct Counts {
  double true_positives = 0, false_positives = 0, true_negatives = 0, false_negatives = 0;

  double precision() const { return ratio(true_positives, true_positives + false_positives); }
  double recall() const { return ratio(true_positives, true_positives + false_negatives); }
  double specificity() const { return ratio(true_negatives, true_negatives + false_positives); }
  double false_positive_rate() const {
    return ratio(false_positives, false_positives + true_negatives);
  }
};

struct ConfusionOptions {
  std::vector<double> thresholds;
  std::optional<int64_t> top_k, class_id;
  bool from_logits = false;
  // Counts for each label (column) by itself.
  bool by_label = false;
  // Of each label, where the counts are for all together.
  std::vector<double> label_weights = {};
};

// Keras's is_evenly_distributed_thresholds: then it counts by buckets, whose edges are rounded
// otherwise than a comparison with each threshold.
bool are_even(const std::vector<double>& thresholds) {
  if (thresholds.size() < 3) return false;
  const double last = static_cast<double>(thresholds.size() - 1);
  for (size_t i = 0; i < thresholds.size(); ++i) {
    const double even = static_cast<double>(i) / last;
    if (std::abs(thresholds[i] - even) > kEpsilon + 1e-5 * even) return false;
  }
  return true;
}

class ConfusionCounts {
 public:
  ConfusionCounts(ConfusionOptions options, int64_t classes)
      : options_(std::move(options)),
        even_(are_even(options_.thresholds)),
        beyond_edges_(options_.thresholds.front() < 0 || options_.thresholds.back() > 1),
        labels_(options_.by_label ? static_cast<size_t>(classes) : 1),
        counts_(labels_ * options_.thresholds.size()),
        buckets_(even_ ? counts_.size() : 0) {}

  void reset() {
    std::fill(counts_.begin(), counts_.end(), Counts{});
    std::fill(buckets_.begin(), buckets_.end(), Bucket{});
    settled_ = true;
  }

  void update(const Predicted& batch) {
    for (int64_t row = 0; row < batch.rows; ++row) {
      const int64_t first = options_.class_id.value_or(0);
      const int64_t last = options_.class_id ? first + 1 : batch.classes;
      for (int64_t c = first; c < last; ++c) {
        double weight = batch.weight(row);
        if (!options_.label_weights.empty() && !options_.by_label)
          weight *= options_.label_weights[static_cast<size_t>(c)];
        add(options_.by_label ? static_cast<size_t>(c) : 0, prediction(batch, row, c),
            batch.labels_of(row)[c] != 0, weight);
      }
    }
    settled_ = false;
  }

  size_t labels() const { return labels_; }
  size_t thresholds() const { return options_.thresholds.size(); }
  const Counts& at(size_t label, size_t threshold) const {
    if (!settled_) settle();
    return counts_[label * thresholds() + threshold];
  }

 private:
  struct Bucket {
    double positives = 0, negatives = 0;
  };

  float prediction(const Predicted& batch, int64_t row, int64_t c) const {
    const float* p = batch.predictions_of(row);
    if (options_.top_k) {
      // Of equals the first are among the largest.
      int64_t before = 0;
      for (int64_t other = 0; other < batch.classes; ++other)
        before += p[other] > p[c] || (p[other] == p[c] && other < c);
      if (before >= *options_.top_k) return kNegativeInfinity;
    }
    return options_.from_logits ? 1 / (1 + std::exp(-p[c])) : p[c];
  }

  void add(size_t label, float prediction, bool positive, double weight) {
    const size_t count = thresholds();
    if (even_) {
      const float clipped = std::clamp(prediction, 0.0f, 1.0f);
      float index = std::ceil(clipped * static_cast<float>(count - 1)) - 1;
      if (beyond_edges_) index = std::max(index, 0.0f);
      // A bucket below the first holds what no threshold calls positive.
      if (index >= 0) {
        Bucket& bucket = buckets_[label * count + static_cast<size_t>(index)];
        (positive ? bucket.positives : bucket.negatives) += weight;
      }
      Counts& all = counts_[label * count];  // settle() spreads it
      (positive ? all.false_negatives : all.true_negatives) += weight;
      return;
    }
    for (size_t i = 0; i < count; ++i) {
      Counts& counts = counts_[label * count + i];
      const bool called = prediction > static_cast<float>(options_.thresholds[i]);
      if (positive)
        (called ? counts.true_positives : counts.false_negatives) += weight;
      else
        (called ? counts.false_positives : counts.true_negatives) += weight;
    }
  }

  // From buckets to counts: at a threshold all are positive whose bucket is not below it. The first
  // threshold's place holds how many positives and negatives there are.
  void settle() const {
    settled_ = true;
    if (!even_) return;
    const size_t count = thresholds();
    for (size_t label = 0; label < labels_; ++label) {
      Counts* const counts = counts_.data() + label * count;
      const double positives = counts[0].true_positives + counts[0].false_negatives;
      const double negatives = counts[0].false_positives + counts[0].true_negatives;
      double true_positives = 0, false_positives = 0;
      for (size_t i = count; i-- > 0;) {
        true_positives += buckets_[label * count + i].positives;
        false_positives += buckets_[label * count + i].negatives;
        counts[i] = {true_positives, false_positives, negatives - false_positives,
                     positives - true_positives};
      }
    }
  }

  ConfusionOptions options_;
  bool even_, beyond_edges_;
  size_t labels_;
  mutable std::vector<Counts> counts_;
  std::vector<Bucket> buckets_;
  mutable bool settled_ = true;
};

// A number of the counts at each threshold.
class AtThresholds final : public MetricState {
 public:
  using Number = double (*)(const Counts&);
  AtThresholds(ConfusionOptions options, int64_t classes, Number number)
      : counts_(std::move(options), classes), number_(number) {}

  void reset() override { counts_.reset(); }
  void update(const Predicted& batch) override { counts_.update(batch); }
  size_t size() const override { return counts_.thresholds(); }
  double result(size_t index) const override { return number_(counts_.at(0, index)); }

 private:
  ConfusionCounts counts_;
  Number number_;
};

// The largest of one number where another is at least `least`: sensitivity at specificity, say.
class BestWhere final : public MetricState {
 public:
  using Number = double (*)(const Counts&);
  BestWhere(ConfusionOptions options, int64_t classes, Number constrained, double least,
            Number number)
      : counts_(std::move(options), classes),
        constrained_(constrained),
        least_(least),
        number_(number) {}

  void reset() override { counts_.reset(); }
  void update(const Predicted& batch) override { counts_.update(batch); }
  double result(size_t) const override {
    double best = 0;
    for (size_t i = 0; i < counts_.thresholds(); ++i)
      // In single precision, as Keras compares them.
      if (static_cast<float>(constrained_(counts_.at(0, i))) >= static_cast<float>(least_))
        best = std::max(best, number_(counts_.at(0, i)));
    return best;
  }

 private:
  ConfusionCounts counts_;
  Number constrained_;
  double least_;
  Number number_;
};

enum class Curve : uint8_t { kRoc, kPr, kPrGain };
enum class Summation : uint8_t { kInterpolation, kMinoring, kMajoring };

class Auc final : public MetricState {
 public:
  Auc(ConfusionOptions options, int64_t classes, Curve curve, Summation summation,
      std::vector<double> label_weights)
      : counts_(std::move(options), classes),
        curve_(curve),
        summation_(summation),
        label_weights_(std::move(label_weights)) {}

  void reset() override { counts_.reset(); }
  void update(const Predicted& batch) override { counts_.update(batch); }
  double result(size_t) const override {
    double sum = 0, weights = 0;
    for (size_t label = 0; label < counts_.labels(); ++label) {
      const double weight = label_weights_.empty() ? 1 : label_weights_[label];
      sum += weight * area(label);
      weights += weight;
    }
    return ratio(sum, weights);
  }

 private:
  struct Point {
    double x, y;
  };
  Point point(const Counts& counts) const {
    if (curve_ == Curve::kRoc) return {counts.false_positive_rate(), counts.recall()};
    if (curve_ == Curve::kPr) return {counts.recall(), counts.precision()};
    const double scale = ratio(counts.true_positives + counts.false_negatives,
                               counts.true_negatives + counts.false_positives);
    if (counts.true_positives == 0) return {0, 1};
    return {std::max(0.0, 1 - scale * counts.false_negatives / counts.true_positives),
            1 - scale * counts.false_positives / counts.true_positives};
  }

  double area(size_t label) const {
    double sum = 0;
    for (size_t i = 0; i + 1 < counts_.thresholds(); ++i) {
      const Counts &below = counts_.at(label, i), &above = counts_.at(label, i + 1);
      if (curve_ == Curve::kPr && summation_ == Summation::kInterpolation) {
        sum += interpolated_precision(below, above);
        continue;
      }
      const Point a = point(below), b = point(above);
      const double height = summation_ == Summation::kInterpolation ? (a.y + b.y) / 2
                            : summation_ == Summation::kMinoring    ? std::min(a.y, b.y)
                                                                    : std::max(a.y, b.y);
      sum += (a.x - b.x) * height;
    }
    return sum;
  }
  // The area between two points of a precision-recall curve, by the formula of Davis and Goadrich
  // (2006), in which precision is not linear in recall.
  static double interpolated_precision(const Counts& below, const Counts& above) {
    const double true_step = below.true_positives - above.true_positives;
    const double p_below = below.true_positives + below.false_positives;
    const double p_above = above.true_positives + above.false_positives;
    const double slope = ratio(true_step, std::max(p_below - p_above, 0.0));
    const double intercept = above.true_positives - slope * p_above;
    const double p_ratio = p_below > 0 && p_above > 0 ? p_below / p_above : 1;
    return ratio(slope * (true_step + intercept * std::log(p_ratio)),
                 std::max(above.true_positives + above.false_negatives, 0.0));
  }

  ConfusionCounts counts_;
  Curve curve_;
  Summation summation_;
  std::vector<double> label_weights_;
};

// 0 to 1, the edges moved outwards by `beyond`.
std::vector<double> even_thresholds(int64_t count, double beyond) {
  std::vector<double> thresholds{0 - beyond};
  for (int64_t i = 1; i < count - 1; ++i)
    thresholds.push_back(static_cast<double>(i) / static_cast<double>(count - 1));
  thresholds.push_back(1 + beyond);
  return thresholds;
}

void check_thresholds(const Metric& metric) {
  for (const double threshold : metric.thresholds)
    if (!(threshold >= 0 && threshold <= 1))
      throw ArgumentError(
          fmt::format("metric '{}': the threshold {} is not in [0, 1]", metric.name, threshold));
  constexpr int64_t kMost = 1 << 20;
  if (metric.num_thresholds < 1 || metric.num_thresholds > kMost)
    throw ArgumentError(fmt::format("metric '{}': num_thresholds is {}; it must be from 1 to {}",
                                    metric.name, metric.num_thresholds, kMost));
}

ConfusionOptions options_for(const Metric& metric, int64_t classes) {
  check_thresholds(metric);
  if (metric.class_id && (*metric.class_id < 0 || *metric.class_id >= classes))
    throw ArgumentError(fmt::format("metric '{}': class_id is {}; the output has classes 0 to {}",
                                    metric.name, *metric.class_id, classes - 1));
  if (metric.top_k && (*metric.top_k < 1 || *metric.top_k > classes))
    throw ArgumentError(fmt::format("metric '{}': top_k is {}; it must be from 1 to {}",
                                    metric.name, *metric.top_k, classes));
  ConfusionOptions options;
  options.thresholds = metric.thresholds;
  options.top_k = metric.top_k;
  options.class_id = metric.class_id;
  if (options.thresholds.empty())
    options.thresholds = {metric.top_k ? static_cast<double>(kNegativeInfinity) : 0.5};
  return options;
}

MadeMetric make_auc(const Metric& metric, int64_t classes) {
  check_thresholds(metric);
  ConfusionOptions options;
  if (!metric.thresholds.empty()) {
    options.thresholds = metric.thresholds;
    std::sort(options.thresholds.begin(), options.thresholds.end());
    options.thresholds.insert(options.thresholds.begin(), -kEpsilon);
    options.thresholds.push_back(1 + kEpsilon);
  } else if (metric.num_thresholds < 2) {
    throw ArgumentError(fmt::format("metric '{}': num_thresholds is {}; it must be at least 2",
                                    metric.name, metric.num_thresholds));
  } else {
    options.thresholds = even_thresholds(metric.num_thresholds, kEpsilon);
  }
  options.from_logits = metric.from_logits;
  options.by_label = metric.multi_label;
  options.label_weights = metric.label_weights;
  if (!metric.label_weights.empty() && static_cast<int64_t>(metric.label_weights.size()) != classes)
    throw ArgumentError(fmt::format("metric '{}': {} label_weights for {} outputs", metric.name,
                                    metric.label_weights.size(), classes));

  constexpr std::pair<const char*, Curve> kCurves[] = {
      {"ROC", Curve::kRoc}, {"roc", Curve::kRoc},       {"PR", Curve::kPr},
      {"pr", Curve::kPr},   {"PRGAIN", Curve::kPrGain}, {"prgain", Curve::kPrGain}};
  constexpr std::pair<const char*, Summation> kSummations[] = {
      {"interpolation", Summation::kInterpolation}, {"Interpolation", Summation::kInterpolation},
      {"minoring", Summation::kMinoring},           {"Minoring", Summation::kMinoring},
      {"majoring", Summation::kMajoring},           {"Majoring", Summation::kMajoring}};
  const auto curve = std::find_if(std::begin(kCurves), std::end(kCurves),
                                  [&](const auto& known) { return known.first == metric.curve; });
  if (curve == std::end(kCurves))
    throw ArgumentError(fmt::format("metric '{}': curve '{}'; ROC, PR or PRGAIN would be right",
                                    metric.name, metric.curve));
  const auto summation =
      std::find_if(std::begin(kSummations), std::end(kSummations),
                   [&](const auto& known) { return known.first == metric.summation_method; });
  if (summation == std::end(kSummations))
    throw ArgumentError(
        fmt::format("metric '{}': summation_method '{}'; interpolation, minoring or majoring would "
                    "be right",
                    metric.name, metric.summation_method));
  return {std::make_unique<Auc>(std::move(options), classes, curve->second, summation->second,
                                metric.multi_label ? metric.label_weights : std::vector<double>{}),
          Labels::kRows};
}

MadeMetric make_best_where(const Metric& metric, int64_t classes, const char* argument,
                           AtThresholds::Number constrained, AtThresholds::Number number) {
  if (!metric.at || !(*metric.at >= 0 && *metric.at <= 1))
    throw ArgumentError(fmt::format("metric '{}' needs {}, in [0, 1]", metric.name, argument));
  ConfusionOptions options = options_for(metric, classes);
  options.thresholds = metric.num_thresholds == 1 ? std::vector<double>{0.5}
                                                  : even_thresholds(metric.num_thresholds, 0);
  return {std::make_unique<BestWhere>(std::move(options), classes, constrained, *metric.at, number),
          Labels::kRows};
}

}  // namespace

MadeMetric make_confusion_metric(const std::string& name, const Metric& metric, int64_t classes) {
  if (name == "auc") return make_auc(metric, classes);

  const auto precision = [](const Counts& counts) { return counts.precision(); };
  const auto recall = [](const Counts& counts) { return counts.recall(); };
  const auto specificity = [](const Counts& counts) { return counts.specificity(); };
  if (name == "sensitivity_at_specificity")
    return make_best_where(metric, classes, "a specificity", specificity, recall);
  if (name == "specificity_at_sensitivity")
    return make_best_where(metric, classes, "a sensitivity", recall, specificity);
  if (name == "precision_at_recall")
    return make_best_where(metric, classes, "a recall", recall, precision);
  if (name == "recall_at_precision")
    return make_best_where(metric, classes, "a precision", precision, recall);

  const std::pair<const char*, AtThresholds::Number> kNumbers[] = {
      {"true_positives", [](const Counts& counts) { return counts.true_positives; }},
      {"true_negatives", [](const Counts& counts) { return counts.true_negatives; }},
      {"false_positives", [](const Counts& counts) { return counts.false_positives; }},
      {"false_negatives", [](const Counts& counts) { return counts.false_negatives; }},
      {"precision", precision},
      {"recall", recall}};
  for (const auto& [known, number] : kNumbers)
    if (name == known)
      return {std::make_unique<AtThresholds>(options_for(metric, classes), classes, number),
              Labels::kRows};
  return {};
}

}  // namespace pronghorn::train
