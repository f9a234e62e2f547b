// tune(): all candidates of each op, measured in their places in a model's steps.

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "base/file.h"
#include "cost/model_step.h"
#include "graph/op_kind.h"
#include "graph/ops/reshape.h"
#include "kernels/candidates.h"
#include "kernels/choices.h"
#include "platform/cpu_info.h"
#include "platform/parallel.h"
#include "pronghorn/error.h"
#include "pronghorn/tune.h"
#include "runtime/profile.h"

namespace pronghorn {
namespace {

using cost::ModelStep;
using graph::Op;
using kernels::Implementation;
using runtime::Executable;

// A kernel is chosen instead of the selected one where it is faster by more than what two
// measurements of the same differ.
constexpr double kLeastGain = 0.03;

// What the rounds of one op take at most, once there are a few.
constexpr double kMostSecondsPerOp = 5;
constexpr int kFewestRounds = 3;

double median(std::vector<double> values) { return runtime::spread_of(std::move(values)).median; }

// What other programs take of the CPU doesn't count where all work is on this thread.
class StepClock {
 public:
  explicit StepClock(int threads)
      : clock_(threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC) {}
  double now() const {
    timespec time{};
    clock_gettime(clock_, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
  }

 private:
  clockid_t clock_;
};

bool is_reorder(const Executable& executable, const runtime::Instruction& instruction) {
  return executable.graph().ops[instruction.op].kind == &graph::reorder_kind();
}

// Times of one round by the step's own ops, and of the reorders between them.
struct Round {
  std::vector<double> ops;
  double reorders = 0;
};

// A step with one choice more than selection makes, or with none.
struct Variant {
  const Implementation* implementation = nullptr;
  std::unique_ptr<Executable> executable;
  std::vector<Round> rounds;

  // Its own ops, without reorders, which are the same for all variants.
  std::vector<const runtime::Instruction*> own() const {
    std::vector<const runtime::Instruction*> result;
    for (const runtime::Instruction& instruction : executable->instructions())
      if (!is_reorder(*executable, instruction)) result.push_back(&instruction);
    return result;
  }

  double step_seconds() const {
    std::vector<double> seconds;
    for (const Round& round : rounds) {
      double sum = round.reorders;
      for (const double op : round.ops) sum += op;
      seconds.push_back(sum);
    }
    return median(std::move(seconds));
  }
};

std::vector<graph::Layout> layouts_of(const Variant& variant, const runtime::Instruction& own) {
  const graph::Graph& graph = variant.executable->graph();
  std::vector<graph::Layout> layouts;
  for (const graph::ValueId id : graph.ops[own.op].inputs)
    layouts.push_back(graph.value(id).layout);
  for (const graph::ValueId id : graph.ops[own.op].outputs)
    layouts.push_back(graph.value(id).layout);
  return layouts;
}

// The ops of a step that are the same to whoever chooses kernels.
struct Group {
  std::string key;
  std::vector<size_t> places;  // among the step's own ops
};

class StepTuner {
 public:
  StepTuner(const ModelStep& step, const TuneOptions& options, int threads)
      : step_(step), options_(options), threads_(threads), clock_(threads), parallel_(threads) {
    step_.initialize();
    policy_ = step.policy();
    policy_.choices = nullptr;
    selected_ = variant(nullptr, "");
    // As selection sees it: before there are layouts.
    plain_ = selected_.executable->graph();
    for (graph::Value& value : plain_.values) value.layout = graph::Layout::kPlain;
    std::map<std::string, size_t> by_key;
    const std::vector<const runtime::Instruction*> own = selected_.own();
    for (size_t place = 0; place < own.size(); ++place) {
      if (!own[place]->kernel) continue;
      const std::string key = kernels::op_key(kernel_case(*own[place]));
      const auto [found, added] = by_key.try_emplace(key, groups_.size());
      if (added) groups_.push_back({key, {}});
      groups_[found->second].places.push_back(place);
    }
  }

  const std::vector<Group>& groups() const { return groups_; }

  // Measures one group; nothing where there is one kernel alone.
  std::optional<TunedOp> tune(const Group& group) {
    const runtime::Instruction& first = *selected_.own()[group.places[0]];
    const kernels::KernelCase op = kernel_case(first);
    TunedOp tuned;
    std::vector<Variant> others;
    for (const Implementation* implementation : kernels::candidates(*op.op.kind)) {
      if (implementation == first.selection.chosen) continue;
      std::optional<std::string> reason = kernels::why_not(*implementation, op, policy_);
      if (!reason && implementation->family() == kernels::Family::kReference && !options_.reference)
        reason = "textbook loops, not measured";
      if (reason) {
        tuned.refused.push_back({std::string(implementation->name()), *std::move(reason)});
        continue;
      }
      others.push_back(variant(implementation, group.key));
    }
    if (others.empty()) return std::nullopt;
    std::vector<Variant*> all{&selected_};
    for (Variant& other : others) all.push_back(&other);
    run(all);

    describe(tuned, group, op);
    tuned.selected = first.selection.chosen->name();
    tuned.candidates.push_back(time_of(selected_, group));
    for (const Variant& other : others) tuned.candidates.push_back(time_of(other, group));
    choose(tuned);
    return tuned;
  }

  // A step as selected, and with choices, in turns.
  std::pair<double, double> compare(std::shared_ptr<const kernels::Choices> choices) {
    kernels::Policy policy = policy_;
    policy.choices = std::move(choices);
    Variant with{nullptr, step_.compile(threads_, policy), {}};
    step_.fill(*with.executable, options_.data);
    run({&selected_, &with});
    return {selected_.step_seconds(), with.step_seconds()};
  }

 private:
  kernels::KernelCase kernel_case(const runtime::Instruction& instruction) const {
    return {plain_, plain_.ops[instruction.op], threads_};
  }

  Variant variant(const Implementation* implementation, const std::string& key) const {
    kernels::Policy policy = policy_;
    if (implementation != nullptr) {
      auto choices = std::make_shared<kernels::Choices>();
      choices->set(key, *implementation);
      policy.choices = std::move(choices);
    }
    Variant result{implementation, step_.compile(threads_, policy), {}};
    step_.fill(*result.executable, options_.data);
    return result;
  }

  void run(const std::vector<Variant*>& variants) {
    for (Variant* variant : variants) {
      variant->rounds.clear();
      run_once(*variant);  // warms up
      variant->rounds.clear();
    }
    using Clock = std::chrono::steady_clock;
    const auto begin = Clock::now();
    for (int round = 0; round < options_.rounds; ++round) {
      if (round >= kFewestRounds &&
          std::chrono::duration<double>(Clock::now() - begin).count() > kMostSecondsPerOp)
        break;
      for (Variant* variant : variants) run_once(*variant);
    }
  }

  void run_once(Variant& variant) {
    Round round;
    const kernels::RunContext context{parallel_, 1, number_++, 1e-6f};
    for (const runtime::Instruction& instruction : variant.executable->instructions()) {
      const double begin = clock_.now();
      if (instruction.kernel) instruction.kernel->run(context);
      const double seconds = clock_.now() - begin;
      if (is_reorder(*variant.executable, instruction))
        round.reorders += seconds;
      else
        round.ops.push_back(seconds);
    }
    variant.rounds.push_back(std::move(round));
  }

  CandidateTime time_of(const Variant& variant, const Group& group) const {
    const std::vector<const runtime::Instruction*> own = variant.own(), base = selected_.own();
    std::vector<size_t> affected;
    for (size_t place = 0; place < own.size(); ++place)
      if (layouts_of(variant, *own[place]) != layouts_of(selected_, *base[place]) &&
          std::find(group.places.begin(), group.places.end(), place) == group.places.end())
        affected.push_back(place);
    const bool same_reorders =
        variant.executable->instructions().size() == selected_.executable->instructions().size();
    const auto count = static_cast<double>(group.places.size());
    std::vector<double> seconds, elsewhere;
    for (size_t i = 0; i < variant.rounds.size(); ++i) {
      const Round &round = variant.rounds[i], &of_selected = selected_.rounds[i];
      double its_own = 0;
      for (const size_t place : group.places) its_own += round.ops[place];
      double others = same_reorders && affected.empty() ? 0 : round.reorders - of_selected.reorders;
      for (const size_t place : affected) others += round.ops[place] - of_selected.ops[place];
      seconds.push_back(its_own / count);
      elsewhere.push_back(others / count);
    }
    const runtime::Instruction& first = *own[group.places[0]];
    return {std::string(first.selection.chosen->name()), median(std::move(seconds)),
            median(std::move(elsewhere))};
  }

  void describe(TunedOp& tuned, const Group& group, const kernels::KernelCase& op) const {
    tuned.key = group.key;
    tuned.kind = op.op.kind->name();
    tuned.phase = phase_name(static_cast<int>(op.op.phase));
    tuned.output = op.output(0).shape.to_string();
    const std::vector<const runtime::Instruction*> own = selected_.own();
    std::set<std::string> layers;
    for (const size_t place : group.places) {
      const std::string& layer = selected_.executable->graph().ops[own[place]->op].layer;
      if (!layers.insert(layer).second || layer.empty()) continue;
      tuned.layers += (tuned.layers.empty() ? "" : ", ") + layer;
    }
  }

  static void choose(TunedOp& tuned) {
    const double selected = tuned.candidates[0].total();
    std::stable_sort(tuned.candidates.begin(), tuned.candidates.end(),
                     [](const auto& a, const auto& b) { return a.total() < b.total(); });
    const CandidateTime& fastest = tuned.candidates[0];
    tuned.chosen = fastest.total() < (1 - kLeastGain) * selected ? fastest.kernel : tuned.selected;
  }

  const ModelStep& step_;
  const TuneOptions& options_;
  int threads_;
  StepClock clock_;
  Parallel parallel_;
  kernels::Policy policy_;
  Variant selected_;
  graph::Graph plain_;
  std::vector<Group> groups_;
  uint64_t number_ = 0;
};

std::shared_ptr<kernels::Choices> choices_of(const Tuning& tuning) {
  auto choices = std::make_shared<kernels::Choices>();
  choices->set_cpu(tuning.cpu);
  for (const TunedOp& op : tuning.ops)
    for (const graph::OpKind* kind : kernels::kinds_with_candidates())
      for (const Implementation* implementation : kernels::candidates(*kind))
        if (kind->name() == op.kind && implementation->name() == op.chosen)
          choices->set(op.key, *implementation);
  return choices;
}

}  // namespace

Tuning tune(const Model& model, const std::string& name, const TuneOptions& options) {
  if (options.rounds < 1 || options.rounds > 1000)
    throw ArgumentError(fmt::format("rounds is {}; it must be 1 to 1000", options.rounds));
  ExplainOptions checked;
  checked.batch_size = options.batch_size;
  checked.config = options.config;
  check(checked);
  Tuning tuning;
  tuning.model = name;
  tuning.batch_size = options.batch_size;
  tuning.threads = options.config.threads == 0 ? available_cpus() : options.config.threads;
  tuning.cpu = cpu_info().name;

  CompileConfig config = options.config;
  config.choices.clear();
  const ModelStep training(model, config, options.batch_size);
  const ModelStep inference(model, config, options.batch_size, cost::StepKind::kInference);
  StepTuner training_tuner(training, options, tuning.threads);
  StepTuner inference_tuner(inference, options, tuning.threads);
  std::set<std::string> done;
  const size_t all = training_tuner.groups().size() + inference_tuner.groups().size();
  size_t number = 0;
  for (StepTuner* tuner : {&training_tuner, &inference_tuner})
    for (const Group& group : tuner->groups()) {
      if (options.progress) options.progress(number++, all);
      if (!done.insert(group.key).second) continue;
      if (std::optional<TunedOp> op = tuner->tune(group)) tuning.ops.push_back(*std::move(op));
    }
  std::tie(tuning.selected_seconds, tuning.chosen_seconds) =
      training_tuner.compare(choices_of(tuning));
  return tuning;
}

void save_choices(const Tuning& tuning, const std::string& path) {
  write_file_atomically(path, choices_of(tuning)->to_json());
}

std::string choices_note(const std::string& path) {
  if (path.empty()) return "";
  const std::string cpu = kernels::Choices::load(path).cpu();
  const std::string here = cpu_info().name;
  if (cpu == here) return "";
  return fmt::format("'{}': its choices were measured on {}, this is {}", path, cpu, here);
}

}  // namespace pronghorn
