// What `pronghorn train --profile` prints, and the side-by-side of `explain --what-if`.

#include <fmt/format.h>

#include <string>
#include <vector>

#include "pronghorn/report.h"
#include "report/table.h"
#include "report/text.h"

namespace pronghorn::report {

std::string terminal(const StepProfile& profile, int columns) {
  const double step = profile.step_seconds.median;
  std::string text = wrapped(
      fmt::format("A step of {} images on {} thread{} takes {} (median of {} steps, middle half {} "
                  "to {}); its ops account for {:.1f}% of that.",
                  profile.batch_size, profile.threads, profile.threads == 1 ? "" : "s",
                  duration(step), profile.steps, duration(profile.step_seconds.low),
                  duration(profile.step_seconds.high), profile.coverage * 100),
      columns);
  Table table({{{"op"}, true, 0, 14, ""},
               {{"layer"}, true, 0, 10, ""},
               {{"phase"}, true, 1, 0, ""},
               {{"kernel"}, true, 0, 14, ""},
               {{"ms"}, false, 0, 0, ""},
               {{"middle half"}, false, 2, 0, ""},
               {{"share"}, false, 0, 0, ""}});
  for (const OpTime& op : profile.ops) {
    table.add_row(
        {op.kind, op.layer.empty() ? "-" : op.layer, std::string(short_phase(op.phase)), op.kernel,
         milliseconds(op.seconds.median),
         fmt::format("{}-{}", milliseconds(op.seconds.low), milliseconds(op.seconds.high)),
         step > 0 ? percent(op.seconds.median / step) : "-"});
  }
  if (!table.empty()) text += '\n' + table.to_string(columns);
  std::string counters;
  for (const auto& [name, count] : profile.counters)
    counters += fmt::format("{}{} {}", counters.empty() ? "" : ", ", compact(count), name);
  if (!counters.empty())
    text +=
        wrapped(fmt::format("The CPU counted, a step, over all threads: {}.", counters), columns);
  return text;
}

std::string terminal(const std::vector<Variant>& variants, int columns) {
  if (variants.empty()) return "";
  Table table({{{"what if"}, true, 0, 16, ""},
               {{"batch", "size"}, false, 2, 0, ""},
               {{"threads"}, false, 2, 0, ""},
               {{"parameters"}, false, 1, 0, ""},
               {{"multiply-accumulates", "per image, training"}, false, 0, 0, ""},
               {{"ms a", "step"}, false, 0, 0, ""},
               {{"us an", "image"}, false, 0, 0, ""},
               {{"an epoch"}, false, 0, 0, ""},
               {{"times", "as long"}, false, 0, 0, ""}});
  const double first = variants.front().epoch_seconds;
  std::string impossible;
  for (const Variant& variant : variants) {
    if (!variant.impossible.empty()) {
      table.add_row({variant.name, "-", "-", "-", "-", "-", "-", "-", "-"});
      impossible += wrapped(fmt::format("- {}: {}", variant.name, variant.impossible), columns, 2);
      continue;
    }
    const double per_image =
        variant.batch_size > 0 ? variant.step_seconds / static_cast<double>(variant.batch_size) : 0;
    table.add_row(
        {variant.name, std::to_string(variant.batch_size), std::to_string(variant.threads),
         with_commas(variant.parameters), with_commas(variant.training_multiply_accumulates),
         milliseconds(variant.step_seconds), compact(per_image * 1e6),
         duration(variant.epoch_seconds), first > 0 ? times(variant.epoch_seconds / first) : "-"});
  }
  std::string text = "What if, predicted\n" + table.to_string(columns);
  if (!impossible.empty()) text += "No such model:\n" + impossible;
  text += wrapped(
      "One multiply-accumulate is 2 flops. \"Times as long\" compares epochs with the first row.",
      columns);
  return text;
}

}  // namespace pronghorn::report
