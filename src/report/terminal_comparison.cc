// What `pronghorn compare` prints.

#include <fmt/format.h>

#include <cmath>
#include <string>

#include "pronghorn/report.h"
#include "report/table.h"
#include "report/text.h"

namespace pronghorn::report {
namespace {

// A quantity of a factor: whole ones in full where that is short, seconds per multiply-accumulate
// with an exponent.
std::string quantity(double number) {
  if (number == 0) return "-";
  if (std::abs(number) < 1e-3) return fmt::format("{:.2e}", number);
  const bool whole = number == std::floor(number) && std::abs(number) < 1e9;
  return whole ? with_commas(static_cast<int64_t>(number)) : compact(number);
}

std::string both(const Comparison& comparison, int columns) {
  const char* const group = "multiply-accumulates";
  Table table({{{"model"}, true, 0, 12, ""},
               {{"parameters"}, false, 0, 0, ""},
               {{"forward"}, false, 0, 0, group},
               {{"training"}, false, 0, 0, group},
               {{"ms a step", "predicted"}, false, comparison.measured ? 1 : 0, 0, ""},
               {{"ms a step", "measured"}, false, comparison.measured ? 0 : 1, 0, ""},
               {{"an epoch"}, false, 0, 0, ""}});
  for (const Explanation* side : {&comparison.a, &comparison.b}) {
    table.add_row({side->model, with_commas(side->parameters),
                   with_commas(side->forward_multiply_accumulates),
                   with_commas(side->training_multiply_accumulates),
                   milliseconds(side->predicted.seconds),
                   side->profile ? milliseconds(side->profile->step_seconds.median) : "-",
                   duration(side->step_seconds() * static_cast<double>(side->steps_per_epoch()))});
  }
  const Explanation& a = comparison.a;
  return table.to_string(columns) +
         wrapped(fmt::format("Multiply-accumulates (one is 2 flops) are those of an image. Batch "
                             "size {}, {} thread{}, "
                             "optimizer {}, epochs of {} samples; machine: {}, {}.",
                             a.batch_size, a.threads, a.threads == 1 ? "" : "s", a.optimizer,
                             with_commas(a.samples), a.machine.cpu, a.machine.instruction_set),
                 columns);
}

std::string factors(const Comparison& comparison, int columns) {
  Table table({{{"factor"}, true, 0, 24, ""},
               {{comparison.a.model}, false, 1, 10, ""},
               {{comparison.b.model}, false, 1, 10, ""},
               {{"ratio"}, false, 0, 0, ""}});
  double product = 1;
  for (const Factor& factor : comparison.factors) {
    table.add_row(
        {factor.name, quantity(factor.a), quantity(factor.b), fmt::format("{:.3f}", factor.ratio)});
    product *= factor.ratio;
  }
  table.add_rule();
  table.add_row({"their product", "", "", fmt::format("{:.3f}", product)});
  table.add_row({comparison.measured ? "step time, measured" : "step time, predicted",
                 milliseconds(comparison.a.step_seconds()) + " ms",
                 milliseconds(comparison.b.step_seconds()) + " ms",
                 fmt::format("{:.3f}", comparison.ratio)});
  std::string text = fmt::format("\nWhat the ratio is made of\n{}", table.to_string(columns));
  for (const Factor& factor : comparison.factors)
    if (!factor.what.empty())
      text += wrapped(fmt::format("- {}: {}", factor.name, factor.what), columns, 2);
  return text;
}

std::string layers(const Comparison& comparison, int columns) {
  if (comparison.layers.empty()) return "";
  Table table({{{"model"}, true, 0, 12, ""},
               {{"layer"}, true, 0, 12, ""},
               {{"ms"}, false, 0, 0, ""},
               {{"of the", "difference"}, false, 0, 0, ""}});
  // Of deep models the small ones would be most of the table.
  constexpr double kSmall = 0.005;
  LayerDifference rest;
  int small = 0;
  for (const LayerDifference& layer : comparison.layers) {
    if (std::abs(layer.share) >= kSmall) {
      table.add_row({layer.model, layer.layer, milliseconds(layer.seconds), percent(layer.share)});
      continue;
    }
    rest.seconds += layer.seconds;
    rest.share += layer.share;
    ++small;
  }
  if (small > 0) {
    table.add_row({"both", fmt::format("{} of less than {} each", small, percent(kSmall)),
                   milliseconds(rest.seconds), percent(rest.share)});
  }
  return fmt::format("\nWhich layers the difference of a step comes from\n{}",
                     table.to_string(columns));
}

}  // namespace

std::string terminal(const Comparison& comparison, int columns) {
  std::string text = wrapped(comparison.answer, columns) + '\n';
  text += both(comparison, columns);
  text += factors(comparison, columns);
  text += layers(comparison, columns);
  for (const std::string* paragraph :
       {&comparison.paragraph, &comparison.of_parameters, &comparison.of_threads})
    if (!paragraph->empty()) text += '\n' + wrapped(*paragraph, columns);
  text += bullets("Assumptions", comparison.b.assumptions, columns);
  return text;
}

}  // namespace pronghorn::report
