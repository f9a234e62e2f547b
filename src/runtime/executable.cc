#include "runtime/executable.h"

#include <fmt/format.h>

#include "graph/printer.h"
#include "runtime/profile.h"

namespace pronghorn::runtime {

void Executable::run(const kernels::RunContext& context, Profile& profile) const {
  const auto run_ops = [&](const kernels::RunContext& of_ops) {
    for (const Instruction& instruction : instructions_) {
      if (!instruction.kernel) continue;
      instruction.kernel->run(of_ops);
      profile.end_op();
    }
  };
  profile.begin_step(*this, context);
  if (LoopRecorder* const recorder = profile.recorder()) {
    const Parallel recorded(context.parallel, *recorder);
    run_ops({recorded, context.seed, context.step, context.learning_rate});
  } else {
    run_ops(context);
  }
  profile.end_step();
}

std::string to_text(const Executable& executable) {
  graph::PrintNotes notes;
  notes.value = [&](graph::ValueId id) -> std::string {
    const Placement& placement = executable.placement(id);
    if (placement.offset < 0) return "@weights";
    return fmt::format("@{}+{}", placement.offset, executable.graph().value(id).bytes());
  };
  notes.op = [&](size_t op) -> std::string {
    const kernels::Implementation* chosen = executable.instructions()[op].selection.chosen;
    return chosen == nullptr ? "  [view]" : fmt::format("  [{}]", chosen->name());
  };
  return fmt::format("{}arena: {} bytes (@offset+size, bytes from its begin)\n",
                     graph::to_text(executable.graph(), notes), executable.arena_bytes());
}

}  // namespace pronghorn::runtime
