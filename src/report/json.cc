// The schemas "pronghorn.explanation/1" and "pronghorn.comparison/1". A key more keeps the version;
// a key that goes, or means something else, raises it. docs/explanation-schema.md lists all keys,
// and a test compares.

#include <nlohmann/json.hpp>

#include "pronghorn/report.h"
#include "report/documents.h"

namespace pronghorn::report {
namespace {

using Json = nlohmann::ordered_json;

template <typename Items, typename Function>
Json array_of(const Items& items, Function&& describe) {
  Json array = Json::array();
  for (const auto& item : items) array.push_back(describe(item));
  return array;
}

Json to_json(const Spread& spread) {
  return {{"median_seconds", spread.median},
          {"low_seconds", spread.low},
          {"high_seconds", spread.high}};
}

Json to_json(const std::optional<Spread>& spread) { return spread ? to_json(*spread) : Json(); }

Json to_json(const Work& work) {
  return {{"multiply_accumulates", work.multiply_accumulates},
          {"other_flops", work.other_flops},
          {"flops", work.flops()},
          {"executed_multiply_accumulates", work.executed_multiply_accumulates},
          {"executed_other_flops", work.executed_other_flops},
          {"executed_flops", work.executed_flops()},
          {"bytes_read", work.bytes_read},
          {"bytes_written", work.bytes_written},
          {"bytes", work.bytes()},
          {"flops_per_byte", work.intensity()}};
}

Json to_json(const Prediction& predicted) {
  return {{"seconds", predicted.seconds},
          {"arithmetic_seconds", predicted.arithmetic},
          {"memory_seconds", predicted.memory},
          {"overhead_seconds", predicted.overhead},
          {"bound", to_string(predicted.bound)}};
}

Json to_json(const Machine::Team& team) {
  Json bandwidth = Json::array();
  for (size_t level = 0; level < team.bandwidth.size(); ++level) {
    const Machine::Bandwidth& rates = team.bandwidth[level];
    bandwidth.push_back({{"level", to_string(static_cast<MemoryLevel>(level))},
                         {"read_bytes_per_second", rates.read},
                         {"write_bytes_per_second", rates.write},
                         {"copy_bytes_per_second", rates.copy}});
  }
  Json exchange = Json::array();
  for (size_t i = 0; i < team.exchange.size(); ++i)
    exchange.push_back({{"level", to_string(static_cast<MemoryLevel>(i + 1))},
                        {"read_bytes_per_second", team.exchange[i].read},
                        {"write_bytes_per_second", team.exchange[i].write}});
  return {{"threads", team.threads},
          {"clock_hertz", team.clock_hertz},
          {"peak_flops_per_second", team.peak_flops},
          {"region_seconds", team.region_seconds},
          {"wake_seconds", team.wake_seconds},
          {"bandwidth", bandwidth},
          {"exchange", exchange}};
}

// Less the kernels' samples, which only predictions need: they are in the machine's own file.
Json to_json(const Machine& machine) {
  return {{"cpu", machine.cpu},
          {"cpus", machine.cpus},
          {"l1_bytes", machine.cache_bytes[0]},
          {"l2_bytes", machine.cache_bytes[1]},
          {"l3_bytes", machine.cache_bytes[2]},
          {"usable_l3_bytes", machine.usable_l3_bytes},
          {"instruction_set", machine.instruction_set},
          {"teams", array_of(machine.teams, [](const auto& team) { return to_json(team); })},
          {"peaks", array_of(machine.peaks,
                             [](const Machine::Peak& peak) {
                               return Json{{"instruction_set", peak.instruction_set},
                                           {"peak_flops_per_second", peak.flops}};
                             })},
          {"unblocked_multiply_accumulates_per_second", machine.unblocked_multiply_accumulates},
          {"kernel_samples", machine.samples.size()}};
}

Json by_phase(const std::array<Work, kPhases>& works) {
  Json phases = Json::array();
  for (int phase = 0; phase < kPhases; ++phase) {
    Json entry = {{"phase", phase_name(phase)}};
    entry["work"] = to_json(works[static_cast<size_t>(phase)]);
    phases.push_back(entry);
  }
  return phases;
}

Json to_json(const Explanation& explanation, const OpCost& op) {
  const double seconds = op.measured ? op.measured->median : op.predicted.seconds;
  return {
      {"kind", op.kind},
      {"layer", op.layer},
      {"phase", phase_name(op.phase)},
      {"epilogue", op.epilogue},
      {"output", op.output},
      {"kernel", op.kernel},
      {"chain", op.chain},
      {"refused", array_of(op.refused,
                           [](const RefusedKernel& refused) {
                             return Json{{"kernel", refused.kernel}, {"reason", refused.reason}};
                           })},
      {"work", to_json(op.work)},
      {"working_set_bytes", op.working_set},
      {"predicted", to_json(op.predicted)},
      {"measured", to_json(op.measured)},
      {"share_of_peak", explanation.share_of_peak(op.work, seconds)}};
}

Json to_json(const Explanation& explanation, const LayerCost& layer) {
  const double step = explanation.step_seconds();
  Json phases = by_phase(layer.by_phase);
  for (size_t phase = 0; phase < kPhases; ++phase) {
    phases[phase]["predicted_seconds"] = layer.predicted_by_phase[phase];
    phases[phase]["measured_seconds"] =
        layer.measured ? Json(layer.measured_by_phase[phase]) : Json();
  }
  return {{"name", layer.name},
          {"type", layer.type},
          {"output_shape", layer.output_shape},
          {"parameters", layer.parameters},
          {"uses_per_weight", layer.uses_per_weight},
          {"by_phase", phases},
          {"work", to_json(layer.total)},
          {"predicted", to_json(layer.predicted)},
          {"measured", to_json(layer.measured)},
          {"share_of_step", step > 0 ? layer.seconds() / step : 0},
          {"share_of_peak", explanation.share_of_peak(layer.total, layer.seconds())},
          {"ops", layer.ops}};
}

Json to_json(const StepProfile& profile) {
  return {{"batch_size", profile.batch_size},
          {"threads", profile.threads},
          {"steps", profile.steps},
          {"step", to_json(profile.step_seconds)},
          {"coverage", profile.coverage},
          {"ops", array_of(profile.ops,
                           [](const OpTime& op) {
                             return Json{{"kind", op.kind},
                                         {"layer", op.layer},
                                         {"phase", op.phase},
                                         {"kernel", op.kernel},
                                         {"measured", to_json(op.seconds)}};
                           })},
          {"counters", array_of(profile.counters, [](const auto& counter) {
             return Json{{"event", counter.first}, {"per_step", counter.second}};
           })}};
}

Json to_json(const ArenaBlock& block) {
  return {{"name", block.name},
          {"offset_bytes", block.offset},
          {"bytes", block.bytes},
          {"first_op", block.first_op},
          {"last_op", block.last_op}};
}

Json to_json(const LadderRung& rung) {
  return {{"name", rung.name},
          {"what", rung.what},
          {"predicted_seconds", rung.seconds},
          {"measured_seconds", rung.measured ? Json(*rung.measured) : Json()}};
}

Json to_json(const Variant& variant) {
  return {{"name", variant.name},
          {"batch_size", variant.batch_size},
          {"threads", variant.threads},
          {"parameters", variant.parameters},
          {"training_multiply_accumulates", variant.training_multiply_accumulates},
          {"step_seconds", variant.step_seconds},
          {"epoch_seconds", variant.epoch_seconds},
          {"impossible", variant.impossible.empty() ? Json() : Json(variant.impossible)}};
}

Json to_json(const Factor& factor) {
  return {{"name", factor.name},
          {"what", factor.what},
          {"a", factor.a},
          {"b", factor.b},
          {"ratio", factor.ratio}};
}

Json to_json(const LayerDifference& layer) {
  return {{"model", layer.model},
          {"layer", layer.layer},
          {"seconds", layer.seconds},
          {"share", layer.share}};
}

}  // namespace

Json document(const Explanation& explanation, const std::vector<Variant>& variants) {
  const double step = explanation.step_seconds();
  return {{"schema", "pronghorn.explanation/1"},
          {"answer", explanation.answer},
          {"model", explanation.model},
          {"batch_size", explanation.batch_size},
          {"samples", explanation.samples},
          {"steps_per_epoch", explanation.steps_per_epoch()},
          {"threads", explanation.threads},
          {"optimizer", explanation.optimizer},
          {"loss", explanation.loss},
          {"kernels", explanation.kernels},
          {"precision", explanation.precision},
          {"untrainable", explanation.untrainable ? Json(*explanation.untrainable) : Json()},
          {"parameters", explanation.parameters},
          {"forward_multiply_accumulates", explanation.forward_multiply_accumulates},
          {"training_multiply_accumulates", explanation.training_multiply_accumulates},
          {"by_phase", by_phase(explanation.by_phase)},
          {"work", to_json(explanation.total)},
          {"predicted", to_json(explanation.predicted)},
          {"profile", explanation.profile ? to_json(*explanation.profile) : Json()},
          {"step_seconds", step},
          {"share_of_peak", explanation.share_of_peak(explanation.total, step)},
          {"layers", array_of(explanation.layers,
                              [&](const LayerCost& layer) { return to_json(explanation, layer); })},
          {"ops",
           array_of(explanation.ops, [&](const OpCost& op) { return to_json(explanation, op); })},
          {"arena_bytes", explanation.arena_bytes},
          {"optimizer_bytes", explanation.optimizer_bytes},
          {"arena", array_of(explanation.arena, [](const auto& block) { return to_json(block); })},
          {"by_threads", array_of(explanation.by_threads,
                                  [](const ThreadsPrediction& prediction) {
                                    return Json{{"threads", prediction.threads},
                                                {"predicted_seconds", prediction.seconds}};
                                  })},
          {"ladder", array_of(explanation.ladder, [](const auto& rung) { return to_json(rung); })},
          {"variants", array_of(variants, [](const auto& variant) { return to_json(variant); })},
          {"findings", explanation.findings},
          {"assumptions", explanation.assumptions},
          {"machine", to_json(explanation.machine)},
          // What the step's threads reach together: the roofs of a roofline.
          {"team", to_json(explanation.machine.team(explanation.threads))}};
}

Json document(const Comparison& comparison) {
  return {
      {"schema", "pronghorn.comparison/1"},
      {"answer", comparison.answer},
      {"measured", comparison.measured},
      {"ratio", comparison.ratio},
      {"factors", array_of(comparison.factors, [](const auto& factor) { return to_json(factor); })},
      {"layers", array_of(comparison.layers, [](const auto& layer) { return to_json(layer); })},
      {"paragraph", comparison.paragraph},
      {"of_parameters", comparison.of_parameters},
      {"of_threads", comparison.of_threads},
      {"a", document(comparison.a, {})},
      {"b", document(comparison.b, {})}};
}

Json to_json(const TunedOp& op) {
  return {{"key", op.key},
          {"kind", op.kind},
          {"layers", op.layers},
          {"phase", op.phase},
          {"output", op.output},
          {"selected", op.selected},
          {"chosen", op.chosen},
          {"candidates", array_of(op.candidates,
                                  [](const CandidateTime& candidate) {
                                    return Json{{"kernel", candidate.kernel},
                                                {"seconds", candidate.seconds},
                                                {"elsewhere_seconds", candidate.elsewhere}};
                                  })},
          {"refused", array_of(op.refused, [](const RefusedKernel& refused) {
             return Json{{"kernel", refused.kernel}, {"reason", refused.reason}};
           })}};
}

Json document(const Tuning& tuning) {
  return {{"schema", "pronghorn.tuning/1"},
          {"model", tuning.model},
          {"batch_size", tuning.batch_size},
          {"threads", tuning.threads},
          {"cpu", tuning.cpu},
          {"selected_seconds", tuning.selected_seconds},
          {"chosen_seconds", tuning.chosen_seconds},
          {"ops", array_of(tuning.ops, [](const TunedOp& op) { return to_json(op); })}};
}

std::string to_text(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

std::string json(const Explanation& explanation, const std::vector<Variant>& variants) {
  return to_text(document(explanation, variants), 2) + '\n';
}

std::string json(const Comparison& comparison) { return to_text(document(comparison), 2) + '\n'; }

std::string json(const Tuning& tuning) { return to_text(document(tuning), 2) + '\n'; }

}  // namespace pronghorn::report
