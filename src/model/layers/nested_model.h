#pragma once

#include <memory>

#include "model/layer.h"
#include "model/model.h"

namespace pronghorn::model {

// A Sequential or Functional model as a layer of another one; its weights are that layer's. It has
// one output and takes inputs of the very shapes that it was made for. Model::lower lowers its
// layers in its place, under names like "encoder/dense".
class NestedModel final : public Layer {
 public:
  // Throws UnsupportedError for a model with several outputs, ArgumentError for one that comes to
  // more than kMostCalls calls of layers where the models in it are written out.
  explicit NestedModel(std::unique_ptr<Model> model);

  std::string_view class_name() const override {
    return model_->sequential ? "Sequential" : "Functional";
  }
  // formats/keras_config.cc writes what is in it.
  nlohmann::ordered_json config() const override;
  Shape output_shape(std::span<const Shape> inputs) const override;
  // Never called.
  graph::ValueId lower(Lowering& lowering, std::span<const graph::ValueId> inputs) const override;

  Model* nested_model() override { return model_.get(); }
  const Model* nested_model() const override { return model_.get(); }
  int64_t calls() const { return calls_; }

  // A chain of models each called ten times in the next would come to any number.
  static constexpr int64_t kMostCalls = 65536;

 private:
  std::unique_ptr<Model> model_;
  int64_t calls_ = 0;
};

}  // namespace pronghorn::model
