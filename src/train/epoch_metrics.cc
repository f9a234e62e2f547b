#include "train/epoch_metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

namespace pronghorn::train {
namespace {

// x86 makes negative NaNs, which would print as "-nan"; Python has one nan.
double unsigned_nan(double value) {
  return std::isnan(value) ? std::numeric_limits<double>::quiet_NaN() : value;
}

// Names that come again are numbered, a weighted metric's marked first, as in Keras
// (keras/src/trainers/compile_utils.py).
class UniqueNames {
 public:
  std::string of(const std::string& prefix, const std::string& name, bool weighted) {
    std::string wanted = prefix + name;
    if (weighted && taken_.contains(wanted)) wanted = prefix + "weighted_" + name;
    const int before = taken_[wanted]++;
    return before == 0 ? wanted : fmt::format("{}_{}", wanted, before);
  }

 private:
  std::map<std::string, int> taken_;
};

}  // namespace

EpochMetrics::EpochMetrics(const std::vector<OutputPlan>& plans,
                           const std::vector<LabelKind>& kinds) {
  const bool several = plans.size() > 1;
  for (size_t i = 0; i < plans.size(); ++i)
    if (plans[i].has_loss()) loss_outputs_.push_back(i);
  if (loss_outputs_.size() < 2) loss_outputs_.clear();
  loss_sums_.resize(1 + loss_outputs_.size());
  sources_.push_back({"loss", -1, 0});
  for (size_t i = 0; i < loss_outputs_.size(); ++i)
    sources_.push_back({plans[loss_outputs_[i]].name + "_loss", -1, i + 1});

  UniqueNames names;
  for (const bool weighted : {false, true})
    for (size_t i = 0; i < plans.size(); ++i) {
      const auto& wanted = weighted ? plans[i].weighted_metrics : plans[i].metrics;
      for (NamedMetric& made : make_metrics(wanted, kinds[i], plans[i].classes())) {
        const std::string name = names.of(several ? plans[i].name + "_" : "", made.name, weighted);
        const size_t numbers = made.state->size();
        for (size_t n = 0; n < numbers; ++n)
          sources_.push_back({numbers == 1 ? name : fmt::format("{}_{}", name, n),
                              static_cast<int>(metrics_.size()), n});
        metrics_.push_back({std::move(made.state), i, kinds[i], weighted});
      }
    }
  std::stable_sort(sources_.begin(), sources_.end(),
                   [](const Source& a, const Source& b) { return a.name < b.name; });
}

void EpochMetrics::reset() {
  std::fill(loss_sums_.begin(), loss_sums_.end(), 0.0);
  samples_ = 0;
  for (OutputMetric& metric : metrics_) metric.state->reset();
}

void EpochMetrics::add(const CompiledStep& step, bool weighted) {
  const auto batch = static_cast<double>(step.batch);
  loss_sums_[0] += static_cast<double>(*step.loss) * batch;
  for (size_t i = 0; i < loss_outputs_.size(); ++i)
    loss_sums_[i + 1] += static_cast<double>(*step.outputs[loss_outputs_[i]].loss) * batch;
  samples_ += step.batch;
  for (OutputMetric& metric : metrics_) {
    const CompiledStep::Output& output = step.outputs[metric.output];
    metric.state->update({output.values, output.seen_labels(), output.rows, output.classes,
                          metric.kind,
                          weighted && metric.weighted ? output.seen_weights() : nullptr});
  }
}

Logs EpochMetrics::names(const std::string& prefix) const {
  Logs logs;
  for (const Source& source : sources_) logs.emplace_back(prefix + source.name, 0);
  return logs;
}

double EpochMetrics::value(const Source& source) const {
  if (source.metric >= 0)
    return metrics_[static_cast<size_t>(source.metric)].state->result(source.index);
  return samples_ == 0 ? 0 : loss_sums_[source.index] / static_cast<double>(samples_);
}

void EpochMetrics::write(Logs& logs, size_t first) const {
  for (size_t i = 0; i < sources_.size(); ++i)
    logs[first + i].second = unsigned_nan(value(sources_[i]));
}

}  // namespace pronghorn::train
