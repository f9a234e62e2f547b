#include "runtime/executable.h"

#include <fmt/format.h>

#include <algorithm>

#include "graph/printer.h"
#include "runtime/profile.h"

namespace pronghorn::runtime {

Executable::Executable(graph::Graph graph, std::vector<Placement> placements,
                       std::vector<Instruction> instructions, std::vector<Chain> chains,
                       std::shared_ptr<AlignedBuffer> arena)
    : graph_(std::move(graph)),
      placements_(std::move(placements)),
      instructions_(std::move(instructions)),
      chains_(std::move(chains)),
      arena_(std::move(arena)) {
  for (const Chain& chain : chains_) {
    std::vector<kernels::Kernel*> kernels;
    for (size_t op = chain.first; op < chain.last; ++op)
      if (instructions_[op].kernel) kernels.push_back(instructions_[op].kernel.get());
    if (kernels.empty()) continue;
    Link& link = links_.emplace_back();
    if (kernels.size() == 1)
      link.alone = kernels[0];
    else
      for (kernels::Kernel* kernel : kernels) link.sliced.push_back(kernel->as_sliced());
  }
}

void Executable::run(const kernels::RunContext& context) const {
  for (const Link& link : links_) {
    if (link.alone != nullptr) {
      link.alone->run(context);
      continue;
    }
    for (kernels::SlicedKernel* kernel : link.sliced) kernel->begin(context);
    context.parallel.for_each(link.sliced[0]->slices().count(), [&](int64_t slice, int thread) {
      for (kernels::SlicedKernel* kernel : link.sliced) kernel->run_slice(context, slice, thread);
    });
    for (kernels::SlicedKernel* kernel : link.sliced) kernel->end(context);
  }
}

void Executable::run(const kernels::RunContext& context, Profile& profile) const {
  const auto run_chain = [&](const std::vector<kernels::SlicedKernel*>& sliced,
                             const kernels::RunContext& of_ops) {
    profile.begin_chain();
    for (size_t op = 0; op < sliced.size(); ++op) {
      profile.begin_part(op);
      sliced[op]->begin(of_ops);
      profile.end_part(op);
    }
    // Each op's tasks are recorded for themselves.
    context.parallel.for_each(sliced[0]->slices().count(), [&](int64_t slice, int thread) {
      int64_t begin = profile.now();
      for (size_t op = 0; op < sliced.size(); ++op) {
        sliced[op]->run_slice(context, slice, thread);
        begin = profile.end_slice(op, thread, begin);
      }
    });
    profile.end_slices();
    for (size_t op = 0; op < sliced.size(); ++op) {
      profile.begin_part(op);
      sliced[op]->end(of_ops);
      profile.end_part(op);
    }
    profile.end_chain(sliced.size());
  };
  const auto run_ops = [&](const kernels::RunContext& of_ops) {
    for (const Link& link : links_) {
      if (link.alone == nullptr) {
        run_chain(link.sliced, of_ops);
        continue;
      }
      link.alone->run(of_ops);
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

std::vector<int> Executable::chain_numbers() const {
  std::vector<int> numbers(instructions_.size());
  int number = 0;
  for (const Chain& chain : chains_) {
    const auto first = instructions_.begin() + static_cast<int64_t>(chain.first);
    const auto last = instructions_.begin() + static_cast<int64_t>(chain.last);
    const auto kernels = std::count_if(
        first, last, [](const Instruction& instruction) { return instruction.kernel != nullptr; });
    if (kernels < 2) continue;
    ++number;
    for (size_t op = chain.first; op < chain.last; ++op) numbers[op] = number;
  }
  return numbers;
}

std::string to_text(const Executable& executable) {
  const std::vector<int> chain_of = executable.chain_numbers();
  graph::PrintNotes notes;
  notes.value = [&](graph::ValueId id) -> std::string {
    const Placement& placement = executable.placement(id);
    if (placement.offset < 0) return "@weights";
    return fmt::format("@{}+{}", placement.offset, executable.graph().value(id).bytes());
  };
  notes.op = [&](size_t op) -> std::string {
    const kernels::Implementation* chosen = executable.instructions()[op].selection.chosen;
    if (chosen == nullptr) return "  [view]";
    return chain_of[op] == 0 ? fmt::format("  [{}]", chosen->name())
                             : fmt::format("  [{}, chain {}]", chosen->name(), chain_of[op]);
  };
  return fmt::format("{}arena: {} bytes (@offset+size, bytes from its begin)\n",
                     graph::to_text(executable.graph(), notes), executable.arena_bytes());
}

}  // namespace pronghorn::runtime
