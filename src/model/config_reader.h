#pragma once

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "model/constraint.h"
#include "model/initializer.h"
#include "model/layers/window.h"
#include "model/regularizer.h"
#include "model/weight.h"
#include "pronghorn/keras_support.h"
#include "pronghorn/shape.h"

namespace pronghorn::model {

// Reads the arguments of one layer from Keras's config object and checks them. Every error is an
// ArgumentError (UnsupportedError for what is valid in Keras) that names layer and argument.
// A null counts as absent, as Keras's own defaults are null.
class ConfigReader {
 public:
  // `layer` is how messages call it: "layer 'conv2d_1'". `json` must be an object and outlive this.
  ConfigReader(const nlohmann::ordered_json& json, std::string layer);

  // Without a default the argument must be there.
  int64_t positive(std::string_view name);
  std::optional<int64_t> optional_integer(std::string_view name);
  int64_t integer(std::string_view name, int64_t missing);
  std::optional<double> optional_real(std::string_view name);
  double real(std::string_view name, double missing);
  bool boolean(std::string_view name, bool missing);
  std::string text(std::string_view name, std::string_view missing);
  // 2, or [0, 1]; `one` tells which of the two it was.
  std::vector<int64_t> integers(std::string_view name, std::vector<int64_t> missing, bool& one);
  // [0.1, 0.01]; must be there.
  std::vector<double> reals(std::string_view name);
  // So many integers, each at least `least`; one may stand for all. None where it is missing.
  std::optional<std::vector<int64_t>> extents(std::string_view name, size_t count, int64_t least);
  // "valid", "same", and "causal" where it is allowed; in any case of letters, as in Keras.
  EdgePadding edge_padding(std::string_view name, bool allow_causal = false);
  // The canonical name of a known activation; only a layer that is nothing else may have
  // `any_shape`.
  std::string activation(std::string_view name, std::string_view missing, bool any_shape = false);
  // An object, or null where it is missing.
  const nlohmann::ordered_json& object(std::string_view name);
  Initializer initializer(std::string_view name, std::string_view missing);
  std::optional<Regularizer> regularizer(std::string_view name);
  std::optional<Constraint> constraint(std::string_view name);
  // What a weight called `name` is made with: the arguments `name`_initializer, _regularizer and
  // _constraint.
  WeightArguments weight(const std::string& name, std::string_view initializer);
  // [28, 28, 1]; -1 where `allow_unknown`.
  Shape shape(std::string_view name, bool allow_unknown);

  // [null, 28, 28, 1]: the shape behind the batch, which must be null.
  Shape batch_shape(std::string_view name);

  // A text that Pronghorn supports; any other is refused with the list of these.
  std::string one_of(std::string_view name, std::string_view missing,
                     std::initializer_list<std::string_view> supported);

  // The value as it stands, null where it is missing, for arguments with several spellings; and an
  // integer in it.
  const nlohmann::ordered_json& json(std::string_view name) { return get(name); }
  // Whether it is there, be it as a null.
  bool has(std::string_view name) const;
  int64_t to_integer(std::string_view name, const nlohmann::ordered_json& value) const;

  // An argument that makes no difference here.
  void ignore(std::string_view name) { note(name, "makes no difference"); }
  // An argument of which Pronghorn knows Keras's default only: anything else is refused.
  void only_default(std::string_view name, const nlohmann::ordered_json& value);

  // The arguments asked for so far, in that order: what the layer knows of Keras's, and what of
  // each it supports, where that is not all ("only null", "nearest, bilinear"). Documentation is
  // made from it.
  const std::vector<KerasArgument>& arguments() const { return arguments_; }

  // Refuses every argument that was not asked for and is not null: it would change what the layer
  // means.
  void finish();

  // Throws ArgumentError about this argument.
  [[noreturn]] void fail(std::string_view name, std::string_view what) const;

 private:
  // The value, or null where it is missing.
  const nlohmann::ordered_json& get(std::string_view name);
  // from_json of the value; its errors say whose argument it was.
  template <class FromJson>
  auto read(std::string_view name, const nlohmann::ordered_json& value, FromJson from_json) const;

  // Takes note that an argument was asked for.
  void note(std::string_view name, std::string supported = "");

  const nlohmann::ordered_json& json_;
  std::string layer_;
  std::vector<KerasArgument> arguments_;
  std::set<std::string, std::less<>> used_;
};

}  // namespace pronghorn::model
