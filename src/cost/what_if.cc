// what_if(): the same model with one thing changed, foreseen.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cost/model_step.h"
#include "cost/prediction.h"
#include "graph/op_kind.h"
#include "pronghorn/error.h"
#include "pronghorn/explain.h"

namespace pronghorn {
namespace {

using Json = nlohmann::ordered_json;

struct Range {
  const char* what;
  double least, most;
  bool whole;
};
constexpr Range kRanges[] = {{"batch-size", 1, 1'000'000, true},
                             {"threads", 1, 256, true},
                             {"filters", 0.01, 100, false},
                             {"stride", 1, 16, true}};

const Range& range_of(const std::string& what, const std::string& text) {
  for (const Range& range : kRanges)
    if (what == range.what) return range;
  throw ArgumentError(
      fmt::format("what-if '{}': there is no '{}'; use batch-size, threads, filters "
                  "or stride, as in batch-size=1,32,128 or threads=1..8",
                  text, what));
}

double parse_number(const std::string& number, const std::string& text) {
  size_t used = 0;
  double value = 0;
  try {
    value = std::stod(number, &used);
  } catch (const std::exception&) {
    used = 0;
  }
  if (used == 0 || used != number.size())
    throw ArgumentError(fmt::format("what-if '{}': '{}' is no number", text, number));
  return value;
}

void check(double value, const Range& range, const std::string& text) {
  const bool whole = std::floor(value) == value;
  if (std::isfinite(value) && value >= range.least && value <= range.most &&
      (whole || !range.whole))
    return;
  throw ArgumentError(
      fmt::format("what-if '{}': {} of {} is out of range; it must be {} from {} to "
                  "{}",
                  text, value, range.what, range.whole ? "a whole number" : "a factor", range.least,
                  range.most));
}

// The layers of a model's JSON.
Json& layers_of(Json& model) { return model.at("config").at("layers"); }

// Every convolution's filters and every hidden Dense layer's units times `factor`; the last layer
// with weights keeps its own, which are the classes.
void scale_filters(Json& model, double factor) {
  std::vector<Json*> sizes;
  for (Json& layer : layers_of(model)) {
    const std::string type = layer.at("class_name").get<std::string>();
    if (type == "Conv2D") sizes.push_back(&layer.at("config").at("filters"));
    if (type == "Dense") sizes.push_back(&layer.at("config").at("units"));
  }
  if (!sizes.empty()) sizes.pop_back();
  if (sizes.empty()) throw ArgumentError("it has no hidden layer with filters or units");
  for (Json* size : sizes) *size = std::max<int64_t>(1, std::llround(size->get<double>() * factor));
}

// The first convolution moves so many pixels a step.
void set_stride(Json& model, int64_t stride) {
  for (Json& layer : layers_of(model)) {
    if (layer.at("class_name").get<std::string>() != "Conv2D") continue;
    layer.at("config").at("strides") = {stride, stride};
    return;
  }
  throw ArgumentError("it has no Conv2D layer");
}

Model changed(const Model& model, const std::string& what, double value) {
  Json json = Json::parse(model.to_json());
  if (what == "filters") scale_filters(json, value);
  if (what == "stride") set_stride(json, static_cast<int64_t>(value));
  return model_from_json(json.dump());
}

void predict_into(Variant& variant, const Model& model, const Machine& machine,
                  const cost::Reach& reach, const ExplainOptions& options) {
  const cost::ModelStep step(model, options.config, variant.batch_size);
  const compiler::OptimizedGraph optimized = step.optimize(variant.threads, step.policy());
  variant.parameters = model.count_params();
  int64_t macs = 0;
  for (const graph::Op& op : optimized.graph.ops)
    macs += graph::cost(optimized.graph, op).multiply_accumulates;
  variant.training_multiply_accumulates = macs / variant.batch_size;
  variant.step_seconds =
      cost::sum(cost::predict(cost::to_predict(optimized), machine, reach, variant.threads))
          .seconds;
  const int64_t steps = (options.samples + variant.batch_size - 1) / variant.batch_size;
  variant.epoch_seconds = variant.step_seconds * static_cast<double>(steps);
}

}  // namespace

WhatIf parse_what_if(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals + 1 == text.size())
    throw ArgumentError(fmt::format(
        "what-if '{}' has no value; write it as batch-size=1,32,128 or threads=1..8", text));
  WhatIf result{text.substr(0, equals), {}};
  const Range& range = range_of(result.what, text);
  std::istringstream list(text.substr(equals + 1));
  for (std::string item; std::getline(list, item, ',');) {
    const size_t dots = item.find("..");
    if (dots == std::string::npos) {
      result.values.push_back(parse_number(item, text));
      check(result.values.back(), range, text);
      continue;
    }
    if (!range.whole)
      throw ArgumentError(fmt::format("what-if '{}': a range is for whole numbers", text));
    const double first = parse_number(item.substr(0, dots), text);
    const double last = parse_number(item.substr(dots + 2), text);
    check(first, range, text);
    check(last, range, text);
    constexpr int kMostVariants = 64;
    if (last < first || last - first >= kMostVariants)
      throw ArgumentError(
          fmt::format("what-if '{}': a range rises, by up to {} values", text, kMostVariants));
    for (double value = first; value <= last; ++value) result.values.push_back(value);
  }
  return result;
}

std::vector<Variant> what_if(const Model& model, const std::string& name, const Machine& machine,
                             const ExplainOptions& options, const std::vector<WhatIf>& changes) {
  const cost::Reach reach(machine);
  const int threads =
      options.config.threads == 0 ? std::max(1, machine.cpus) : options.config.threads;
  std::vector<Variant> variants;
  variants.push_back({.name = name, .batch_size = options.batch_size, .threads = threads});
  predict_into(variants.back(), model, machine, reach, options);
  for (const WhatIf& change : changes)
    for (const double value : change.values) {
      Variant variant{.name = fmt::format("{}={:g}", change.what, value),
                      .batch_size = options.batch_size,
                      .threads = threads};
      if (change.what == "batch-size") variant.batch_size = static_cast<int64_t>(value);
      if (change.what == "threads") variant.threads = static_cast<int>(value);
      try {
        predict_into(variant, changed(model, change.what, value), machine, reach, options);
      } catch (const Error& error) {
        variant.impossible = error.what();
      }
      variants.push_back(std::move(variant));
    }
  return variants;
}

}  // namespace pronghorn
