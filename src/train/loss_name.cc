#include "train/loss_name.h"

#include <fmt/format.h>

#include <array>
#include <cctype>
#include <string>

#include "pronghorn/compile_config.h"
#include "pronghorn/error.h"

namespace pronghorn {
namespace {

using graph::LossFunction;

constexpr std::array<LossFunction, 5> kLosses = {
    LossFunction::kCategoricalCrossentropy, LossFunction::kSparseCategoricalCrossentropy,
    LossFunction::kBinaryCrossentropy, LossFunction::kMeanSquaredError,
    LossFunction::kMeanAbsoluteError};

struct Alias {
  std::string_view name;
  LossFunction loss;
};
constexpr std::array<Alias, 3> kAliases = {{{"bce", LossFunction::kBinaryCrossentropy},
                                            {"mse", LossFunction::kMeanSquaredError},
                                            {"mae", LossFunction::kMeanAbsoluteError}}};

}  // namespace

std::vector<std::string> loss_names() {
  std::vector<std::string> names;
  for (const LossFunction loss : kLosses) names.emplace_back(graph::to_string(loss));
  return names;
}

graph::LossFunction train::parse_loss(std::string_view name) {
  std::string lower(name);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (const LossFunction loss : kLosses)
    if (lower == graph::to_string(loss)) return loss;
  for (const Alias& alias : kAliases)
    if (lower == alias.name) return alias.loss;
  throw ArgumentError(
      fmt::format("unknown loss '{}'; known are {}", name, fmt::join(loss_names(), ", ")));
}

}  // namespace pronghorn
