// How well step times are foreseen: for each model, batch size and number of threads, the predicted
// and the measured time of a training step. Nothing of what is measured here went into the
// predictions; the machine's numbers come from `pronghorn machine`.
//
//   build/release/bench/bench_prediction [--machine FILE] [--model NAME] [--batch B] [--threads T]
//                                        [--ops] [--remeasure] [--passes N]
//                                        [--write docs/prediction.md]

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "cost/model_step.h"
#include "cost/prediction.h"
#include "models.h"
#include "platform/parallel.h"
#include "pronghorn/error.h"
#include "pronghorn/machine.h"

namespace {

using namespace pronghorn;

struct Options {
  std::string machine;
  std::string model;
  std::vector<int64_t> batches{1, 32, 128, 512};
  std::vector<int> threads{1, 2};
  bool ops = false;
  bool remeasure = false;
  double seconds = 0.7;
  int passes = 1;
  std::string write;
};

struct Row {
  std::string model;
  int64_t batch;
  int threads;
  double predicted;
  double measured;

  double error() const { return predicted / measured - 1; }
};

void print_ops(const compiler::OptimizedGraph& optimized,
               const std::vector<Prediction>& predictions, const StepProfile& profile) {
  size_t measured = 0;
  for (size_t i = 0; i < optimized.graph.ops.size(); ++i) {
    const kernels::Implementation* const chosen = optimized.selections[i].chosen;
    if (chosen == nullptr) continue;
    const OpTime& time = profile.ops[measured++];
    const Prediction& p = predictions[i];
    fmt::print(
        "    {:9.1f} {:9.1f} us {:+6.0f}%  arithmetic {:9.1f} memory {:8.1f} overhead {:6.1f}"
        "  {} '{}' {}\n",
        p.seconds * 1e6, time.seconds.median * 1e6, 100 * (p.seconds / time.seconds.median - 1),
        p.arithmetic * 1e6, p.memory * 1e6, p.overhead * 1e6, chosen->name(),
        optimized.graph.ops[i].layer, graph::to_string(optimized.graph.ops[i].epilogue));
  }
}

// The median magnitude and the largest.
std::pair<double, double> errors(const std::vector<Row>& rows) {
  std::vector<double> magnitudes;
  for (const Row& row : rows) magnitudes.push_back(std::abs(row.error()));
  std::sort(magnitudes.begin(), magnitudes.end());
  return {magnitudes[magnitudes.size() / 2], magnitudes.back()};
}

std::string page(const std::vector<Row>& rows, const Machine& machine, const Options& options) {
  const auto [median, largest] = errors(rows);
  std::string text = fmt::format(
      "# How well step times are foreseen\n\n"
      "Written by `build/release/bench/bench_prediction{}{} --write docs/prediction.md`, on\n"
      "{} ({} CPUs, {}). Predicted: from the shapes of the step's ops and this machine's\n"
      "numbers (`pronghorn machine`), before anything of the model ran. Measured: the median of\n"
      "the steps that then ran, on random data{}.\n"
      "Where the CPUs are (a virtual machine's move: on one core, on neighbours, on distant ones)\n"
      "is measured before each row of two threads, and the row is repeated where it changed. The\n"
      "zoo's models, and three that the project has nowhere else (`bench/models.cc`): a VGG-like\n"
      "net and ResNet-20 on 32x32x3, and an MLP of ten layers of 64.\n\n"
      "Median error {:.1f} %, largest {:.1f} %, of {} steps.\n\n"
      "| model | batch | threads | predicted ms | measured ms | error "
      "|\n|---|---|---|---|---|---|\n",
      options.remeasure ? " --remeasure" : "",
      options.passes > 1 ? fmt::format(" --passes {}", options.passes) : "", machine.cpu,
      machine.cpus, machine.instruction_set,
      options.passes > 1
          ? fmt::format("; of {} passes over the table that\nwith the fastest steps, since other "
                        "machines' work on the host only makes them slower",
                        options.passes)
          : "",
      100 * median, 100 * largest, rows.size());
  for (const Row& row : rows)
    text += fmt::format("| {} | {} | {} | {:.4g} | {:.4g} | {:+.0f} % |\n", row.model, row.batch,
                        row.threads, row.predicted * 1e3, row.measured * 1e3, 100 * row.error());
  return text;
}

// Keeps all CPUs busy for a while: a virtual machine's that were idle take seconds to come back.
void wake_cpus() {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::seconds(3);
  Parallel(0).for_each(available_cpus(), [end](int64_t, int) {
    while (Clock::now() < end) {
    }
  });
}

Row run(const bench::NamedModel& named, const Options& options, const Machine& machine,
        const cost::Reach& reach, int64_t batch, int threads) {
  CompileConfig config;
  config.optimizer = optimizer("rmsprop");
  const cost::ModelStep step(named.model, config, batch);
  const compiler::OptimizedGraph optimized = step.optimize(threads, step.policy());
  const std::vector<Prediction> predictions =
      cost::predict(cost::to_predict(optimized), machine, reach, threads);
  const StepProfile profile =
      step.measure(*step.compile(threads), threads, {.least_steps = 5, .seconds = options.seconds});
  const Row row{named.name, batch, threads, cost::sum(predictions).seconds,
                profile.step_seconds.median};
  fmt::print("{:16} batch {:4} threads {}: predicted {:9.4f} ms, measured {:9.4f} ms, {:+.1f} %\n",
             row.model, batch, threads, row.predicted * 1e3, row.measured * 1e3, 100 * row.error());
  if (options.ops) print_ops(optimized, predictions, profile);
  std::fflush(stdout);
  return row;
}

// The CPUs of a virtual machine may be on one core now, on neighbouring or on distant ones a second
// later: threads then take another time, for which the prediction was not made.
bool same_places(const Machine& before, const Machine& after) {
  const auto alike = [](double a, double b, double factor) {
    return std::max(a, b) <= factor * std::min(a, b);
  };
  for (size_t i = 0; i < before.teams.size(); ++i) {
    const Machine::Team &a = before.teams[i], &b = after.teams[i];
    if (!alike(a.peak_flops, b.peak_flops, 1.25)) return false;
    for (size_t level = 0; level < 2; ++level)
      if (!alike(a.exchange[level].write, b.exchange[level].write, 2)) return false;
  }
  return true;
}

// A row; again, where the CPUs moved meanwhile.
Row run_in_place(const bench::NamedModel& named, const Options& options, Machine& machine,
                 const cost::Reach& reach, int64_t batch, int threads) {
  if (!options.machine.empty() || threads == 1)
    return run(named, options, machine, reach, batch, threads);
  constexpr int kMostTries = 5;
  for (int i = 1;; ++i) {
    measure_placement(machine);
    const Machine before = machine;
    const Row row = run(named, options, machine, reach, batch, threads);
    measure_placement(machine);
    if (same_places(before, machine) || i == kMostTries) return row;
    fmt::print("(the CPUs moved meanwhile: again)\n");
  }
}

}  // namespace

int main(int argc, char** argv) try {
  Options options;
  CLI::App app{"How well step times are foreseen"};
  app.add_option("--machine", options.machine, "Another machine's file");
  app.add_option("--model", options.model, "Only this one");
  app.add_option("--batch", options.batches, "Batch sizes")->delimiter(',');
  app.add_option("--threads", options.threads, "Numbers of threads")->delimiter(',');
  app.add_option("--seconds", options.seconds, "That each step is measured for");
  app.add_option("--passes", options.passes,
                 "Over the table; of each row the pass counts in which its steps were fastest")
      ->check(CLI::Range(1, 100));
  app.add_flag("--ops", options.ops, "Each op, too");
  app.add_flag(
      "--remeasure", options.remeasure,
      "Measures the machine anew before each model: for machines whose speed changes, since "
      "others use them too");
  app.add_option("--write", options.write, "Where the page is written");
  CLI11_PARSE(app, argc, argv);

  Machine machine = options.machine.empty() ? this_machine() : load_machine(options.machine);
  wake_cpus();
  std::vector<Row> rows;
  for (int pass = 0; pass < options.passes; ++pass) {
    size_t row = 0;
    for (const bench::NamedModel& named : bench::zoo_and_others()) {
      if (!options.model.empty() && named.name != options.model) continue;
      if (options.remeasure) machine = measure_machine();
      const cost::Reach reach(machine);
      for (const int64_t batch : options.batches)
        for (const int threads : options.threads) {
          const Row found = run_in_place(named, options, machine, reach, batch, threads);
          // What else runs on the machine can only make steps slower.
          if (pass == 0)
            rows.push_back(found);
          else if (found.measured < rows[row].measured)
            rows[row] = found;
          ++row;
        }
    }
  }
  if (rows.empty()) throw ArgumentError(fmt::format("no model is called '{}'", options.model));
  const auto [median, largest] = errors(rows);
  fmt::print("median error {:.1f} %, largest {:.1f} %\n", 100 * median, 100 * largest);
  if (!options.write.empty()) std::ofstream(options.write) << page(rows, machine, options);
  return 0;
} catch (const pronghorn::Error& error) {
  fmt::print(stderr, "bench_prediction: {}\n", error.what());
  return 1;
}
