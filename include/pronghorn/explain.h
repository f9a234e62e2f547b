#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pronghorn/compile_config.h"
#include "pronghorn/machine.h"
#include "pronghorn/model.h"
#include "pronghorn/profile.h"

namespace pronghorn {

// Numbers of one op or of several. A multiply-accumulate is two flops; `other_flops` are no part of
// one. Everything is per step (the whole batch) unless it says otherwise.
struct Work {
  int64_t multiply_accumulates = 0;
  int64_t other_flops = 0;
  // Compulsory: each input element read once, each output element written once.
  int64_t bytes_read = 0;
  int64_t bytes_written = 0;
  // What the kernels really do, where that differs: Winograd multiplies less and adds more.
  int64_t executed_multiply_accumulates = 0;
  int64_t executed_other_flops = 0;

  int64_t flops() const { return 2 * multiply_accumulates + other_flops; }
  int64_t executed_flops() const {
    return 2 * executed_multiply_accumulates + executed_other_flops;
  }
  int64_t bytes() const { return bytes_read + bytes_written; }
  // Useful flops per compulsory byte (arithmetic intensity).
  double intensity() const {
    return bytes() == 0 ? 0 : static_cast<double>(flops()) / static_cast<double>(bytes());
  }
  Work& operator+=(const Work& other);
};

// What an op's time goes into.
enum class Bound : uint8_t { kArithmetic, kL1, kL2, kL3, kDram, kOverhead };
// "arithmetic", "L1", "L2", "L3", "DRAM", "overhead"
const char* to_string(Bound bound);

// Seconds of a step or of an op, foreseen from its shapes and the machine's numbers:
// max(arithmetic, memory) + overhead.
struct Prediction {
  double seconds = 0;
  double arithmetic = 0;  // executed flops over what the kernel reaches
  double memory = 0;      // bytes over the bandwidth of the level where they live
  double overhead = 0;    // starting and ending parallel loops, and threads that have nothing to do
  Bound bound = Bound::kArithmetic;
};

inline constexpr int kPhases = 4;
// "forward", "backward to data", "backward to weights", "update"
const char* phase_name(int phase);

// A kernel that could have run an op, and why it doesn't.
struct RefusedKernel {
  std::string kernel = {};
  std::string reason = {};
};

struct OpCost {
  std::string kind = {};
  std::string layer = {};
  int phase = 0;
  // What is done to the result before it is written: "bias_add relu".
  std::string epilogue = {};
  std::string output = {};  // the shape: "(128, 24, 24, 64)"
  std::string kernel = {};
  // Ops of one number above 0 run together, slice by slice of the batch.
  int chain = 0;
  // What the kernel computes its products in: "float32", "bfloat16".
  std::string precision = "float32";
  std::vector<RefusedKernel> refused = {};
  Work work = {};
  int64_t working_set = 0;  // bytes of its inputs, outputs and workspace
  Prediction predicted = {};
  std::optional<Spread> measured = {};
};

// A layer as one row of the explanation. Ops that belong to no layer (loss) form a row called
// "loss".
struct LayerCost {
  std::string name = {};
  std::string type = {};          // Keras's class: "Conv2D"
  std::string output_shape = {};  // "(None, 24, 24, 64)"
  int64_t parameters = 0;
  // How often each weight of its kernel is used per image, forward: 1 of a Dense layer, output
  // height x width of a Conv2D; 0 where it has none.
  double uses_per_weight = 0;
  std::array<Work, kPhases> by_phase{};
  Work total = {};
  Prediction predicted = {};
  std::array<double, kPhases> predicted_by_phase{};
  std::optional<Spread> measured = {};
  std::array<double, kPhases> measured_by_phase{};
  std::vector<size_t> ops = {};  // numbers in Explanation::ops

  // Measured where it was, else predicted.
  double seconds() const { return measured ? measured->median : predicted.seconds; }
};

// A value's place in the arena of a step.
struct ArenaBlock {
  std::string name = {};
  int64_t offset = 0;
  int64_t bytes = 0;
  // Numbers in Explanation::ops: from the op that writes it to the last that reads it.
  size_t first_op = 0;
  size_t last_op = 0;
};

// The step when better kernels are put in one after the other; see Explanation::ladder.
struct LadderRung {
  std::string name = {};  // "textbook loops"
  std::string what = {};  // one sentence
  double seconds = 0;     // of a step
  std::optional<double> measured = {};
};

struct ThreadsPrediction {
  int threads = 0;
  double seconds = 0;
};

struct ExplainOptions {
  int64_t batch_size = 128;
  // Samples of an epoch.
  int64_t samples = 60000;
  // Loss, optimizer, threads and kernels are those of this.
  CompileConfig config = CompileConfig();
  // Runs steps on random data and times each op.
  bool measure = false;
  // Of a measurement: how many steps are traced on their threads.
  int64_t trace_steps = 0;
  // Adds what the textbook loops and each better kind of kernel would take.
  bool ladder = false;
};

// Why a training step of a model takes as long as it does.
struct Explanation {
  std::string model = {};
  int64_t batch_size = 0;
  int64_t samples = 0;
  int threads = 0;
  std::string optimizer = {};
  std::string loss = {};
  // "auto", or the family that was asked for; then ", exact" and ", choices" where they were.
  std::string kernels = {};
  std::string precision = "float32";  // CompileConfig::precision
  Machine machine;

  int64_t parameters = 0;
  std::vector<LayerCost> layers = {};
  std::vector<OpCost> ops = {};
  std::array<Work, kPhases> by_phase{};
  Work total = {};
  // Per image.
  int64_t forward_multiply_accumulates = 0;
  int64_t training_multiply_accumulates = 0;

  Prediction predicted = {};
  std::optional<StepProfile> profile = {};

  int64_t arena_bytes = 0;
  int64_t optimizer_bytes = 0;  // slots, beside the parameters
  std::vector<ArenaBlock> arena = {};

  // Predicted, for 1 to the machine's CPUs.
  std::vector<ThreadsPrediction> by_threads = {};
  std::vector<LadderRung> ladder = {};

  // Sentences, each computed from the numbers above. The first is the answer.
  std::string answer = {};
  std::vector<std::string> findings = {};
  std::vector<std::string> assumptions = {};
  // Why the engine can't train it, naming the layer or op that stops it; the counts above are then
  // those of inference alone, and nothing is predicted.
  std::optional<std::string> untrainable = {};

  // Measured where it was, else predicted.
  double step_seconds() const { return profile ? profile->step_seconds.median : predicted.seconds; }
  int64_t steps_per_epoch() const {
    return batch_size > 0 ? (samples + batch_size - 1) / batch_size : 0;
  }
  // Of the machine's peak, for the useful flops of something that takes so many seconds.
  double share_of_peak(const Work& work, double seconds) const;
};

// Throws ArgumentError where a number is out of range.
void check(const ExplainOptions& options);

// Throws what check() throws, and ArgumentError for names that aren't known. A model that can't be
// trained is explained as far as that goes.
Explanation explain(const Model& model, const std::string& name, const Machine& machine,
                    const ExplainOptions& options = ExplainOptions());

// One factor of a ratio of two step times.
struct Factor {
  std::string name = {};  // "forward multiply-accumulates per image"
  std::string what = {};  // what it means, in a sentence
  double a = 0, b = 0;    // the two quantities that it is the ratio of; 0 where there are none
  double ratio = 1;
};

// Layers of both models that stand for the same share of the difference.
struct LayerDifference {
  std::string model = {};
  std::string layer = {};
  double seconds = 0;  // b's layers add, a's subtract
  double share = 0;    // of the difference of the two steps
};

struct Comparison {
  Explanation a, b;
  bool measured = false;
  // b's step time over a's; the product of the factors' ratios.
  double ratio = 1;
  std::vector<Factor> factors = {};
  std::vector<LayerDifference> layers = {};
  std::string answer = {};
  // For a student; several sentences.
  std::string paragraph = {};
  // What the number of parameters does predict, and what it doesn't.
  std::string of_parameters = {};
  std::string of_threads = {};
};
// Both explained with the same options; both measured or neither. Throws ArgumentError otherwise,
// or where one of them can't be trained.
Comparison compare(Explanation a, Explanation b);

// A change whose effect is asked for, "batch-size=1,32,128", "threads=1..8", "filters=0.5",
// "stride=2".
struct WhatIf {
  std::string what = {};            // "batch-size"
  std::vector<double> values = {};  // in the order given
};
// Throws ArgumentError, naming what is wrong, where it is malformed or a value is out of range.
WhatIf parse_what_if(const std::string& text);

struct Variant {
  std::string name = {};  // "batch-size=32"
  int64_t batch_size = 0;
  int threads = 0;
  int64_t parameters = 0;
  int64_t training_multiply_accumulates = 0;  // per image
  double step_seconds = 0;
  double epoch_seconds = 0;
  // Why there is no such model ("stride=2": an image that is smaller than the kernel); the numbers
  // above are 0 then.
  std::string impossible = {};
};
// The model as it is first, then each change by itself, predicted.
std::vector<Variant> what_if(const Model& model, const std::string& name, const Machine& machine,
                             const ExplainOptions& options, const std::vector<WhatIf>& changes);

}  // namespace pronghorn
