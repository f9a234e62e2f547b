#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pronghorn {

// A loss and its arguments, under Keras 3's names. Only the arguments that its formula has are used
// (formulas: src/graph/ops/loss.h).
struct Loss {
  // No loss.
  Loss() = default;
  // The loss of this name with Keras's defaults; a name that isn't known is refused by
  // Model::compile.
  Loss(std::string_view name);
  Loss(const char* name) : Loss(std::string_view(name)) {}
  Loss(const std::string& name) : Loss(std::string_view(name)) {}

  // Keras's name of the function ("mean_squared_error"), its short form ("mse") or the class
  // ("MeanSquaredError"), in any case.
  std::string name;
  // The outputs are logits, not probabilities (the crossentropies only).
  bool from_logits = false;
  // Of the crossentropies whose labels are not class numbers; in [0, 1].
  double label_smoothing = 0;
  // Of sparse_categorical_crossentropy: rows of this class count for nothing.
  std::optional<int64_t> ignore_class;
  // Of the focal crossentropies (0.25) and tversky (0.5).
  double alpha = 0.25;
  // Of the focal crossentropies.
  double gamma = 2;
  bool apply_class_balancing = false;  // of binary_focal_crossentropy
  double beta = 0.5;                   // of tversky
  double delta = 1;                    // of huber
  double q = 0.5;                      // of categorical_generalized_cross_entropy, in (0, 1)
  // The axes that a sum goes along, counting the batch. Empty is Keras's default: the last one, of
  // dice and tversky all. Others than the last are for those two, and must be the trailing ones.
  std::vector<int64_t> axis = {};
  // "sum_over_batch_size" or "mean": the sum over all rows by their number; "sum": their sum;
  // "mean_with_sample_weight": by the sum of their weights.
  std::string reduction = "sum_over_batch_size";

  bool operator==(const Loss&) const = default;
};

// Reads Keras's {"class_name": "Huber", "config": {"delta": 2}}, or a name in quotes. Throws
// FileError for what is no JSON.
Loss loss_from_json(std::string_view json);

// The names that Loss takes, without the short ones.
std::vector<std::string> loss_names();

}  // namespace pronghorn
