#include "train/loss_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "pronghorn/error.h"

namespace pronghorn {

using graph::LossFunction;

namespace {

constexpr std::array<std::pair<std::string_view, LossFunction>, 7> kAliases = {
    {{"bce", LossFunction::kBinaryCrossentropy},
     {"mse", LossFunction::kMeanSquaredError},
     {"mae", LossFunction::kMeanAbsoluteError},
     {"mape", LossFunction::kMeanAbsolutePercentageError},
     {"msle", LossFunction::kMeanSquaredLogarithmicError},
     {"kld", LossFunction::kKlDivergence},
     {"kullbackleiblerdivergence", LossFunction::kKlDivergence}}};

void check(bool right, const Loss& loss, std::string_view argument, double value,
           std::string_view range) {
  if (right) return;
  throw ArgumentError(
      fmt::format("loss '{}': {} is {}; it must be {}", loss.name, argument, value, range));
}

// How many leading axes make the rows, of a loss that sums along the trailing `axis`.
int64_t row_axes(const Loss& loss, bool along_several, int64_t rank) {
  if (loss.axis.empty()) return along_several ? 0 : rank - 1;
  std::vector<int64_t> axes;
  for (const int64_t axis : loss.axis) axes.push_back(axis < 0 ? axis + rank : axis);
  std::sort(axes.begin(), axes.end());
  bool trailing = axes.front() >= 0 && axes.back() == rank - 1;
  for (size_t i = 1; i < axes.size(); ++i) trailing = trailing && axes[i] == axes[i - 1] + 1;
  if (!trailing || (!along_several && axes.size() > 1))
    throw ArgumentError(fmt::format("loss '{}': axis {} of outputs with {} axes; {} would be right",
                                    loss.name, fmt::join(loss.axis, ", "), rank,
                                    along_several ? "the trailing ones" : "the last (-1)"));
  return axes.front();
}

}  // namespace

Loss::Loss(std::string_view loss_name) : name(loss_name) {
  if (train::bare_name(name) == "tversky") alpha = 0.5;
}

std::vector<std::string> loss_names() {
  std::vector<std::string> names;
  for (int i = 0; i < graph::kLossFunctions; ++i)
    names.emplace_back(graph::to_string(static_cast<LossFunction>(i)));
  return names;
}

std::string train::bare_name(std::string_view name) {
  std::string bare;
  for (const char c : name)
    if (c != '_' && c != '-')
      bare += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return bare;
}

graph::LossFunction train::parse_loss(std::string_view name) {
  const std::string bare = bare_name(name);
  for (int i = 0; i < graph::kLossFunctions; ++i)
    if (bare == bare_name(graph::to_string(static_cast<LossFunction>(i))))
      return static_cast<LossFunction>(i);
  for (const auto& [alias, function] : kAliases)
    if (bare == alias) return function;
  throw ArgumentError(
      fmt::format("unknown loss '{}'; known are {}", name, fmt::join(loss_names(), ", ")));
}

graph::LossFormula train::loss_formula(const Loss& loss, const Shape& output) {
  graph::LossFormula formula;
  formula.function = parse_loss(loss.name);
  const auto refuse = [&](bool given, std::string_view argument, std::string_view whose) {
    if (given)
      throw ArgumentError(fmt::format("{} is for {}, not for {}", argument, whose,
                                      graph::to_string(formula.function)));
  };
  refuse(loss.from_logits && !graph::can_take_logits(formula.function), "from_logits",
         "the crossentropies");
  refuse(loss.label_smoothing != 0 && !graph::can_smooth_labels(formula.function),
         "label_smoothing", "the crossentropies whose labels are not class numbers");
  refuse(loss.ignore_class && formula.function != LossFunction::kSparseCategoricalCrossentropy,
         "ignore_class", "sparse_categorical_crossentropy");
  check(loss.label_smoothing >= 0 && loss.label_smoothing <= 1, loss, "label_smoothing",
        loss.label_smoothing, "in [0, 1]");
  check(loss.delta >= 0, loss, "delta", loss.delta, "at least 0");
  check(loss.gamma >= 0, loss, "gamma", loss.gamma, "at least 0");
  check(loss.q > 0 && loss.q < 1, loss, "q", loss.q, "in (0, 1)");
  formula.from_logits = loss.from_logits;
  formula.label_smoothing = loss.label_smoothing;
  formula.alpha = loss.alpha;
  formula.beta = loss.beta;
  formula.gamma = loss.gamma;
  formula.delta = loss.delta;
  formula.q = loss.q;
  formula.apply_class_balancing = loss.apply_class_balancing;
  formula.row_axes = row_axes(loss, graph::has_row_axes(formula.function),
                              static_cast<int64_t>(output.rank()) + 1);
  is_sum(loss);
  return formula;
}

bool train::is_sum(const Loss& loss) {
  constexpr std::array kReductions = {"sum_over_batch_size", "mean", "mean_with_sample_weight",
                                      "sum"};
  if (std::find(kReductions.begin(), kReductions.end(), loss.reduction) == kReductions.end())
    throw ArgumentError(
        fmt::format("loss '{}': reduction '{}'; training needs one number: {} would be right",
                    loss.name, loss.reduction, fmt::join(kReductions, ", ")));
  return loss.reduction == "sum";
}

}  // namespace pronghorn
