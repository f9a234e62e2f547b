// What `pronghorn explain` prints.

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <numeric>
#include <string>
#include <vector>

#include "pronghorn/report.h"
#include "report/table.h"
#include "report/text.h"

namespace pronghorn::report {
namespace {

constexpr const char* kLegend =
    "Multiply-accumulates (one is 2 flops) and bytes are those of a step of {} images; k, M, G, T "
    "are 10^3, 10^6, 10^9, 10^12. Uses per weight: how often an image uses each, forward. Flops "
    "per "
    "byte and % of peak count what the layer needs, not what its kernels do.";

const Work& forward(const std::array<Work, kPhases>& by_phase) { return by_phase[0]; }

std::string multiply_accumulates(const Work& work) {
  return work.multiply_accumulates == 0 ? "0"
                                        : compact(static_cast<double>(work.multiply_accumulates));
}

// Which parameters, batch and machine the numbers belong to.
std::string setting(const Explanation& explanation, int columns) {
  std::string text = wrapped(
      fmt::format(
          "{}: {} parameters; batch size {}, {} thread{}, optimizer {}, loss {}, kernels {}, {}",
          explanation.model, with_commas(explanation.parameters), explanation.batch_size,
          explanation.threads, explanation.threads == 1 ? "" : "s", explanation.optimizer,
          explanation.loss, explanation.kernels, explanation.precision),
      columns, 2);
  text += wrapped(
      fmt::format(
          "per image: {} multiply-accumulates forward ({} flops), {} in training ({} flops)",
          with_commas(explanation.forward_multiply_accumulates),
          with_commas(2 * explanation.forward_multiply_accumulates),
          with_commas(explanation.training_multiply_accumulates),
          with_commas(2 * explanation.training_multiply_accumulates)),
      columns, 2);
  if (explanation.untrainable) return text;
  const auto epoch = [&](double step) {
    return fmt::format("{} a step, {} an epoch of {} steps", duration(step),
                       duration(step * static_cast<double>(explanation.steps_per_epoch())),
                       with_commas(explanation.steps_per_epoch()));
  };
  text += wrapped("predicted: " + epoch(explanation.predicted.seconds), columns, 2);
  if (const auto& profile = explanation.profile) {
    text += wrapped(
        fmt::format("measured: {} (median of {} steps, middle half {} to {})",
                    epoch(profile->step_seconds.median), profile->steps,
                    duration(profile->step_seconds.low), duration(profile->step_seconds.high)),
        columns, 2);
  }
  text += wrapped(fmt::format("memory: {} bytes of values in one arena, {} of parameters, {} of "
                              "optimizer slots",
                              compact(static_cast<double>(explanation.arena_bytes)),
                              compact(static_cast<double>(4 * explanation.parameters)),
                              compact(static_cast<double>(explanation.optimizer_bytes))),
                  columns, 2);
  text += wrapped(
      fmt::format("machine: {}, {}", explanation.machine.cpu, explanation.machine.instruction_set),
      columns, 2);
  return text;
}

std::string layers_table(const Explanation& explanation, int columns) {
  const bool measured = explanation.profile.has_value();
  const char* const group = "multiply-accumulates";
  std::vector<Column> headings = {{{"layer"}, true, 0, 12, ""},
                                  {{"param-", "eters"}, false, 0, 0, ""},
                                  {{"uses/", "weight"}, false, 0, 0, ""},
                                  {{"for-", "ward"}, false, 0, 0, group},
                                  {{"to", "data"}, false, 0, 0, group},
                                  {{"to", "weights"}, false, 0, 0, group},
                                  {{"bytes"}, false, 4, 0, ""},
                                  {{"flops/", "byte"}, false, 3, 0, ""},
                                  {{"bound by"}, true, 1, 0, ""},
                                  {{"ms pre-", "dicted"}, false, measured ? 2 : 0, 0, ""}};
  if (measured) headings.push_back({{"ms mea-", "sured"}, false, 0, 0, ""});
  headings.push_back({{"share"}, false, 0, 0, ""});
  headings.push_back({{"% of", "peak"}, false, 1, 0, ""});
  Table table(std::move(headings));

  const double step = explanation.step_seconds();
  const auto row = [&](const std::string& name, int64_t parameters, const std::string& uses,
                       const std::array<Work, kPhases>& by_phase, const Work& total,
                       const Prediction& predicted, const std::string& measured_ms,
                       double seconds) {
    std::vector<std::string> cells = {name,
                                      compact(static_cast<double>(parameters)),
                                      uses,
                                      multiply_accumulates(by_phase[0]),
                                      multiply_accumulates(by_phase[1]),
                                      multiply_accumulates(by_phase[2]),
                                      compact(static_cast<double>(total.bytes())),
                                      compact(total.intensity()),
                                      predicted.seconds > 0 ? to_string(predicted.bound) : "-",
                                      milliseconds(predicted.seconds)};
    if (measured) cells.push_back(measured_ms);
    cells.push_back(step > 0 ? percent(seconds / step) : "-");
    cells.push_back(seconds > 0 ? percent(explanation.share_of_peak(total, seconds)) : "-");
    table.add_row(std::move(cells));
  };
  for (const LayerCost& layer : explanation.layers) {
    row(layer.name, layer.parameters,
        layer.uses_per_weight > 0 ? compact(layer.uses_per_weight) : "-", layer.by_phase,
        layer.total, layer.predicted,
        layer.measured ? milliseconds(layer.measured->median) : std::string("-"), layer.seconds());
  }
  table.add_rule();
  row("step", explanation.parameters, "", explanation.by_phase, explanation.total,
      explanation.predicted, measured ? milliseconds(step) : std::string(), step);
  return table.to_string(columns);
}

// Counts alone, of a model that can't be trained.
std::string counts_table(const Explanation& explanation, int columns) {
  Table table({{{"layer"}, true, 0, 12, ""},
               {{"type"}, true, 2, 10, ""},
               {{"output"}, true, 3, 12, ""},
               {{"parameters"}, false, 0, 0, ""},
               {{"uses/", "weight"}, false, 0, 0, ""},
               {{"multiply-", "accumulates"}, false, 0, 0, ""},
               {{"bytes"}, false, 1, 0, ""},
               {{"flops/", "byte"}, false, 1, 0, ""}});
  for (const LayerCost& layer : explanation.layers) {
    const Work& work = forward(layer.by_phase);
    table.add_row({layer.name, layer.type, layer.output_shape, with_commas(layer.parameters),
                   layer.uses_per_weight > 0 ? compact(layer.uses_per_weight) : "-",
                   multiply_accumulates(work), compact(static_cast<double>(work.bytes())),
                   compact(work.intensity())});
  }
  const Work& work = forward(explanation.by_phase);
  table.add_rule();
  table.add_row({"forward", "", "", with_commas(explanation.parameters), "",
                 multiply_accumulates(work), compact(static_cast<double>(work.bytes())),
                 compact(work.intensity())});
  return table.to_string(columns);
}

// The ops that take longest; all of them are in the JSON and on the page.
std::string ops_table(const Explanation& explanation, int columns) {
  constexpr size_t kShown = 12;
  const auto& ops = explanation.ops;
  const bool measured =
      std::any_of(ops.begin(), ops.end(), [](const OpCost& op) { return op.measured.has_value(); });
  const auto seconds = [&](size_t op) {
    return ops[op].measured ? ops[op].measured->median : ops[op].predicted.seconds;
  };
  std::vector<size_t> order(ops.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return seconds(a) > seconds(b); });
  order.resize(std::min(order.size(), kShown));

  std::vector<Column> headings = {{{"op"}, true, 0, 14, ""},
                                  {{"layer"}, true, 0, 10, ""},
                                  {{"phase"}, true, 1, 0, ""},
                                  {{"kernel"}, true, 0, 14, ""},
                                  {{"ms pre-", "dicted"}, false, 0, 0, ""}};
  if (measured) headings.push_back({{"ms mea-", "sured"}, false, 0, 0, ""});
  Table table(std::move(headings));
  for (const size_t number : order) {
    const OpCost& op = ops[number];
    std::vector<std::string> cells = {op.kind, op.layer.empty() ? "-" : op.layer,
                                      std::string(short_phase(phase_name(op.phase))), op.kernel,
                                      milliseconds(op.predicted.seconds)};
    if (measured) cells.push_back(op.measured ? milliseconds(op.measured->median) : "-");
    table.add_row(std::move(cells));
  }
  const std::string title =
      ops.size() > kShown ? fmt::format("The {} of {} ops that take longest", kShown, ops.size())
                          : std::string("The ops of a step, longest first");
  return fmt::format("\n{}\n{}", title, table.to_string(columns));
}

std::string ladder_table(const Explanation& explanation, int columns) {
  if (explanation.ladder.empty()) return "";
  const bool measured =
      std::any_of(explanation.ladder.begin(), explanation.ladder.end(),
                  [](const LadderRung& rung) { return rung.measured.has_value(); });
  std::vector<Column> headings = {{{"kernels"}, true, 0, 24, ""},
                                  {{"ms a step"}, false, 0, 0, ""},
                                  {{"an epoch"}, false, 0, 0, ""},
                                  {{"divided by"}, false, 0, 0, ""}};
  if (measured) headings.push_back({{"ms mea-", "sured"}, false, 0, 0, ""});
  Table table(std::move(headings));
  double before = 0;
  for (const LadderRung& rung : explanation.ladder) {
    std::vector<std::string> cells = {
        rung.name, milliseconds(rung.seconds),
        duration(rung.seconds * static_cast<double>(explanation.steps_per_epoch())),
        before > 0 && rung.seconds > 0 ? times(before / rung.seconds) : "-"};
    if (measured) cells.push_back(rung.measured ? milliseconds(*rung.measured) : "-");
    table.add_row(std::move(cells));
    before = rung.seconds;
  }
  std::string text =
      fmt::format("\nWhat better kernels divide the step by\n{}", table.to_string(columns));
  for (const LadderRung& rung : explanation.ladder)
    text += wrapped(fmt::format("- {}: {}", rung.name, rung.what), columns, 2);
  return text;
}

std::string threads_table(const Explanation& explanation, int columns) {
  const auto& by_threads = explanation.by_threads;
  if (by_threads.size() < 2 || !(by_threads.front().seconds > 0)) return "";
  const auto best =
      std::min_element(by_threads.begin(), by_threads.end(),
                       [](const auto& a, const auto& b) { return a.seconds < b.seconds; });
  Table table({{{"threads"}, false, 0, 0, ""},
               {{"ms a step"}, false, 0, 0, ""},
               {{"times as fast"}, false, 0, 0, ""},
               {{""}, true, 0, 0, ""}});
  for (auto row = by_threads.begin(); row != by_threads.end(); ++row) {
    // Of many CPUs the powers of two, the best and the last.
    const bool power = (row->threads & (row->threads - 1)) == 0;
    if (by_threads.size() > 8 && !power && row != best && row != std::prev(by_threads.end()))
      continue;
    table.add_row({std::to_string(row->threads), milliseconds(row->seconds),
                   times(by_threads.front().seconds / row->seconds),
                   row == best ? "the best" : ""});
  }
  return fmt::format("\nPredicted by number of threads\n{}", table.to_string(columns));
}

}  // namespace

std::string terminal(const Explanation& explanation, int columns) {
  std::string text = wrapped(explanation.answer, columns);
  if (explanation.untrainable && explanation.answer != *explanation.untrainable)
    text += wrapped("It can't be trained: " + *explanation.untrainable, columns);
  text += '\n' + setting(explanation, columns) + '\n';
  const std::string legend = wrapped(fmt::format(kLegend, explanation.batch_size), columns);
  if (explanation.untrainable) {
    text += counts_table(explanation, columns) + legend;
  } else {
    text += layers_table(explanation, columns) + legend;
    text += ops_table(explanation, columns);
  }
  text += bullets("Findings", explanation.findings, columns);
  text += ladder_table(explanation, columns);
  text += threads_table(explanation, columns);
  text += bullets("Assumptions", explanation.assumptions, columns);
  return text;
}

}  // namespace pronghorn::report
