#include "formats/onnx.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <protozero/pbf_writer.hpp>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file.h"
#include "pronghorn/error.h"

namespace pronghorn::formats {
namespace {

using Json = nlohmann::ordered_json;
using Bytes = std::string;  // a message of protocol buffers

// onnx.proto3, numbers of fields and of types.
constexpr int64_t kIrVersion = 8;
constexpr int64_t kOpset = 17;
constexpr int64_t kFloat = 1;
constexpr int64_t kInt64 = 7;

Bytes attribute(std::string_view name, float value) {
  Bytes bytes;
  protozero::pbf_writer writer(bytes);
  writer.add_string(1, name.data(), name.size());
  writer.add_float(2, value);
  writer.add_enum(20, 1);
  return bytes;
}

Bytes attribute(std::string_view name, int64_t value) {
  Bytes bytes;
  protozero::pbf_writer writer(bytes);
  writer.add_string(1, name.data(), name.size());
  writer.add_int64(3, value);
  writer.add_enum(20, 2);
  return bytes;
}

Bytes attribute(std::string_view name, std::string_view value) {
  Bytes bytes;
  protozero::pbf_writer writer(bytes);
  writer.add_string(1, name.data(), name.size());
  writer.add_bytes(4, value.data(), value.size());
  writer.add_enum(20, 3);
  return bytes;
}

Bytes attribute(std::string_view name, const std::vector<int64_t>& values) {
  Bytes bytes;
  protozero::pbf_writer writer(bytes);
  writer.add_string(1, name.data(), name.size());
  for (const int64_t value : values) writer.add_int64(8, value);
  writer.add_enum(20, 7);
  return bytes;
}

// Any batch, then these extents.
Bytes value_info(const std::string& name, const Shape& shape) {
  Bytes dims;
  protozero::pbf_writer writer(dims);
  Bytes batch;
  protozero::pbf_writer(batch).add_string(2, "batch");
  writer.add_message(1, batch);
  for (const int64_t extent : shape.extents()) {
    Bytes dim;
    protozero::pbf_writer(dim).add_int64(1, extent);
    writer.add_message(1, dim);
  }
  Bytes tensor;
  protozero::pbf_writer tensor_writer(tensor);
  tensor_writer.add_enum(1, kFloat);
  tensor_writer.add_message(2, dims);
  Bytes type;
  protozero::pbf_writer(type).add_message(1, tensor);
  Bytes info;
  protozero::pbf_writer info_writer(info);
  info_writer.add_string(1, name);
  info_writer.add_message(2, type);
  return info;
}

std::vector<int64_t> integers(const Json& json, size_t count) {
  std::vector<int64_t> values;
  if (json.is_array())
    for (const Json& value : json) values.push_back(value.get<int64_t>());
  else
    values.assign(count, json.get<int64_t>());
  return values;
}

// A value of the model: under one name as Keras has it, and, for images, channels-first under
// another. Either is made when it is first asked for.
struct Value {
  std::string last;
  std::string first;
};

class Exporter {
 public:
  explicit Exporter(const model::Model& model) : model_(model) {}

  Bytes run() {
    std::vector<Value> values;
    values.reserve(model_.nodes.size());
    for (const model::Model::Node& call : model_.nodes) {
      layer_ = call.layer.get();
      config_ = layer_->config();
      shape_ = call.shape;
      std::vector<Value*> inputs;
      for (const int input : call.inputs) inputs.push_back(&values[static_cast<size_t>(input)]);
      Value value = convert(inputs);
      values.push_back(std::move(value));
    }
    std::vector<Bytes> infos[2];
    for (const int input : model_.inputs) {
      const model::Model::Node& call = model_.nodes[static_cast<size_t>(input)];
      infos[0].push_back(value_info(call.layer->name(), call.shape));
    }
    for (const int output : model_.outputs) {
      const auto index = static_cast<size_t>(output);
      const std::string name = fmt::format("output_{}", infos[1].size());
      node("Identity", {last(values[index])}, {}, name);
      infos[1].push_back(value_info(name, model_.nodes[index].shape));
    }

    Bytes graph;
    protozero::pbf_writer writer(graph);
    for (const Bytes& bytes : nodes_) writer.add_message(1, bytes);
    writer.add_string(2, model_.name);
    for (const Bytes& bytes : constants_) writer.add_message(5, bytes);
    for (const Bytes& bytes : infos[0]) writer.add_message(11, bytes);
    for (const Bytes& bytes : infos[1]) writer.add_message(12, bytes);
    Bytes opset;
    protozero::pbf_writer opset_writer(opset);
    opset_writer.add_string(1, "");
    opset_writer.add_int64(2, kOpset);
    Bytes file;
    protozero::pbf_writer file_writer(file);
    file_writer.add_int64(1, kIrVersion);
    file_writer.add_string(2, "pronghorn");
    file_writer.add_message(7, graph);
    file_writer.add_message(8, opset);
    return file;
  }

 private:
  using Rule = Value (Exporter::*)(const std::vector<Value*>&);
  static const std::map<std::string_view, Rule>& rules() {
    static const std::map<std::string_view, Rule> kRules = {
        {"InputLayer", &Exporter::input},
        {"Dense", &Exporter::dense},
        {"Conv2D", &Exporter::convolution},
        {"DepthwiseConv2D", &Exporter::convolution},
        {"MaxPooling2D", &Exporter::pooling},
        {"AveragePooling2D", &Exporter::pooling},
        {"GlobalAveragePooling2D", &Exporter::global_pooling},
        {"GlobalMaxPooling2D", &Exporter::global_pooling},
        {"Flatten", &Exporter::reshape},
        {"Reshape", &Exporter::reshape},
        {"Dropout", &Exporter::nothing},
        {"SpatialDropout2D", &Exporter::nothing},
        {"GaussianNoise", &Exporter::nothing},
        {"GaussianDropout", &Exporter::nothing},
        {"ActivityRegularization", &Exporter::nothing},
        {"Activation", &Exporter::activation_layer},
        {"Softmax", &Exporter::activation_layer},
        {"LeakyReLU", &Exporter::activation_layer},
        {"ELU", &Exporter::activation_layer},
        {"ReLU", &Exporter::activation_layer},
        {"BatchNormalization", &Exporter::batch_normalization},
        {"ZeroPadding2D", &Exporter::zero_padding},
        {"Add", &Exporter::merge},
        {"Multiply", &Exporter::merge},
        {"Subtract", &Exporter::merge},
        {"Average", &Exporter::merge},
        {"Maximum", &Exporter::merge},
        {"Minimum", &Exporter::merge},
        {"Concatenate", &Exporter::merge}};
    return kRules;
  }

  Value convert(const std::vector<Value*>& inputs) {
    const auto rule = rules().find(layer_->class_name());
    if (rule == rules().end()) {
      std::vector<std::string_view> known;
      for (const auto& [name, ignored] : rules()) known.push_back(name);
      unsupported(fmt::format("class {}", layer_->class_name()),
                  fmt::format("{}", fmt::join(known, ", ")));
    }
    return (this->*rule->second)(inputs);
  }

  [[noreturn]] void unsupported(const std::string& what, const std::string& known) const {
    throw UnsupportedError(
        fmt::format("{}: {} can't be written as ONNX; {} can", layer_->label(), what, known));
  }

  // Adds an op; returns its output's name.
  std::string node(std::string_view op, const std::vector<std::string>& inputs,
                   const std::vector<Bytes>& attributes = {}, std::string output = "") {
    if (output.empty()) output = fmt::format("/value_{}", nodes_.size());
    Bytes bytes;
    protozero::pbf_writer writer(bytes);
    for (const std::string& name : inputs) writer.add_string(1, name);
    writer.add_string(2, output);
    writer.add_string(3, fmt::format("{}/{}_{}", layer_->name(), op, nodes_.size()));
    writer.add_string(4, op.data(), op.size());
    for (const Bytes& attribute_bytes : attributes) writer.add_message(5, attribute_bytes);
    nodes_.push_back(std::move(bytes));
    return output;
  }

  std::string constant(const std::vector<int64_t>& extents, const void* values, size_t size,
                       int64_t type) {
    const std::string name = fmt::format("{}/constant_{}", layer_->name(), constants_.size());
    Bytes bytes;
    protozero::pbf_writer writer(bytes);
    for (const int64_t extent : extents) writer.add_int64(1, extent);
    writer.add_int32(2, static_cast<int32_t>(type));
    writer.add_string(8, name);
    writer.add_bytes(9, static_cast<const char*>(values), size);
    constants_.push_back(std::move(bytes));
    return name;
  }
  std::string floats(const std::vector<int64_t>& extents, const std::vector<float>& values) {
    return constant(extents, values.data(), values.size() * sizeof(float), kFloat);
  }
  std::string int64s(const std::vector<int64_t>& values) {
    return constant({static_cast<int64_t>(values.size())}, values.data(),
                    values.size() * sizeof(int64_t), kInt64);
  }

  std::string last(Value& value) {
    if (value.last.empty())
      value.last =
          node("Transpose", {value.first}, {attribute("perm", std::vector<int64_t>{0, 2, 3, 1})});
    return value.last;
  }
  std::string first(Value& value) {
    if (value.first.empty())
      value.first =
          node("Transpose", {value.last}, {attribute("perm", std::vector<int64_t>{0, 3, 1, 2})});
    return value.first;
  }

  std::vector<float> weight(size_t number) const {
    const model::Weight& weight = layer_->weights()[number];
    return {weight.values(), weight.values() + weight.shape.elements()};
  }

  // A function of each element; `op` makes it from the input's name.
  template <class Op>
  Value elementwise(Value& value, Op&& op) {
    return value.last.empty() ? Value{"", op(value.first)} : Value{op(value.last), ""};
  }

  // A number, to stand beside any tensor.
  std::string scalar(float value) { return floats({}, {value}); }

  Value activate(Value value, const std::string& name) {
    static const std::map<std::string_view, std::string_view> kOps = {
        {"relu", "Relu"},         {"sigmoid", "Sigmoid"}, {"tanh", "Tanh"},
        {"elu", "Elu"},           {"selu", "Selu"},       {"softplus", "Softplus"},
        {"softsign", "Softsign"}, {"exponential", "Exp"}};
    if (name == "linear") return value;
    if (const auto found = kOps.find(name); found != kOps.end())
      return elementwise(value, [&](const std::string& x) { return node(found->second, {x}); });
    if (name == "softmax" || name == "log_softmax")
      return {node(name == "softmax" ? "Softmax" : "LogSoftmax", {last(value)},
                   {attribute("axis", int64_t{-1})}),
              ""};
    if (name == "silu" || name == "swish")
      return elementwise(value, [&](const std::string& x) {
        return node("Mul", {x, node("Sigmoid", {x})});
      });
    if (name == "relu6")
      return elementwise(value, [&](const std::string& x) {
        return node("Clip", {x, scalar(0), scalar(6)});
      });
    if (name == "leaky_relu")
      return elementwise(value, [&](const std::string& x) {
        return node("LeakyRelu", {x}, {attribute("alpha", 0.2f)});
      });
    if (name == "hard_sigmoid")
      return elementwise(value, [&](const std::string& x) {
        return node("HardSigmoid", {x}, {attribute("alpha", 1.0f / 6), attribute("beta", 0.5f)});
      });
    if (name == "gelu")
      return elementwise(value, [&](const std::string& x) {
        const std::string erf = node("Erf", {node("Mul", {x, scalar(std::sqrt(0.5f))})});
        return node("Mul", {node("Mul", {x, scalar(0.5f)}), node("Add", {erf, scalar(1)})});
      });
    if (name == "mish")
      return elementwise(value, [&](const std::string& x) {
        return node("Mul", {x, node("Tanh", {node("Softplus", {x})})});
      });
    std::vector<std::string_view> known = {"linear",       "softmax", "log_softmax",
                                           "silu",         "relu6",   "leaky_relu",
                                           "hard_sigmoid", "gelu",    "mish"};
    for (const auto& [keras, ignored] : kOps) known.push_back(keras);
    unsupported(fmt::format("activation {}", name), fmt::format("{}", fmt::join(known, ", ")));
  }

  Value input(const std::vector<Value*>&) { return {layer_->name(), ""}; }
  Value nothing(const std::vector<Value*>& inputs) { return *inputs[0]; }

  Value dense(const std::vector<Value*>& inputs) {
    const Shape& kernel = layer_->weights()[0].shape;
    std::string value =
        node("MatMul", {last(*inputs[0]), floats({kernel[0], kernel[1]}, weight(0))});
    if (config_["use_bias"] == true) value = node("Add", {value, floats({kernel[1]}, weight(1))});
    return activate({value, ""}, config_["activation"].get<std::string>());
  }

  Bytes padding() const {
    const auto& name = config_["padding"].get_ref<const std::string&>();
    return attribute("auto_pad", std::string_view(name == "same" ? "SAME_UPPER" : "VALID"));
  }

  Value convolution(const std::vector<Value*>& inputs) {
    const bool depthwise = layer_->class_name() == "DepthwiseConv2D";
    const Shape& kernel = layer_->weights()[0].shape;
    // (height, width, in, out) -> (out, in, height, width); depthwise: (height, width, channel,
    // multiple) -> (channel * multiple, 1, height, width).
    const int64_t places = kernel[0] * kernel[1], in = kernel[2], out = kernel[3];
    const std::vector<float> values = weight(0);
    std::vector<float> turned;
    turned.reserve(values.size());
    const auto add = [&](int64_t i, int64_t o) {
      for (int64_t place = 0; place < places; ++place)
        turned.push_back(values[static_cast<size_t>((place * in + i) * out + o)]);
    };
    if (depthwise) {
      for (int64_t i = 0; i < in; ++i)
        for (int64_t o = 0; o < out; ++o) add(i, o);
    } else {
      for (int64_t o = 0; o < out; ++o)
        for (int64_t i = 0; i < in; ++i) add(i, o);
    }
    const int64_t outputs = depthwise ? in * out : out;
    std::vector<std::string> arguments = {
        first(*inputs[0]), floats({outputs, depthwise ? 1 : in, kernel[0], kernel[1]}, turned)};
    if (config_["use_bias"] == true) arguments.push_back(floats({outputs}, weight(1)));
    const int64_t groups = depthwise ? in : config_.value("groups", int64_t{1});
    const std::string value =
        node("Conv", arguments,
             {padding(), attribute("strides", integers(config_["strides"], 2)),
              attribute("dilations", integers(config_["dilation_rate"], 2)),
              attribute("group", groups)});
    return activate({"", value}, config_["activation"].get<std::string>());
  }

  Value pooling(const std::vector<Value*>& inputs) {
    const Json& strides = config_["strides"].is_null() ? config_["pool_size"] : config_["strides"];
    return {"", node(layer_->class_name() == "MaxPooling2D" ? "MaxPool" : "AveragePool",
                     {first(*inputs[0])},
                     {padding(), attribute("kernel_shape", integers(config_["pool_size"], 2)),
                      attribute("strides", integers(strides, 2))})};
  }

  Value global_pooling(const std::vector<Value*>& inputs) {
    const bool keep = config_.value("keepdims", Json(false)) == true;
    return {
        node(layer_->class_name() == "GlobalMaxPooling2D" ? "ReduceMax" : "ReduceMean",
             {last(*inputs[0])},
             {attribute("axes", std::vector<int64_t>{1, 2}), attribute("keepdims", int64_t{keep})}),
        ""};
  }

  Value reshape(const std::vector<Value*>& inputs) {
    std::vector<int64_t> extents = {-1};
    extents.insert(extents.end(), shape_.extents().begin(), shape_.extents().end());
    return {node("Reshape", {last(*inputs[0]), int64s(extents)}), ""};
  }

  Value activation_layer(const std::vector<Value*>& inputs) {
    const std::string_view name = layer_->class_name();
    if (name == "Activation") return activate(*inputs[0], config_["activation"].get<std::string>());
    if (name == "Softmax") {
      if (config_.value("axis", Json(-1)) != -1) unsupported("another axis than -1", "axis -1");
      return activate(*inputs[0], "softmax");
    }
    if (name == "ELU" || name == "LeakyReLU") {
      const char* key = name == "ELU" ? "alpha" : "negative_slope";
      return elementwise(*inputs[0], [&](const std::string& x) {
        return node(name == "ELU" ? "Elu" : "LeakyRelu", {x},
                    {attribute("alpha", config_[key].get<float>())});
      });
    }
    const Json most = config_.value("max_value", Json());
    if (config_.value("negative_slope", Json(0)) != 0 || config_.value("threshold", Json(0)) != 0)
      unsupported("negative_slope or threshold", "ReLU(max_value)");
    return elementwise(*inputs[0], [&](const std::string& x) {
      return most.is_number() ? node("Clip", {x, scalar(0), scalar(most.get<float>())})
                              : node("Relu", {x});
    });
  }

  Value batch_normalization(const std::vector<Value*>& inputs) {
    size_t next = 0;
    const int64_t channels = layer_->weights().back().shape.elements();
    const std::vector<float> gamma = config_["scale"] == true
                                         ? weight(next++)
                                         : std::vector<float>(static_cast<size_t>(channels), 1);
    const std::vector<float> beta = config_["center"] == true
                                        ? weight(next++)
                                        : std::vector<float>(static_cast<size_t>(channels), 0);
    const std::vector<float> mean = weight(next), variance = weight(next + 1);
    std::vector<float> factor, shift;
    for (size_t i = 0; i < gamma.size(); ++i) {
      factor.push_back(gamma[i] / std::sqrt(variance[i] + config_["epsilon"].get<float>()));
      shift.push_back(beta[i] - mean[i] * factor[i]);
    }
    const std::vector<int64_t> extents = inputs[0]->last.empty()
                                             ? std::vector<int64_t>{channels, 1, 1}
                                             : std::vector<int64_t>{channels};
    return elementwise(*inputs[0], [&](const std::string& x) {
      return node("Add", {node("Mul", {x, floats(extents, factor)}), floats(extents, shift)});
    });
  }

  Value zero_padding(const std::vector<Value*>& inputs) {
    // ((top, bottom), (left, right))
    const Json& padding = config_["padding"];
    std::vector<int64_t> pads(8, 0);
    for (size_t axis = 0; axis < 2; ++axis) {
      const std::vector<int64_t> sides = integers(padding[axis], 2);
      pads[1 + axis] = sides[0];
      pads[5 + axis] = sides[1];
    }
    return {node("Pad", {last(*inputs[0]), int64s(pads)}), ""};
  }

  Value merge(const std::vector<Value*>& inputs) {
    static const std::map<std::string_view, std::string_view> kOps = {
        {"Add", "Add"},     {"Average", "Mean"}, {"Concatenate", "Concat"}, {"Maximum", "Max"},
        {"Minimum", "Min"}, {"Multiply", "Mul"}, {"Subtract", "Sub"}};
    const std::string_view op = kOps.at(layer_->class_name());
    std::vector<std::string> names;
    for (Value* value : inputs) names.push_back(last(*value));
    if (op == "Concat") {
      int64_t axis = config_.value("axis", int64_t{-1});
      return {node(op, names, {attribute("axis", axis)}), ""};
    }
    if (op == "Mean" || op == "Max" || op == "Min") return {node(op, names), ""};
    std::string value = names[0];
    for (size_t i = 1; i < names.size(); ++i) value = node(op, {value, names[i]});
    return {value, ""};
  }

  const model::Model& model_;
  std::vector<Bytes> nodes_;
  std::vector<Bytes> constants_;
  // Of the layer that is being written.
  const model::Layer* layer_ = nullptr;
  Json config_;
  Shape shape_;
};

}  // namespace

void write_onnx(const std::string& path, const model::Model& model) {
  write_file_atomically(path, Exporter(model).run());
}

}  // namespace pronghorn::formats
