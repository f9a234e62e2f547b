#include <nlohmann/json.hpp>

#include "model/config_reader.h"
#include "model/layer.h"
#include "model/layer_registry.h"

namespace pronghorn::model {
namespace {

// Nothing but a penalty on what passes through: l1 sum |x| + l2 sum x^2, divided by the batch size.
class ActivityRegularization final : public Layer {
 public:
  ActivityRegularization(double l1, double l2) {
    set_activity_regularizer(Regularizer{"L1L2", l1, l2});
  }

  std::string_view class_name() const override { return "ActivityRegularization"; }
  nlohmann::ordered_json config() const override {
    return {{"l1", activity_regularizer()->l1}, {"l2", activity_regularizer()->l2}};
  }

  Shape output_shape(std::span<const Shape> inputs) const override { return only_input(inputs); }

  graph::ValueId lower(Lowering&, std::span<const graph::ValueId> inputs) const override {
    return inputs[0];
  }
};

}  // namespace

std::shared_ptr<Layer> make_activity_regularization(ConfigReader& reader) {
  const double l1 = reader.real("l1", 0), l2 = reader.real("l2", 0);
  if (l1 < 0) reader.fail("l1", "must not be negative");
  if (l2 < 0) reader.fail("l2", "must not be negative");
  return std::make_shared<ActivityRegularization>(l1, l2);
}

}  // namespace pronghorn::model
