// What `pronghorn tune` prints.

#include <fmt/format.h>

#include <string>

#include "pronghorn/report.h"
#include "report/table.h"
#include "report/text.h"

namespace pronghorn::report {
namespace {

// What a candidate is among those of its op.
std::string mark(const TunedOp& op, const CandidateTime& candidate) {
  const bool selected = candidate.kernel == op.selected, chosen = candidate.kernel == op.chosen;
  if (selected && chosen) return "selected";
  if (selected) return "selected, not chosen";
  return chosen ? "chosen" : "";
}

std::string signed_milliseconds(double seconds) {
  if (seconds == 0) return "";
  return (seconds < 0 ? "-" : "+") + milliseconds(seconds < 0 ? -seconds : seconds);
}

}  // namespace

std::string terminal(const Tuning& tuning, int columns, bool refusals) {
  std::string text = wrapped(
      fmt::format("{}, batch {}, {} thread{}, {}: a training step takes {} with the kernels that "
                  "selection chooses, {} with those chosen here ({} times as fast).",
                  tuning.model, tuning.batch_size, tuning.threads, tuning.threads == 1 ? "" : "s",
                  tuning.cpu, duration(tuning.selected_seconds), duration(tuning.chosen_seconds),
                  tuning.chosen_seconds > 0
                      ? fmt::format("{:.2f}", tuning.selected_seconds / tuning.chosen_seconds)
                      : "-"),
      columns);
  if (tuning.ops.empty()) return text + "No op has more than one kernel to choose from.\n";
  Table table({{{"op"}, true, 0, 14, ""},
               {{"layer"}, true, 2, 10, ""},
               {{"phase"}, true, 1, 0, ""},
               {{"output"}, true, 3, 0, ""},
               {{"kernel"}, true, 0, 20, ""},
               {{"ms"}, false, 0, 0, ""},
               {{"elsewhere"}, false, 1, 0, ""},
               {{"to the", "fastest"}, false, 0, 0, ""},
               {{""}, true, 0, 0, ""}});
  std::string reasons;
  for (const TunedOp& op : tuning.ops) {
    const double fastest = op.candidates.front().total();
    bool first = true;
    for (const CandidateTime& candidate : op.candidates) {
      table.add_row({first ? op.kind : "", first ? op.layers : "", first ? op.phase : "",
                     first ? op.output : "", candidate.kernel, milliseconds(candidate.seconds),
                     signed_milliseconds(candidate.elsewhere),
                     fastest > 0 ? fmt::format("{:.2f}", candidate.total() / fastest) : "-",
                     mark(op, candidate)});
      first = false;
    }
    for (const RefusedKernel& refused : op.refused)
      reasons += wrapped(
          fmt::format("- {} ({}): {}: {}", op.kind, op.layers, refused.kernel, refused.reason),
          columns, 2);
  }
  text += '\n' + table.to_string(columns);
  text += wrapped(
      "Medians in place. \"Elsewhere\" is what a kernel's layout costs other ops: reorders, and "
      "ops that then run in another layout. Another kernel than the selected one is chosen where "
      "it "
      "is faster by more than 3%.",
      columns);
  if (refusals && !reasons.empty()) text += "\nNot measured\n" + reasons;
  return text;
}

}  // namespace pronghorn::report
