#include "kernels/choices.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/file.h"
#include "graph/op_kind.h"
#include "graph/ops/matmul.h"
#include "graph/ops/matmul_update.h"
#include "kernels/candidates.h"
#include "kernels/simd/matmul_panels.h"
#include "pronghorn/error.h"

namespace pronghorn::kernels {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFormat = "pronghorn.choices";

// A product's first matrix; none of other ops.
const graph::ValueId* first_matrix(const graph::Op& op) {
  if (op.kind == &graph::matmul_kind()) return &op.inputs[0];
  if (op.kind == &graph::matmul_update_kind()) return &op.inputs[1];
  return nullptr;
}

const graph::OpKind& kind_of(std::string_view key) {
  const std::string_view name = key.substr(0, key.find(' '));
  for (const graph::OpKind* kind : kinds_with_candidates())
    if (kind->name() == name) return *kind;
  throw FileError(fmt::format("there is no kind of op called '{}'", name));
}

const Implementation& implementation_of(const std::string& key, const std::string& name) {
  std::vector<std::string_view> known;
  for (const Implementation* implementation : candidates(kind_of(key))) {
    if (implementation->name() == name) return *implementation;
    known.push_back(implementation->name());
  }
  throw FileError(
      fmt::format("'{}' is no kernel for \"{}\"; there are {}", name, key, fmt::join(known, ", ")));
}

}  // namespace

std::string op_key(const KernelCase& kernel_case) {
  const graph::Op& op = kernel_case.op;
  std::string key(op.kind->name());
  for (const graph::ValueId id : op.inputs)
    key += " " + kernel_case.graph.value(id).shape.to_string();
  key += " ->";
  for (const graph::ValueId id : op.outputs)
    key += " " + kernel_case.graph.value(id).shape.to_string();
  if (const std::string attributes = op.attributes.to_string(); !attributes.empty())
    key += ", " + attributes;
  if (!op.epilogue.empty()) key += ", then " + graph::to_string(op.epilogue);
  if (const graph::ValueId* first = first_matrix(op);
      first != nullptr && simd::may_hold_zeros(kernel_case.graph, *first))
    key += ", zeros";
  return key + fmt::format(", threads={}", kernel_case.threads);
}

Choices Choices::load(const std::string& path) {
  constexpr uint64_t kMostBytes = 16 << 20;
  return parse(read_file(path, kMostBytes), path);
}

Choices Choices::parse(std::string_view text, const std::string& path) {
  try {
    const Json json = Json::parse(text);
    if (!json.is_object() || json.value("format", "") != kFormat)
      throw FileError(fmt::format("it has no \"format\": \"{}\"", kFormat));
    if (const int version = json.at("version").get<int>(); version != kVersion)
      throw FileError(
          fmt::format("it is of version {}, this program reads version {}", version, kVersion));
    Choices choices;
    choices.cpu_ = json.at("cpu").get<std::string>();
    for (const auto& [key, name] : json.at("choices").items())
      choices.set(key, implementation_of(key, name.get<std::string>()));
    return choices;
  } catch (const FileError& error) {
    throw FileError(fmt::format("'{}': no file of choices: {}; 'pronghorn tune' writes one", path,
                                error.what()));
  } catch (const nlohmann::json::exception& error) {
    throw FileError(fmt::format("'{}': no file of choices: {}; 'pronghorn tune' writes one", path,
                                error.what()));
  }
}

const Implementation* Choices::find(const KernelCase& kernel_case) const {
  const auto found = chosen_.find(op_key(kernel_case));
  return found == chosen_.end() ? nullptr : found->second;
}

std::string Choices::to_json() const {
  Json json{{"format", kFormat}, {"version", kVersion}, {"cpu", cpu_}};
  Json& choices = json["choices"] = Json::object();
  for (const auto& [key, implementation] : chosen_)
    choices[key] = std::string(implementation->name());
  return json.dump(1) + "\n";
}

}  // namespace pronghorn::kernels
