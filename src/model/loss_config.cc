#include "model/loss_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <iterator>

#include "model/argument_list.h"
#include "pronghorn/error.h"

namespace pronghorn::model {
namespace {

using Json = nlohmann::ordered_json;

// A class of Keras and the arguments that its configuration has, by name.
struct ClassArguments {
  const char* class_name;
  std::vector<const char*> arguments;
};

const std::vector<ClassArguments>& loss_classes() {
  static const std::vector<ClassArguments> classes = {
      {"CategoricalCrossentropy", {"from_logits", "label_smoothing"}},
      {"SparseCategoricalCrossentropy", {"from_logits", "ignore_class"}},
      {"CategoricalFocalCrossentropy", {"from_logits", "label_smoothing", "alpha", "gamma"}},
      {"CategoricalGeneralizedCrossEntropy", {"q"}},
      {"BinaryCrossentropy", {"from_logits", "label_smoothing"}},
      {"BinaryFocalCrossentropy",
       {"from_logits", "label_smoothing", "apply_class_balancing", "alpha", "gamma"}},
      {"MeanSquaredError", {}},
      {"MeanAbsoluteError", {}},
      {"MeanAbsolutePercentageError", {}},
      {"MeanSquaredLogarithmicError", {}},
      {"Huber", {"delta"}},
      {"LogCosh", {}},
      {"Poisson", {}},
      {"Hinge", {}},
      {"SquaredHinge", {}},
      {"CategoricalHinge", {}},
      {"KLDivergence", {}},
      {"CosineSimilarity", {}},
      {"Dice", {"axis"}},
      {"Tversky", {"alpha", "beta", "axis"}}};
  return classes;
}

const std::vector<ClassArguments>& metric_classes() {
  static const std::vector<ClassArguments> classes = {
      {"Accuracy", {}},
      {"BinaryAccuracy", {"threshold"}},
      {"CategoricalAccuracy", {}},
      {"SparseCategoricalAccuracy", {}},
      {"TopKCategoricalAccuracy", {"k"}},
      {"SparseTopKCategoricalAccuracy", {"k"}},
      {"MeanSquaredError", {}},
      {"RootMeanSquaredError", {}},
      {"MeanAbsoluteError", {}},
      {"MeanAbsolutePercentageError", {}},
      {"MeanSquaredLogarithmicError", {}},
      {"LogCoshError", {}},
      {"CosineSimilarity", {}},
      {"R2Score", {"class_aggregation", "num_regressors"}},
      {"PearsonCorrelation", {}},
      {"ConcordanceCorrelation", {}},
      {"BinaryCrossentropy", {"from_logits", "label_smoothing"}},
      {"CategoricalCrossentropy", {"from_logits", "label_smoothing"}},
      {"SparseCategoricalCrossentropy", {"from_logits", "ignore_class"}},
      {"KLDivergence", {}},
      {"Poisson", {}},
      {"Hinge", {}},
      {"SquaredHinge", {}},
      {"CategoricalHinge", {}},
      {"TruePositives", {"thresholds"}},
      {"TrueNegatives", {"thresholds"}},
      {"FalsePositives", {"thresholds"}},
      {"FalseNegatives", {"thresholds"}},
      {"Precision", {"thresholds", "top_k", "class_id"}},
      {"Recall", {"thresholds", "top_k", "class_id"}},
      {"AUC",
       {"num_thresholds", "curve", "summation_method", "thresholds", "multi_label", "label_weights",
        "from_logits"}},
      {"SensitivityAtSpecificity", {"specificity", "num_thresholds", "class_id"}},
      {"SpecificityAtSensitivity", {"sensitivity", "num_thresholds", "class_id"}},
      {"PrecisionAtRecall", {"recall", "num_thresholds", "class_id"}},
      {"RecallAtPrecision", {"precision", "num_thresholds", "class_id"}},
      {"F1Score", {"average", "threshold"}},
      {"FBetaScore", {"average", "beta", "threshold"}},
      {"IoU",
       {"num_classes", "target_class_ids", "ignore_class", "sparse_y_true", "sparse_y_pred"}},
      {"BinaryIoU", {"target_class_ids", "threshold"}},
      {"MeanIoU", {"num_classes", "ignore_class", "sparse_y_true", "sparse_y_pred"}},
      {"OneHotIoU", {"num_classes", "target_class_ids", "ignore_class", "sparse_y_pred"}},
      {"OneHotMeanIoU", {"num_classes", "ignore_class", "sparse_y_pred"}}};
  return classes;
}

std::string bare_name(std::string_view name) {
  std::string bare;
  for (const char c : name)
    if (c != '_' && c != '-')
      bare += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return bare;
}

const ClassArguments* find_class(const std::vector<ClassArguments>& classes,
                                 const std::string& name) {
  for (const ClassArguments& known : classes)
    if (bare_name(known.class_name) == bare_name(name)) return &known;
  return nullptr;
}

// Calls f(argument) for the member of that name.
template <class F>
void with_argument(Loss& loss, const std::string& name, F&& f) {
  if (name == "from_logits") return f(loss.from_logits);
  if (name == "label_smoothing") return f(loss.label_smoothing);
  if (name == "ignore_class") return f(loss.ignore_class);
  if (name == "alpha") return f(loss.alpha);
  if (name == "beta") return f(loss.beta);
  if (name == "gamma") return f(loss.gamma);
  if (name == "delta") return f(loss.delta);
  if (name == "q") return f(loss.q);
  if (name == "apply_class_balancing") return f(loss.apply_class_balancing);
  if (name == "axis") return f(loss.axis);
  if (name == "reduction") return f(loss.reduction);
}
template <class F>
void with_argument(Metric& metric, const std::string& name, F&& f) {
  if (name == "threshold") return f(metric.threshold);
  if (name == "k") return f(metric.k);
  if (name == "from_logits") return f(metric.from_logits);
  if (name == "label_smoothing") return f(metric.label_smoothing);
  if (name == "thresholds") return f(metric.thresholds);
  if (name == "top_k") return f(metric.top_k);
  if (name == "class_id") return f(metric.class_id);
  if (name == "num_thresholds") return f(metric.num_thresholds);
  if (name == "curve") return f(metric.curve);
  if (name == "summation_method") return f(metric.summation_method);
  if (name == "multi_label") return f(metric.multi_label);
  if (name == "label_weights") return f(metric.label_weights);
  if (name == "specificity" || name == "sensitivity" || name == "recall" || name == "precision")
    return f(metric.at);
  if (name == "average") return f(metric.average);
  if (name == "beta") return f(metric.beta);
  if (name == "num_classes") return f(metric.num_classes);
  if (name == "target_class_ids") return f(metric.target_class_ids);
  if (name == "ignore_class") return f(metric.ignore_class);
  if (name == "sparse_y_true") return f(metric.sparse_y_true);
  if (name == "sparse_y_pred") return f(metric.sparse_y_pred);
  if (name == "class_aggregation") return f(metric.class_aggregation);
  if (name == "num_regressors") return f(metric.num_regressors);
}

template <class T>
void read_arguments(const Json& config, T& value) {
  if (!config.is_object()) return;
  for (const auto& [name, argument] : config.items())
    with_argument(value, name, [&](auto& member) { read_argument(argument, member); });
}

// Keras's class name in lower case with underscores, as its objects name themselves.
std::string snake_case(const std::string& name) {
  std::string result;
  for (size_t i = 0; i < name.size(); ++i) {
    const auto is_upper = [&](size_t at) {
      return at < name.size() && std::isupper(static_cast<unsigned char>(name[at]));
    };
    const bool starts_word =
        i > 0 && is_upper(i) &&
        (!is_upper(i - 1) || (i + 1 < name.size() && !is_upper(i + 1) &&
                              std::isalpha(static_cast<unsigned char>(name[i + 1]))));
    if (starts_word && result.back() != '_') result += '_';
    result += static_cast<char>(std::tolower(static_cast<unsigned char>(name[i])));
  }
  return result;
}

// What an object or a name says it is: "mse", {"class_name": "MeanSquaredError", ...}, or a
// function, {"class_name": "function", "config": "mse"}; empty where it says nothing.
std::string name_in(const Json& json) {
  if (json.is_string()) return json.get<std::string>();
  if (!json.is_object()) return {};
  const auto found = json.find("class_name");
  if (found == json.end() || !found->is_string()) return {};
  const auto config = json.find("config");
  if (*found == "function" && config != json.end() && config->is_string())
    return config->get<std::string>();
  if (*found == "MeanMetricWrapper" && config != json.end() && config->is_object() &&
      config->contains("fn"))
    return config->at("fn").is_object() && config->at("fn").value("class_name", "") == "function"
               ? name_in(config->at("fn"))
               : (config->at("fn").is_string() ? config->at("fn").get<std::string>() : "");
  return found->get<std::string>();
}

bool is_object_of_class(const Json& json) {
  return json.is_object() && json.contains("class_name");
}

Loss loss_from_json(const Json& json) {
  const std::string name = name_in(json);
  if (!is_object_of_class(json)) return name;
  Loss loss = snake_case(name);
  if (const auto config = json.find("config"); config != json.end()) read_arguments(*config, loss);
  // Keras writes the default of a loss that knows none but the last.
  if (loss.axis == std::vector<int64_t>{-1}) loss.axis.clear();
  return loss;
}

Metric metric_from_json(const Json& json) {
  const std::string name = name_in(json);
  if (!is_object_of_class(json)) return name;
  // As a name "accuracy" is Keras's choice by shapes; as an object it is the class Accuracy.
  const std::string plain = name == "Accuracy" ? "exact_accuracy" : snake_case(name);
  Metric metric = plain;
  const auto config = json.find("config");
  if (config == json.end() || !config->is_object()) return metric;
  read_arguments(*config, metric);
  if (const auto log_name = config->find("name"); log_name != config->end())
    read_argument(*log_name, metric.log_name);
  if (metric.log_name.empty()) metric.log_name = plain;
  return metric;
}

// Keras nests at most a list per output; a file that nests deeper isn't followed.
std::vector<Metric> metrics_from_json(const Json& json) {
  std::vector<Metric> metrics;
  const Json list = json.is_array() ? json : Json::array({json});
  for (const Json& entry : list)
    if (!name_in(entry).empty()) metrics.push_back(metric_from_json(entry));
  return metrics;
}

OutputConfig& output_at(CompileConfig& config, const std::string& name, size_t place) {
  if (name.empty()) {
    if (config.outputs.size() <= place) config.outputs.resize(place + 1);
    return config.outputs[place];
  }
  const auto found =
      std::find_if(config.outputs.begin(), config.outputs.end(),
                   [&](const OutputConfig& output) { return output.output == name; });
  if (found != config.outputs.end()) return *found;
  config.outputs.emplace_back().output = name;
  return config.outputs.back();
}

// Calls f(output, entry) for what a list or object says of each output.
template <class F>
void for_outputs(const Json& json, CompileConfig& config, F&& f) {
  size_t place = 0;
  if (json.is_array())
    for (const Json& entry : json) f(output_at(config, "", place++), entry);
  else
    for (const auto& [name, entry] : json.items()) f(output_at(config, name, 0), entry);
}

bool is_of_outputs(const Json& json) {
  return json.is_array() || (json.is_object() && !json.contains("class_name"));
}

void read_metrics(const Json& json, std::vector<Metric> CompileConfig::*all,
                  std::vector<Metric> OutputConfig::*own, CompileConfig& config) {
  // A list of lists, or by names: those of each output.
  const bool nested =
      is_of_outputs(json) &&
      (json.is_object() || std::any_of(json.begin(), json.end(), [](const Json& entry) {
         return entry.is_array() || entry.is_null();
       }));
  if (!nested) {
    config.*all = metrics_from_json(json);
    return;
  }
  for_outputs(json, config, [&](OutputConfig& output, const Json& entry) {
    output.*own = metrics_from_json(entry);
  });
}

// ---- writing ----

template <class T>
Json object_of(const T& value, const ClassArguments& known, const char* module, Json config) {
  T copy = value;
  for (const char* name : known.arguments)
    with_argument(copy, name, [&](auto& member) { config[name] = to_argument(member); });
  return {{"module", module},
          {"class_name", known.class_name},
          {"config", std::move(config)},
          {"registered_name", nullptr}};
}

Json to_json(const Loss& loss) {
  if (loss.name.empty()) return {};
  const ClassArguments* known = find_class(loss_classes(), loss.name);
  if (known == nullptr) return loss.name;
  const std::string name = snake_case(known->class_name);
  const Json config = {{"name", name}, {"reduction", loss.reduction}};
  Json object = object_of(loss, *known, "keras.losses", config);
  const bool plain = object == object_of(Loss(loss.name), *known, "keras.losses",
                                         {{"name", name}, {"reduction", Loss().reduction}});
  return plain && name != "categorical_generalized_cross_entropy" ? Json(name) : object;
}

// The class and k of "top_3_categorical_accuracy", which is Pronghorn's name; empty for others.
std::string top_k_class(const std::string& name, int64_t& k) {
  for (const std::string_view prefix : {"sparse_top_", "top_"}) {
    if (!name.starts_with(prefix)) continue;
    const auto [end, error] =
        std::from_chars(name.data() + prefix.size(), name.data() + name.size(), k);
    if (error == std::errc() && std::string_view(end) == "_categorical_accuracy")
      return prefix == "top_" ? "TopKCategoricalAccuracy" : "SparseTopKCategoricalAccuracy";
  }
  return {};
}

Json to_json(const Metric& metric) {
  Metric top_k = metric;
  if (const std::string class_name = top_k_class(metric.name, top_k.k); !class_name.empty())
    return object_of(top_k, *find_class(metric_classes(), class_name), "keras.metrics",
                     {{"name", metric.log_name}, {"dtype", "float32"}});
  const std::string name = metric.name == "exact_accuracy" ? "Accuracy" : metric.name;
  const bool automatic = metric.name == "accuracy" || metric.name == "acc";
  const ClassArguments* known = find_class(metric_classes(), name);
  if (known == nullptr || automatic) return metric.name;
  const Json config = {{"name", metric.log_name.empty() ? metric.name : metric.log_name},
                       {"dtype", "float32"}};
  Json object = object_of(metric, *known, "keras.metrics", config);
  const Metric other(metric.name);
  const bool plain =
      name != "Accuracy" && object == object_of(other, *known, "keras.metrics",
                                                {{"name", other.log_name}, {"dtype", "float32"}});
  return plain ? Json(metric.name) : object;
}

Json to_json(const std::vector<Metric>& metrics) {
  Json list = Json::array();
  for (const Metric& metric : metrics) list.push_back(to_json(metric));
  return list;
}

// A list in the order of the outputs, or an object by their names.
template <class F>
Json of_outputs(const CompileConfig& config, F&& entry) {
  Json json;
  for (const OutputConfig& output : config.outputs) {
    if (output.output.empty())
      json.push_back(entry(output));
    else
      json[output.output] = entry(output);
  }
  return json;
}

}  // namespace

void read_losses_and_metrics(const Json& json, CompileConfig& config) {
  if (const auto loss = json.find("loss"); loss != json.end()) {
    if (is_of_outputs(*loss))
      for_outputs(*loss, config, [](OutputConfig& output, const Json& entry) {
        output.loss = loss_from_json(entry);
      });
    else if (!name_in(*loss).empty())
      config.loss = loss_from_json(*loss);
  }
  if (const auto weights = json.find("loss_weights"); weights != json.end()) {
    const auto read = [](OutputConfig& output, const Json& entry) {
      read_argument(entry, output.loss_weight);
    };
    if (weights->is_number()) read(output_at(config, "", 0), *weights);
    if (is_of_outputs(*weights)) for_outputs(*weights, config, read);
  }
  if (const auto metrics = json.find("metrics"); metrics != json.end())
    read_metrics(*metrics, &CompileConfig::metrics, &OutputConfig::metrics, config);
  if (const auto metrics = json.find("weighted_metrics"); metrics != json.end())
    read_metrics(*metrics, &CompileConfig::weighted_metrics, &OutputConfig::weighted_metrics,
                 config);
}

void write_losses_and_metrics(const CompileConfig& config, Json& json) {
  const auto any = [&](auto&& f) {
    return std::any_of(config.outputs.begin(), config.outputs.end(), f);
  };
  json["loss"] = to_json(config.loss);
  if (any([](const OutputConfig& output) { return output.loss.has_value(); }))
    json["loss"] = of_outputs(config, [&](const OutputConfig& output) {
      return to_json(output.loss.value_or(config.loss));
    });
  json["loss_weights"] = nullptr;
  if (any([](const OutputConfig& output) { return output.loss_weight != 1; }))
    json["loss_weights"] =
        of_outputs(config, [](const OutputConfig& output) { return Json(output.loss_weight); });
  json["metrics"] = config.metrics.empty() ? Json() : to_json(config.metrics);
  if (any([](const OutputConfig& output) { return !output.metrics.empty(); }))
    json["metrics"] =
        of_outputs(config, [](const OutputConfig& output) { return to_json(output.metrics); });
  json["weighted_metrics"] =
      config.weighted_metrics.empty() ? Json() : to_json(config.weighted_metrics);
  if (any([](const OutputConfig& output) { return !output.weighted_metrics.empty(); }))
    json["weighted_metrics"] = of_outputs(
        config, [](const OutputConfig& output) { return to_json(output.weighted_metrics); });
}

}  // namespace pronghorn::model

namespace pronghorn {
namespace {

nlohmann::ordered_json parse(std::string_view text, const char* what) {
  // Deeper than any configuration of Keras's is.
  constexpr int kDeepest = 20;
  bool deep = false;
  auto json = nlohmann::ordered_json::parse(
      text, [&](int depth, auto, const auto&) { return !(deep = deep || depth > kDeepest); },
      /*allow_exceptions=*/false);
  if (json.is_discarded() || deep)
    throw FileError(fmt::format("{} '{}' is no JSON", what, text.substr(0, 200)));
  return json;
}

}  // namespace

Loss loss_from_json(std::string_view json) { return model::loss_from_json(parse(json, "loss")); }

std::vector<Metric> metrics_from_json(std::string_view json) {
  return model::metrics_from_json(parse(json, "metrics"));
}

}  // namespace pronghorn
