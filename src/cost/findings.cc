#include "cost/findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/number_text.h"

namespace pronghorn::cost {
namespace {

constexpr int kForward = 0, kToData = 1, kToWeights = 2, kUpdate = 3;

double share(double part, double whole) { return whole > 0 ? part / whole : 0; }

// Of a phase, over all layers.
double phase_seconds(const Explanation& e, int phase) {
  double sum = 0;
  for (const OpCost& op : e.ops)
    if (op.phase == phase) sum += seconds_of(op);
  return sum;
}

// "takes" where it was measured, "would take" where it is foreseen.
std::string time_text(const Explanation& e) {
  const double epoch = e.step_seconds() * static_cast<double>(e.steps_per_epoch());
  std::string text =
      fmt::format("A training step of {} (batch {}, {} thread{}) takes {}{}", e.model,
                  with_commas(e.batch_size), e.threads, e.threads == 1 ? "" : "s",
                  duration(e.step_seconds()), e.profile ? "" : " (predicted)");
  if (e.profile) text += fmt::format(" ({} predicted)", duration(e.predicted.seconds));
  return text + fmt::format(", an epoch of {} samples {}", with_commas(e.samples), duration(epoch));
}

// What a layer's time goes into, most of it.
Bound bound_of(const Explanation& e, const LayerCost& layer) {
  std::array<double, 6> by_bound{};
  for (const size_t op : layer.ops)
    by_bound[static_cast<size_t>(e.ops[op].predicted.bound)] += e.ops[op].predicted.seconds;
  return static_cast<Bound>(std::max_element(by_bound.begin(), by_bound.end()) - by_bound.begin());
}

std::string what_bounds(Bound bound) {
  switch (bound) {
    case Bound::kArithmetic:
      return "arithmetic";
    case Bound::kOverhead:
      return "starting and ending its parallel loops";
    default:
      return fmt::format("moving data ({})", to_string(bound));
  }
}

std::string uses_text(const LayerCost& layer) {
  if (layer.uses_per_weight == 0) return "";
  if (layer.uses_per_weight < 1.5) return "each of its weights is used once per image";
  return fmt::format(
      "each of its weights is used {} times per image, where a Dense layer uses one "
      "once",
      with_commas(std::llround(layer.uses_per_weight)));
}

void add_answer(Explanation& e) {
  const LayerCost* const slowest = slowest_layer(e);
  if (slowest == nullptr) {
    e.answer = time_text(e) + ".";
    return;
  }
  const double part = share(slowest->seconds(), e.step_seconds());
  e.answer = fmt::format("{}: {} of it goes into {} ({})", time_text(e), percent(part),
                         slowest->name, slowest->type);
  if (part < 0.3) e.answer += ", more than into any other layer";
  const double macs = share(static_cast<double>(slowest->total.multiply_accumulates),
                            static_cast<double>(e.total.multiply_accumulates));
  if (macs > 0)
    e.answer +=
        fmt::format(", which does {} of the {} multiply-accumulates ({} flops) of a step",
                    percent(macs), compact(static_cast<double>(e.total.multiply_accumulates)),
                    compact(2 * static_cast<double>(e.total.multiply_accumulates)));
  const std::string uses = uses_text(*slowest);
  e.answer += uses.empty() ? "." : fmt::format("; {}.", uses);
}

// Which op of all takes the most, and what it waits for.
void add_slowest_op(Explanation& e) {
  const auto slowest = std::max_element(
      e.ops.begin(), e.ops.end(),
      [](const OpCost& a, const OpCost& b) { return seconds_of(a) < seconds_of(b); });
  if (slowest == e.ops.end()) return;
  const double seconds = seconds_of(*slowest);
  e.findings.push_back(fmt::format(
      "The slowest op is {} of {} ({}, {}): {}, {} of the step. What bounds it is {}; its {} "
      "useful "
      "flops a second are {} of the peak of {} thread{}.",
      slowest->kind, slowest->layer.empty() ? "the loss" : slowest->layer,
      phase_name(slowest->phase), slowest->kernel, duration(seconds),
      percent(share(seconds, e.step_seconds())), what_bounds(slowest->predicted.bound),
      compact(static_cast<double>(slowest->work.flops()) / seconds),
      percent(e.share_of_peak(slowest->work, seconds)), e.threads, e.threads == 1 ? "" : "s"));
}

void add_backward(Explanation& e) {
  const auto macs = [&](int phase) {
    return static_cast<double>(e.by_phase[static_cast<size_t>(phase)].multiply_accumulates);
  };
  const double backward = macs(kToData) + macs(kToWeights);
  if (macs(kForward) == 0 || backward == 0) return;
  const double ratio = backward / macs(kForward);
  std::string text =
      fmt::format("Backward does {} times forward's multiply-accumulates ({} and {} per image)",
                  times(ratio), compact(backward / static_cast<double>(e.batch_size)),
                  compact(macs(kForward) / static_cast<double>(e.batch_size)));
  if (ratio < 1.995)
    text +=
        ": each layer has two gradients, one to its data and one to its weights, but the first "
        "needs none to its data";
  const double forward_seconds = phase_seconds(e, kForward);
  if (forward_seconds > 0)
    text += fmt::format(
        "; it takes {} times as long",
        times((phase_seconds(e, kToData) + phase_seconds(e, kToWeights)) / forward_seconds));
  e.findings.push_back(text + ".");
}

void add_less_arithmetic(Explanation& e) {
  const auto named = static_cast<double>(e.total.multiply_accumulates);
  const auto executed = static_cast<double>(e.total.executed_multiply_accumulates);
  if (named == 0 || executed > 0.99 * named) return;
  const auto runs = [&](std::string_view ending) {
    return std::any_of(e.ops.begin(), e.ops.end(),
                       [&](const OpCost& op) { return op.kernel.ends_with(ending); });
  };
  const bool winograd = runs(".winograd"), sparse = runs(".sparse");
  e.findings.push_back(fmt::format(
      "The kernels execute {}{} of the {} multiply-accumulates that the layers name ({}){}{}.",
      sparse ? "at most " : "", compact(executed), compact(named), percent(executed / named),
      winograd ? ": Winograd's convolution makes a 4x4 tile of outputs with 36 products instead of "
                 "144, for additions before and after"
               : "",
      sparse ? fmt::format("{} gradients behind a max-pooling are zero but for one element of each "
                           "window, and the zeros are skipped",
                           winograd ? ";" : ":")
             : ""));
}

// The layer of some weight in the step that is farthest from the peak.
void add_farthest(Explanation& e) {
  const LayerCost* farthest = nullptr;
  double least = 0.5;  // nearer than half is no finding
  for (const LayerCost& layer : e.layers) {
    if (share(layer.seconds(), e.step_seconds()) < 0.04 || layer.ops.empty()) continue;
    const double reached = e.share_of_peak(layer.total, layer.seconds());
    if (reached >= least) continue;
    least = reached;
    farthest = &layer;
  }
  if (farthest == nullptr) return;
  const Bound bound = bound_of(e, *farthest);
  std::string text = fmt::format(
      "{} is farthest from the machine's peak: {} of it for {} of the step", farthest->name,
      percent(least), percent(share(farthest->seconds(), e.step_seconds())));
  if (bound == Bound::kArithmetic && farthest->total.multiply_accumulates > 0) {
    text += fmt::format(
        ". Arithmetic bounds it, but its kernels reach no more at these shapes ({} output)",
        farthest->output_shape);
  } else if (bound == Bound::kArithmetic) {
    text +=
        ". It has no multiply-accumulates; its instructions are comparisons, conversions, "
        "loads and stores";
  } else {
    text += fmt::format(". Between it and the peak stands {}: it does {} flops per byte",
                        what_bounds(bound), times(farthest->total.intensity()));
  }
  e.findings.push_back(text + ".");
}

void add_update_and_dropout(Explanation& e, const SentenceNumbers& numbers) {
  const double update = phase_seconds(e, kUpdate);
  const auto fused = std::count_if(e.ops.begin(), e.ops.end(), is_fused_update);
  if (fused > 0)
    e.findings.push_back(fmt::format(
        "The optimizer ({}) updates {} parameters. {} of its updates {} done by the products that "
        "compute their gradients, and {} no time of {} own; the others take {} of the step. "
        "Weights and slots need {} of memory.",
        e.optimizer, with_commas(e.parameters), fused, fused == 1 ? "is" : "are",
        fused == 1 ? "has" : "have", fused == 1 ? "its" : "their",
        percent(share(update, e.step_seconds())),
        compact(static_cast<double>(e.parameters * 4 + e.optimizer_bytes)) + "B"));
  else if (update > 0)
    e.findings.push_back(fmt::format(
        "The optimizer ({}) updates {} parameters and takes {} of the step: that, and {} of memory "
        "for weights and its slots, are what the number of parameters decides.",
        e.optimizer, with_commas(e.parameters), percent(share(update, e.step_seconds())),
        compact(static_cast<double>(e.parameters * 4 + e.optimizer_bytes)) + "B"));
  if (numbers.dropout_seconds > 0)
    e.findings.push_back(
        fmt::format("Dropout's random numbers, forward and backward, take about {} of the step "
                    "({}, predicted).",
                    percent(share(numbers.dropout_seconds, e.predicted.seconds)),
                    duration(numbers.dropout_seconds)));
}

void add_overhead(Explanation& e) {
  const double part = share(e.predicted.overhead, e.predicted.seconds);
  double tiny = 0;
  int count = 0;
  for (const OpCost& op : e.ops)
    if (seconds_of(op) < 5e-6) {
      tiny += seconds_of(op);
      ++count;
    }
  e.findings.push_back(fmt::format(
      "At batch size {}, {} of the predicted step is overhead of threads (starting loops, and "
      "waiting for the last to end); {} of {} ops take less than 5 us each, {} of the step "
      "together.",
      with_commas(e.batch_size), percent(part), count, e.ops.size(),
      percent(share(tiny, e.step_seconds()))));
}

// Where a quicker kind of kernel stood aside.
void add_refusals(Explanation& e) {
  if (e.kernels != "auto") return;  // others stood aside because they were told to
  const OpCost* worst = nullptr;
  for (const OpCost& op : e.ops)
    if (!op.refused.empty() && share(seconds_of(op), e.step_seconds()) > 0.1 &&
        (worst == nullptr || seconds_of(op) > seconds_of(*worst)))
      worst = &op;
  if (worst == nullptr) return;
  e.findings.push_back(fmt::format("{} of {} runs {} because {} can't take it: {}.", worst->kind,
                                   worst->layer, worst->kernel, worst->refused.front().kernel,
                                   worst->refused.front().reason));
}

void add_error(Explanation& e) {
  if (!e.profile) return;
  const double error = e.predicted.seconds / e.profile->step_seconds.median - 1;
  const OpCost* worst = nullptr;
  const auto gap = [](const OpCost& op) {
    return std::abs(op.predicted.seconds - op.measured->median);
  };
  for (const OpCost& op : e.ops)
    if (op.measured && (worst == nullptr || gap(op) > gap(*worst))) worst = &op;
  std::string text = fmt::format("The prediction is {} {} the measured step",
                                 percent(std::abs(error)), error < 0 ? "below" : "above");
  if (worst != nullptr && std::abs(error) > 0.02)
    text += fmt::format(
        "; the largest part of the difference is {} of {} ({} predicted, {} "
        "measured)",
        worst->kind, worst->layer.empty() ? "the loss" : worst->layer,
        duration(worst->predicted.seconds), duration(worst->measured->median));
  e.findings.push_back(text + ".");
}

void add_assumptions(Explanation& e) {
  const Machine::Team team = e.machine.team(e.threads);
  e.assumptions.push_back(
      fmt::format("The machine: {} ({} CPUs, {}); {} flops a second at the peak of {} thread{}, "
                  "{}B/s from DRAM.",
                  e.machine.cpu, e.machine.cpus, e.machine.instruction_set,
                  compact(team.peak_flops), e.threads, e.threads == 1 ? "" : "s",
                  compact(team.bandwidth[static_cast<size_t>(MemoryLevel::kDram)].read)));
  e.assumptions.push_back(
      "One multiply-accumulate is two flops. Useful work is what the layers name; bytes are each "
      "input read once and each output written once.");
  e.assumptions.push_back(
      "A step is forward, backward and update of one batch; copying the batch, metrics, validation "
      "and other programs on the machine come on top.");
  if (e.threads > 1)
    e.assumptions.push_back(
        "What threads must fetch from each other's caches, weights and gradients above all, is "
        "foreseen at the rate that this program's CPUs have now; a virtual machine's move.");
  e.assumptions.push_back(
      "What is fused counts where it runs: a dropout or relu in the epilogue of a layer's product "
      "is "
      "that layer's time.");
  if (std::any_of(e.ops.begin(), e.ops.end(),
                  [](const OpCost& op) { return op.kernel.ends_with(".sparse"); }))
    e.assumptions.push_back(
        "How long kernels take that skip zeros depends on the data; they are predicted as if six "
        "in ten pooling windows had a gradient.");
  if (!e.profile)
    e.assumptions.push_back(
        "Times are predicted from the shapes of the ops and this machine's numbers; --measure runs "
        "the step.");
  else
    e.assumptions.push_back(fmt::format(
        "Measured: medians of {} steps on random data; the ops account for {} of the steps' wall "
        "time.",
        e.profile->steps, percent(e.profile->coverage)));
  if (e.threads > e.machine.cpus)
    e.assumptions.push_back(fmt::format(
        "{} threads on {} CPUs: predicted as if there were {}, since threads beyond the CPUs only "
        "take turns.",
        e.threads, e.machine.cpus, e.machine.cpus));
}

}  // namespace

double seconds_of(const OpCost& op) {
  return op.measured ? op.measured->median : op.predicted.seconds;
}

bool is_fused_update(const OpCost& op) { return op.kind == "matmul_update"; }

const LayerCost* slowest_layer(const Explanation& explanation) {
  const auto found = std::max_element(
      explanation.layers.begin(), explanation.layers.end(),
      [](const LayerCost& a, const LayerCost& b) { return a.seconds() < b.seconds(); });
  return found == explanation.layers.end() ? nullptr : &*found;
}

std::string sentence_about_threads(const Explanation& e) {
  if (e.by_threads.empty()) return "";
  const ThreadsPrediction& one = e.by_threads.front();
  const auto best =
      std::min_element(e.by_threads.begin(), e.by_threads.end(),
                       [](const auto& a, const auto& b) { return a.seconds < b.seconds; });
  const int most = e.by_threads.back().threads;
  if (most == 1) return fmt::format("{}: the machine has one CPU.", e.model);
  std::string text =
      best->threads == 1
          ? fmt::format("{} is fastest on one thread (of up to {}, predicted)", e.model, most)
          : fmt::format("{} is fastest on {} threads, {} times as fast as on one (predicted)",
                        e.model, best->threads, times(one.seconds / best->seconds));
  double waiting = 0, all = 0;
  for (const OpCost& op : e.ops) {
    all += op.predicted.seconds;
    if (op.predicted.bound == Bound::kDram) waiting += op.predicted.seconds;
  }
  if (best->threads == most && one.seconds / best->seconds > 0.9 * most) {
    text += fmt::format("; with {} CPUs, more threads would only take turns", most);
  } else if (best->threads == 1 && e.by_threads.back().seconds < 1.001 * one.seconds) {
    text += "; none of its kernels shares work among threads";
  } else if (best->threads == 1) {
    text += fmt::format(
        "; a batch of {} has too little work to share: waking another thread costs {} a loop",
        with_commas(e.batch_size), duration(e.machine.team(most).wake_seconds));
  } else {
    text += fmt::format(
        "; {} of {} threads' time is lost to small ops that one thread runs alone, "
        "to starting loops, and to memory that all share ({} of the time waits for "
        "DRAM)",
        percent(1 - one.seconds / best->seconds / best->threads), best->threads,
        percent(share(waiting, all)));
  }
  return text + ".";
}

void add_sentences(Explanation& explanation, const SentenceNumbers& numbers) {
  if (explanation.untrainable) {
    explanation.answer = fmt::format(
        "{} can't be trained here: {}. Its {} parameters do {} multiply-accumulates ({} flops) per "
        "image forward.",
        explanation.model, *explanation.untrainable, with_commas(explanation.parameters),
        with_commas(explanation.forward_multiply_accumulates),
        with_commas(2 * explanation.forward_multiply_accumulates));
    explanation.assumptions.push_back(
        "Counts are those of inference; one multiply-accumulate is two flops.");
    return;
  }
  add_answer(explanation);
  add_slowest_op(explanation);
  add_backward(explanation);
  add_less_arithmetic(explanation);
  add_farthest(explanation);
  add_refusals(explanation);
  add_update_and_dropout(explanation, numbers);
  add_overhead(explanation);
  if (std::string threads = sentence_about_threads(explanation); !threads.empty())
    explanation.findings.push_back(std::move(threads));
  add_error(explanation);
  add_assumptions(explanation);
}

}  // namespace pronghorn::cost
