// Where a training step's time goes: each op's median (on one thread of the thread's own time), and
// the ratio of the whole step to the sum of its oneDNN ops run alone. Whole steps and ops are
// interleaved, on the same data.
//
//   build/release/bench/bench_step_by_op mnist-cnn 128 1 [rounds]

#include <fmt/format.h>

#include <cstdlib>
#include <vector>

#include "compiled_step.h"
#include "graph/op_kind.h"
#include "stopwatch.h"

using pronghorn::bench::median;

namespace {

// One thread's own time, which others on the machine change least; several threads' elapsed time.
double milliseconds(int threads) {
  if (threads == 1) return pronghorn::bench::thread_milliseconds();
  return pronghorn::bench::milliseconds_since({});
}

}  // namespace

int main(int argc, char** argv) {
  const std::string model = argc > 1 ? argv[1] : "mnist-cnn";
  const int64_t batch = argc > 2 ? std::atol(argv[2]) : 128;
  const int threads = argc > 3 ? std::atoi(argv[3]) : 1;
  const int rounds = argc > 4 ? std::atoi(argv[4]) : 41;
  pronghorn::bench::CompiledStep step(model, batch, threads);
  const pronghorn::runtime::Executable& executable = step.executable();
  const pronghorn::Parallel parallel(threads);

  std::vector<double> whole, onednn_alone;
  std::vector<std::vector<double>> by_op(executable.instructions().size());
  for (int round = -3; round < rounds; ++round) {
    const double step_start = milliseconds(threads);
    step.run();
    const double step_ms = milliseconds(threads) - step_start;
    const double family_start = milliseconds(threads);
    step.run_family(pronghorn::kernels::Family::kOnednn);
    const double family_ms = milliseconds(threads) - family_start;
    std::vector<double> ops;
    for (const auto& instruction : executable.instructions()) {
      const double start = milliseconds(threads);
      if (instruction.kernel) instruction.kernel->run({parallel, 1, 0, 1e-3f});
      ops.push_back(milliseconds(threads) - start);
    }
    if (round < 0) continue;  // warm-up
    whole.push_back(step_ms);
    onednn_alone.push_back(family_ms);
    for (size_t i = 0; i < ops.size(); ++i) by_op[i].push_back(ops[i]);
  }

  fmt::print("{}, batch {}, {} threads, medians of {} rounds\n", model, batch, threads, rounds);
  fmt::print("{:>9} {:>6} {:>14}  {}\n", "ms", "%", "MAC/s", "op");
  const double step_ms = median(whole);
  for (size_t i = 0; i < by_op.size(); ++i) {
    const auto& instruction = executable.instructions()[i];
    if (!instruction.kernel) continue;
    const pronghorn::graph::Op& op = executable.graph().ops[instruction.op];
    const double ms = median(by_op[i]);
    const auto macs =
        static_cast<double>(pronghorn::graph::cost(executable.graph(), op).multiply_accumulates);
    fmt::print("{:9.4f} {:6.2f} {:14.3e}  {} of '{}' {} [{}]\n", ms, 100 * ms / step_ms,
               macs / ms * 1e3, op.kind->name(), op.layer, pronghorn::graph::to_string(op.epilogue),
               instruction.selection.chosen->name());
  }
  fmt::print("whole step {:.4f} ms; its oneDNN ops alone {:.4f} ms; ratio {:.3f}\n", step_ms,
             median(onednn_alone), step_ms / median(onednn_alone));
  return 0;
}
