#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "graph/ops/batch_norm.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/encoding.h"
#include "graph/ops/l2_normalize.h"
#include "graph/ops/reshape.h"
#include "graph/ops/transpose.h"
#include "model/config_reader.h"
#include "model/json_text.h"
#include "model/layer.h"
#include "model/layer_registry.h"
#include "pronghorn/error.h"

namespace pronghorn::model {
namespace {

using Json = nlohmann::ordered_json;

// Keras's backend.epsilon(): no deviation is taken for less.
constexpr double kLeastDeviation = 1e-7;

// input scale + offset
class Rescaling final : public Layer {
 public:
  Rescaling(double scale, double offset) : scale_(scale), offset_(offset) {}

  std::string_view class_name() const override { return "Rescaling"; }
  Json config() const override { return {{"scale", scale_}, {"offset", offset_}}; }
  Shape output_shape(std::span<const Shape> inputs) const override { return only_input(inputs); }
  graph::ValueId lower(Lowering& lowering, std::span<const graph::ValueId> inputs) const override {
    const graph::ValueId scaled = graph::scale(lowering.builder, inputs[0], scale_);
    return offset_ == 0 ? scaled : graph::shift(lowering.builder, scaled, offset_);
  }

 private:
  double scale_, offset_;
};

struct NormalizationArguments {
  // Keras's, which counts the batch; empty for one mean of all.
  std::vector<int64_t> axis;
  // Both or none of them; with none they are weights.
  std::vector<double> mean, variance;
  // As they stood in the config.
  Json mean_json, variance_json;
};

// (input - mean) / deviation, the deviation at least 1e-7. Weights, where mean and variance are
// not arguments: mean, variance, count, which Keras keeps for older files.
class Normalization final : public Layer {
 public:
  explicit Normalization(NormalizationArguments arguments) : arguments_(std::move(arguments)) {}

  std::string_view class_name() const override { return "Normalization"; }
  Json config() const override {
    return {{"axis", arguments_.axis},
            {"invert", false},
            {"mean", arguments_.mean_json},
            {"variance", arguments_.variance_json}};
  }

  Shape output_shape(std::span<const Shape> inputs) const override {
    const Shape& input = only_input(inputs);
    const Shape kept = kept_shape(input);
    const auto given = static_cast<int64_t>(arguments_.mean.size());
    if (given > 1 && given != kept.elements())
      fail(fmt::format("has {} means for the {} that its input {} needs", given, kept.elements(),
                       input.to_string_any_batch()));
    return input;
  }

  graph::ValueId lower(Lowering& lowering, std::span<const graph::ValueId> inputs) const override {
    graph::Builder& builder = lowering.builder;
    if (arguments_.mean.size() == 1) {
      const double deviation = std::max(std::sqrt(arguments_.variance[0]), kLeastDeviation);
      return graph::scale(builder, graph::shift(builder, inputs[0], -arguments_.mean[0]),
                          1 / deviation);
    }
    const Shape shape = builder.graph().value(inputs[0]).shape;
    const Shape kept = kept_shape(shape.without_batch());
    const Shape channels{kept.elements()};
    const auto statistic = [&](size_t weight, const std::vector<double>& values) {
      if (!values.empty()) return graph::constant(builder, channels, values);
      const graph::ValueId value = lowering.weights[weight];
      return kept == channels ? value : graph::reshape(builder, value, channels);
    };
    const graph::ValueId mean = statistic(0, arguments_.mean);
    const graph::ValueId variance = statistic(1, arguments_.variance);
    const Shape rows{shape.elements() / channels[0], channels[0]};
    const graph::ValueId src = shape == rows ? inputs[0] : graph::reshape(builder, inputs[0], rows);
    // sqrt(variance + 1e-14) is 1e-7 for no variance, and for any that floats can tell from that
    // it is the deviation.
    const graph::ValueId normalized =
        graph::batch_norm_inference(builder, src, graph::kNoValue, graph::kNoValue, mean, variance,
                                    {.epsilon = kLeastDeviation * kLeastDeviation, .momentum = 1});
    return shape == rows ? normalized : graph::reshape(builder, normalized, shape);
  }

  void adapt(const Shape& shape, std::span<const float> data) override {
    if (!arguments_.mean.empty())
      throw ArgumentError(fmt::format("{}: its mean and variance are arguments", label()));
    if (shape.rank() == 0 || shape[0] < 1 || shape.elements() != static_cast<int64_t>(data.size()))
      fail(fmt::format("can't adapt to {} numbers of shape {}", data.size(), shape.to_string()));
    const Shape sample = shape.without_batch();
    call({&sample, 1});
    const auto channels = static_cast<size_t>(kept_shape(sample).elements());
    const auto rows = static_cast<double>(data.size() / channels);
    std::vector<double> mean(channels), variance(channels);
    for (size_t i = 0; i < data.size(); ++i) mean[i % channels] += data[i] / rows;
    for (size_t i = 0; i < data.size(); ++i) {
      const double off = data[i] - mean[i % channels];
      variance[i % channels] += off * off / rows;
    }
    for (size_t c = 0; c < channels; ++c) {
      weights()[0].values()[c] = static_cast<float>(mean[c]);
      weights()[1].values()[c] = static_cast<float>(variance[c]);
    }
  }

 protected:
  int64_t channels(const Shape& input) const override { return kept_shape(input).elements(); }

  void build(std::span<const Shape> inputs) override {
    if (!arguments_.mean.empty()) return;
    const Shape kept = kept_shape(inputs[0]);
    const Initializer zeros = initializer_from_name("zeros");
    add_weight("mean", kept, zeros, /*trainable=*/false);
    add_weight("variance", kept, initializer_from_name("ones"), /*trainable=*/false);
    add_weight("count", {}, zeros, /*trainable=*/false);
  }

 private:
  // The extents of the axes with means of their own. They must be the last ones, so that a mean
  // belongs to every so many elements.
  Shape kept_shape(const Shape& input) const {
    std::vector<int64_t> axes;
    for (const int64_t axis : arguments_.axis)
      axes.push_back(axis < 0 ? axis + input.rank() + 1 : axis);
    std::sort(axes.begin(), axes.end());
    std::vector<int64_t> extents;
    for (size_t i = 0; i < axes.size(); ++i) {
      if (axes[i] != input.rank() + 1 - static_cast<int64_t>(axes.size() - i) || axes[i] < 1)
        fail(
            fmt::format("axis {} is not of the last ones of its input {} beside the batch; "
                        "Pronghorn normalizes these, or all by one mean",
                        axes[i], input.to_string_any_batch()));
      extents.push_back(input[static_cast<int>(axes[i]) - 1]);
    }
    return Shape(std::move(extents));
  }

  NormalizationArguments arguments_;
};

enum class Encoding : uint8_t { kInt, kOneHot, kMultiHot, kCount };

Encoding read_encoding(ConfigReader& reader, std::string_view missing, bool allow_int) {
  const std::string mode =
      allow_int ? reader.one_of("output_mode", missing, {"int", "one_hot", "multi_hot", "count"})
                : reader.one_of("output_mode", missing, {"one_hot", "multi_hot", "count"});
  return mode == "int"       ? Encoding::kInt
         : mode == "one_hot" ? Encoding::kOneHot
         : mode == "count"   ? Encoding::kCount
                             : Encoding::kMultiHot;
}

const char* to_string(Encoding encoding) {
  constexpr const char* kNames[] = {"int", "one_hot", "multi_hot", "count"};
  return kNames[static_cast<size_t>(encoding)];
}

// One-hot rows are put behind class numbers that don't end in an axis of one element.
bool appends_axis(const Shape& input, Encoding encoding) {
  return encoding == Encoding::kOneHot && (input.rank() == 0 || input.back() != 1);
}

Shape encoded_shape(const Shape& input, Encoding encoding, int64_t classes) {
  std::vector<int64_t> extents(input.extents().begin(), input.extents().end());
  if (encoding == Encoding::kInt) return input;
  if (appends_axis(input, encoding))
    extents.push_back(classes);
  else
    extents.back() = classes;
  return Shape(std::move(extents));
}

graph::ValueId lower_encoding(graph::Builder& builder, graph::ValueId src, Encoding encoding,
                              int64_t classes) {
  if (encoding == Encoding::kInt) return src;
  const Shape shape = builder.graph().value(src).shape;
  if (appends_axis(shape.without_batch(), encoding)) {
    std::vector<int64_t> extents(shape.extents().begin(), shape.extents().end());
    extents.push_back(1);
    src = graph::reshape(builder, src, Shape(std::move(extents)));
  }
  return graph::category_encoding(builder, src, classes, encoding == Encoding::kCount);
}

// Class numbers as rows of zeros and ones, or of counts.
class CategoryEncoding final : public Layer {
 public:
  CategoryEncoding(int64_t tokens, Encoding encoding) : tokens_(tokens), encoding_(encoding) {}

  std::string_view class_name() const override { return "CategoryEncoding"; }
  Json config() const override {
    return {{"num_tokens", tokens_}, {"output_mode", to_string(encoding_)}};
  }
  Shape output_shape(std::span<const Shape> inputs) const override {
    const Shape& input = only_input(inputs);
    if (input.rank() == 0 && encoding_ != Encoding::kOneHot)
      fail("needs samples of class numbers (numbers), its input is (None,)");
    return encoded_shape(input, encoding_, tokens_);
  }
  graph::ValueId lower(Lowering& lowering, std::span<const graph::ValueId> inputs) const override {
    return lower_encoding(lowering.builder, inputs[0], encoding_, tokens_);
  }

 private:
  int64_t tokens_;
  Encoding encoding_;
};

// The number of the bin that a number falls into.
class Discretization final : public Layer {
 public:
  Discretization(std::vector<double> boundaries, Encoding encoding)
      : boundaries_(std::move(boundaries)), encoding_(encoding) {}

  std::string_view class_name() const override { return "Discretization"; }
  Json config() const override {
    return {{"bin_boundaries", boundaries_},
            {"num_bins", nullptr},
            {"epsilon", 0.01},
            {"output_mode", to_string(encoding_)},
            {"sparse", false}};
  }
  Shape output_shape(std::span<const Shape> inputs) const override {
    const Shape& input = only_input(inputs);
    if (input.rank() == 0 && encoding_ != Encoding::kInt && encoding_ != Encoding::kOneHot)
      fail("needs samples of numbers (numbers), its input is (None,)");
    return encoded_shape(input, encoding_, bins());
  }
  graph::ValueId lower(Lowering& lowering, std::span<const graph::ValueId> inputs) const override {
    return lower_encoding(lowering.builder,
                          graph::bucketize(lowering.builder, inputs[0], boundaries_), encoding_,
                          bins());
  }

 private:
  int64_t bins() const { return static_cast<int64_t>(boundaries_.size()) + 1; }

  std::vector<double> boundaries_;
  Encoding encoding_;
};

// Vectors of length one along an axis.
class UnitNormalization final : public Layer {
 public:
  explicit UnitNormalization(int64_t axis) : axis_(axis) {}

  std::string_view class_name() const override { return "UnitNormalization"; }
  Json config() const override { return {{"axis", axis_}}; }
  Shape output_shape(std::span<const Shape> inputs) const override {
    const Shape& input = only_input(inputs);
    axis_of(input);
    return input;
  }
  graph::ValueId lower(Lowering& lowering, std::span<const graph::ValueId> inputs) const override {
    graph::Builder& builder = lowering.builder;
    const Shape shape = builder.graph().value(inputs[0]).shape;
    std::vector<int64_t> swapped(static_cast<size_t>(shape.rank()));
    std::iota(swapped.begin(), swapped.end(), 0);
    std::swap(swapped.back(), swapped[static_cast<size_t>(axis_of(shape.without_batch()))]);
    const graph::ValueId rows = graph::transpose(builder, inputs[0], swapped);
    constexpr double kEpsilon = 1e-12;  // as UnitNormalization has it in Keras
    return graph::transpose(builder, graph::l2_normalize(builder, rows, kEpsilon), swapped);
  }

 private:
  // The batch is axis 0.
  int64_t axis_of(const Shape& input) const {
    const int64_t axis = axis_ < 0 ? axis_ + input.rank() + 1 : axis_;
    if (axis < 1 || axis > input.rank())
      fail(fmt::format("axis {} is none of its input {} (beside the batch)", axis_,
                       input.to_string_any_batch()));
    return axis;
  }

  int64_t axis_;
};

// All numbers of an argument that is one or a list of them, of lists even.
void append_numbers(const Json& value, std::string_view name, const ConfigReader& reader,
                    std::vector<double>& numbers) {
  if (value.is_array()) {
    for (const Json& entry : value) append_numbers(entry, name, reader, numbers);
    return;
  }
  if (!value.is_number() || !std::isfinite(value.get<double>()))
    reader.fail(name, fmt::format("has {}; it must be numbers", excerpt(value)));
  numbers.push_back(value.get<double>());
}

}  // namespace

std::shared_ptr<Layer> make_rescaling(ConfigReader& reader) {
  const std::optional<double> scale = reader.optional_real("scale");
  const double offset = reader.real("offset", 0);
  if (!scale) reader.fail("scale", "is missing");
  return std::make_shared<Rescaling>(*scale, offset);
}

std::shared_ptr<Layer> make_normalization(ConfigReader& reader) {
  NormalizationArguments arguments;
  const bool has_axis = reader.has("axis");
  const Json& axis = reader.json("axis");
  if (axis.is_array()) {
    for (const Json& entry : axis) arguments.axis.push_back(reader.to_integer("axis", entry));
  } else if (!axis.is_null()) {
    arguments.axis.push_back(reader.to_integer("axis", axis));
  } else if (!has_axis) {
    arguments.axis.push_back(-1);
  }
  arguments.mean_json = reader.json("mean");
  arguments.variance_json = reader.json("variance");
  if (!arguments.mean_json.is_null())
    append_numbers(arguments.mean_json, "mean", reader, arguments.mean);
  if (!arguments.variance_json.is_null())
    append_numbers(arguments.variance_json, "variance", reader, arguments.variance);
  if (arguments.mean.size() != arguments.variance.size())
    reader.fail("variance", "and 'mean' must be given together, with as many numbers");
  reader.only_default("invert", false);
  return std::make_shared<Normalization>(std::move(arguments));
}

std::shared_ptr<Layer> make_category_encoding(ConfigReader& reader) {
  const int64_t tokens = reader.positive("num_tokens");
  reader.only_default("sparse", false);
  return std::make_shared<CategoryEncoding>(
      tokens, read_encoding(reader, "multi_hot", /*allow_int=*/false));
}

std::shared_ptr<Layer> make_discretization(ConfigReader& reader) {
  const Json& json = reader.json("bin_boundaries");
  std::vector<double> boundaries;
  if (json.is_null() || !json.is_array() || json.empty())
    reader.fail("bin_boundaries",
                "is missing; Pronghorn takes the boundaries, it does not learn them");
  append_numbers(json, "bin_boundaries", reader, boundaries);
  reader.ignore("num_bins");
  reader.ignore("epsilon");
  reader.only_default("sparse", false);
  return std::make_shared<Discretization>(std::move(boundaries),
                                          read_encoding(reader, "int", /*allow_int=*/true));
}

std::shared_ptr<Layer> make_unit_normalization(ConfigReader& reader) {
  return std::make_shared<UnitNormalization>(reader.integer("axis", -1));
}

}  // namespace pronghorn::model
