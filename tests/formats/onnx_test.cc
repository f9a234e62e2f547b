#include "formats/onnx.h"

#include <gmock/gmock.h>

#include <protozero/pbf_reader.hpp>

#include "formats/fixtures.h"
#include "pronghorn/error.h"
#include "pronghorn/model.h"
#include "pronghorn/saving.h"

// What ONNX Runtime makes of such files tests/conformance/onnx_runtime.py checks.

namespace pronghorn {
namespace {

using ::testing::ElementsAre;
using testing::file_bytes;
using ::testing::HasSubstr;
using testing::message_of;
using testing::TemporaryDirectory;

// The graph of the file's model.
std::string graph_of(const std::string& bytes) {
  protozero::pbf_reader model(bytes);
  EXPECT_TRUE(model.next(7));
  return model.get_string();
}

std::vector<std::string> ops_of(const std::string& graph) {
  std::vector<std::string> ops;
  for (protozero::pbf_reader reader(graph); reader.next(1);) {
    protozero::pbf_reader node = reader.get_message();
    EXPECT_TRUE(node.next(4));
    ops.push_back(node.get_string());
  }
  return ops;
}

TEST(Onnx, ImagesStayChannelsFirstBetweenConvolutions) {
  const TemporaryDirectory directory;
  export_onnx(Sequential({8, 8, 1}, {layers::Conv2D(2, {3, 3}, {.activation = "relu"}),
                                     layers::BatchNormalization(), layers::MaxPooling2D(),
                                     layers::Dropout(0.5), layers::Flatten(),
                                     layers::Dense(3, {.activation = "softmax"})}),
              directory / "m.onnx");
  const std::string graph = graph_of(file_bytes(directory / "m.onnx"));
  EXPECT_THAT(ops_of(graph),
              ElementsAre("Transpose", "Conv", "Relu", "Mul", "Add", "MaxPool", "Transpose",
                          "Reshape", "MatMul", "Add", "Softmax", "Identity"));
}

TEST(Onnx, WhatCantBeWrittenIsRefusedByName) {
  const TemporaryDirectory directory;
  const Model model = model_from_json(R"({"class_name": "Sequential", "config": {"layers": [
      {"class_name": "InputLayer", "config": {"batch_shape": [null, 2, 3]}},
      {"class_name": "Permute", "config": {"name": "turned", "dims": [2, 1]}}]}})");
  EXPECT_THAT(message_of<UnsupportedError>([&] { export_onnx(model, directory / "m.onnx"); }),
              HasSubstr("layer 'turned': class Permute can't be written as ONNX; Activation, "));
  EXPECT_TRUE(directory.empty());
}

}  // namespace
}  // namespace pronghorn
