#include "report/sample.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace pronghorn::report {
namespace {

// A layer's numbers of one phase, from which its op is made.
struct PhaseNumbers {
  const char* kind = nullptr;  // no op where null
  int64_t multiply_accumulates = 0;
  int64_t other_flops = 0;
  int64_t bytes = 0;
};

LayerCost named(const std::string& name, const std::string& type, const std::string& output,
                int64_t parameters = 0, double uses_per_weight = 0) {
  LayerCost layer;
  layer.name = name;
  layer.type = type;
  layer.output_shape = output;
  layer.parameters = parameters;
  layer.uses_per_weight = uses_per_weight;
  return layer;
}

Prediction predict(const Work& work, const Machine& machine) {
  const Machine::Team& team = machine.teams.back();
  Prediction predicted;
  predicted.arithmetic = static_cast<double>(work.executed_flops()) / (0.8 * team.peak_flops);
  predicted.memory = static_cast<double>(work.bytes()) / team.bandwidth[2].copy;
  predicted.overhead = team.region_seconds;
  predicted.seconds = std::max(predicted.arithmetic, predicted.memory) + predicted.overhead;
  predicted.bound = predicted.overhead > predicted.seconds / 2 ? Bound::kOverhead
                    : predicted.arithmetic > predicted.memory  ? Bound::kArithmetic
                                                               : Bound::kL3;
  return predicted;
}

void add(Prediction& sum, const Prediction& part) {
  sum.seconds += part.seconds;
  sum.arithmetic += part.arithmetic;
  sum.memory += part.memory;
  sum.overhead += part.overhead;
}

Spread spread(double seconds) { return {seconds, 0.97 * seconds, 1.05 * seconds}; }

// Appends a layer, an op per phase that has one.
void add_layer(Explanation& explanation, LayerCost layer,
               const std::array<PhaseNumbers, kPhases>& phases, bool measured) {
  if (measured) layer.measured = Spread{};
  for (int phase = 0; phase < kPhases; ++phase) {
    const auto place = static_cast<size_t>(phase);
    const PhaseNumbers& numbers = phases[place];
    if (numbers.kind == nullptr) continue;
    OpCost op;
    op.kind = numbers.kind;
    op.layer = layer.name == "loss" ? "" : layer.name;
    op.phase = phase;
    op.output = layer.output_shape;
    op.work.multiply_accumulates = numbers.multiply_accumulates;
    op.work.other_flops = numbers.other_flops;
    op.work.bytes_read = numbers.bytes * 2 / 3;
    op.work.bytes_written = numbers.bytes - op.work.bytes_read;
    op.work.executed_multiply_accumulates = numbers.multiply_accumulates;
    op.work.executed_other_flops = numbers.other_flops;
    op.kernel = "simd." + op.kind;
    if (op.kind.starts_with("conv2d")) {
      op.kernel = "onednn." + op.kind + ".winograd";
      op.work.executed_multiply_accumulates = numbers.multiply_accumulates * 4 / 9;
      op.work.executed_other_flops = numbers.multiply_accumulates / 10;
      op.epilogue = phase == 0 ? "bias_add relu" : "";
      op.refused = {{"onednn." + op.kind + ".sparse", "its input is dense"},
                    {"simd." + op.kind, "kernels of 3 x 3 only with stride 2, this one has 1"}};
    }
    op.working_set = numbers.bytes;
    op.predicted = predict(op.work, explanation.machine);
    layer.by_phase[place] += op.work;
    layer.total += op.work;
    add(layer.predicted, op.predicted);
    layer.predicted_by_phase[place] += op.predicted.seconds;
    if (measured) {
      // Not the same deviation for each.
      const double factor = 1 + 0.15 * std::sin(static_cast<double>(explanation.ops.size()));
      op.measured = spread(op.predicted.seconds * factor);
      layer.measured->median += op.measured->median;
      layer.measured_by_phase[place] += op.measured->median;
    }
    layer.predicted.bound = op.predicted.bound;
    layer.ops.push_back(explanation.ops.size());
    explanation.ops.push_back(op);
  }
  if (measured) layer.measured = spread(layer.measured->median);
  explanation.parameters += layer.parameters;
  for (size_t phase = 0; phase < kPhases; ++phase)
    explanation.by_phase[phase] += layer.by_phase[phase];
  explanation.total += layer.total;
  explanation.layers.push_back(std::move(layer));
}

// What is the same for all of a step once its layers are there.
void finish(Explanation& explanation, bool measured) {
  double step = 0;
  for (const LayerCost& layer : explanation.layers) {
    add(explanation.predicted, layer.predicted);
    step += layer.seconds();
  }
  explanation.forward_multiply_accumulates =
      explanation.by_phase[0].multiply_accumulates / explanation.batch_size;
  explanation.training_multiply_accumulates =
      explanation.total.multiply_accumulates / explanation.batch_size;
  explanation.optimizer_bytes = 4 * explanation.parameters;

  // Each op's output lives until the op that mirrors it, as activations do.
  const size_t ops = explanation.ops.size();
  int64_t offset = 0;
  for (size_t op = 0; op < ops; ++op) {
    ArenaBlock block;
    block.name = explanation.ops[op].layer + ":" + explanation.ops[op].kind;
    block.offset = offset;
    block.bytes = 64 + explanation.ops[op].work.bytes_written;
    block.first_op = op;
    block.last_op = std::max(op, std::min(ops - 1, 2 * (ops / 2) - op));
    if (op < ops / 2) offset += block.bytes;
    explanation.arena_bytes = std::max(explanation.arena_bytes, block.offset + block.bytes);
    explanation.arena.push_back(block);
  }
  for (int threads = 1; threads <= explanation.machine.cpus; ++threads) {
    explanation.by_threads.push_back(
        {threads, explanation.predicted.seconds * (0.1 + 1.9 / threads)});
  }
  if (!measured) return;
  StepProfile profile;
  profile.batch_size = explanation.batch_size;
  profile.threads = explanation.threads;
  profile.steps = 30;
  profile.step_seconds = spread(step * 1.01);
  profile.coverage = 0.991;
  profile.counters = {{"cycles", 1.23e8}, {"instructions", 2.5e8}};
  double now = 0;
  for (const OpCost& op : explanation.ops)
    profile.ops.push_back({op.kind, op.layer, phase_name(op.phase), op.kernel, *op.measured});
  for (int64_t number = 0; number < 2; ++number) {
    for (size_t op = 0; op < ops; ++op) {
      const double seconds = profile.ops[op].seconds.median;
      for (int thread = 0; thread < explanation.threads; ++thread)
        profile.trace.push_back({op, number, thread, now, now + seconds * (1 - 0.1 * thread)});
      now += seconds;
    }
  }
  explanation.profile = std::move(profile);
}

Explanation begin(const std::string& model) {
  Explanation explanation;
  explanation.model = model;
  explanation.batch_size = 128;
  explanation.samples = 60000;
  explanation.threads = 2;
  explanation.optimizer = "adadelta";
  explanation.loss = "categorical_crossentropy";
  explanation.kernels = "auto";
  explanation.machine = sample_machine();
  explanation.assumptions = {"Nothing else runs on the machine's CPUs.",
                             "A multiply-accumulate is two flops; bytes are compulsory: each input "
                             "element read once, each "
                             "output element written once."};
  return explanation;
}

// units x inputs weights; no gradient to its input where it is the first.
void add_dense(Explanation& explanation, const std::string& name, int64_t inputs, int64_t units,
               bool first, bool measured) {
  const int64_t batch = explanation.batch_size;
  const int64_t products = batch * inputs * units;
  const int64_t bytes = 4 * (batch * inputs + inputs * units + batch * units);
  const LayerCost layer =
      named(name, "Dense", fmt::format("(None, {})", units), inputs * units + units, 1);
  const PhaseNumbers none;
  add_layer(explanation, layer,
            {{{"matmul", products, batch * units, bytes},
              first ? none : PhaseNumbers{"matmul", products, 0, bytes},
              {"matmul", products, 0, bytes},
              {"optimizer_update", 0, 12 * layer.parameters, 20 * layer.parameters}}},
            measured);
}

void add_conv(Explanation& explanation, const std::string& name, int64_t image, int64_t channels,
              int64_t filters, bool first, bool measured) {
  const int64_t batch = explanation.batch_size;
  const int64_t places = image * image;
  const int64_t products = batch * places * 9 * channels * filters;
  const int64_t bytes =
      4 * (batch * (image + 2) * (image + 2) * channels + batch * places * filters);
  const LayerCost layer =
      named(name, "Conv2D", fmt::format("(None, {0}, {0}, {1})", image, filters),
            9 * channels * filters + filters, static_cast<double>(places));
  const PhaseNumbers none;
  add_layer(explanation, layer,
            {{{"conv2d", products, batch * places * filters, bytes},
              first ? none : PhaseNumbers{"conv2d_backward_data", products, 0, bytes},
              {"conv2d_backward_weights", products, 0, bytes},
              {"optimizer_update", 0, 12 * layer.parameters, 20 * layer.parameters}}},
            measured);
}

void add_plain(Explanation& explanation, const std::string& name, const std::string& type,
               const char* kind, int64_t elements, bool measured) {
  const LayerCost layer =
      named(name, type, fmt::format("(None, {})", elements / explanation.batch_size));
  add_layer(explanation, layer,
            {{{kind, 0, elements, 8 * elements}, {kind, 0, elements, 12 * elements}, {}, {}}},
            measured);
}

}  // namespace

Machine sample_machine() {
  Machine machine;
  machine.cpu = "A CPU of the tests, 2.45 GHz";
  machine.cpus = 4;
  machine.cache_bytes = {32 << 10, 1 << 20, 32 << 20};
  machine.usable_l3_bytes = 12 << 20;
  machine.instruction_set = "AVX-512";
  for (const int threads : {1, 2}) {
    Machine::Team team;
    team.threads = threads;
    team.clock_hertz = 3.6e9;
    team.peak_flops = 110e9 * threads;
    team.region_seconds = threads == 1 ? 20e-9 : 2e-6;
    team.wake_seconds = threads == 1 ? 20e-9 : 60e-6;
    team.bandwidth = {{{400e9, 200e9, 300e9}, {150e9, 80e9, 120e9}, {60e9, 40e9, 50e9}, {}}};
    for (Machine::Bandwidth& level : team.bandwidth)
      level = {level.read * threads, level.write * threads, level.copy * threads};
    team.bandwidth[3] = {20e9, 10e9, 15e9};
    machine.teams.push_back(team);
  }
  machine.peaks = {{"SSE4", 28e9}, {"AVX2", 57e9}, {"AVX-512", 110e9}};
  machine.unblocked_multiply_accumulates = 4e9;
  machine.samples = {{"simd.matmul", {7, 9, 9}, MemoryLevel::kL1, 8.6e7, 0.001}};
  return machine;
}

Explanation sample_cnn(bool measured) {
  Explanation cnn = begin("mnist-cnn");
  add_conv(cnn, "conv2d", 26, 1, 32, true, measured);
  add_conv(cnn, "conv2d_1", 24, 32, 64, false, measured);
  add_plain(cnn, "max_pooling2d", "MaxPooling2D", "pool2d", 128 * 24 * 24 * 64, measured);
  add_plain(cnn, "dropout", "Dropout", "elementwise", 128 * 9216, measured);
  cnn.layers.push_back(named("flatten", "Flatten", "(None, 9216)"));
  add_dense(cnn, "dense", 9216, 128, false, measured);
  add_dense(cnn, "dense_1", 128, 10, false, measured);
  add_plain(cnn, "loss", "", "loss", 1280, measured);
  finish(cnn, measured);
  cnn.answer =
      "A step of mnist-cnn takes 31.2 ms, since the second convolution uses each of its weights "
      "576 "
      "times per image: 10,616,832 of its 12,000,000 multiply-accumulates (24 million flops).";
  cnn.findings = {
      "conv2d_1 takes 87% of the step: it holds 89% of the multiply-accumulates and runs at 61% of "
      "the machine's peak.",
      "The update of the weights takes 4% of the step, dropout 1%.", "Overhead is 0.3% of a step."};
  cnn.ladder = {
      {"textbook loops", "Loops as in a textbook, one multiply-accumulate at a time.", 5.2, {}},
      {"SIMD", "Sixteen multiply-accumulates an instruction.", 0.9, {}},
      {"blocking", "Data are used from caches and registers many times.", 0.09, {}},
      {"2 threads", "Slices of the batch side by side.", 0.05, {}},
      {"less arithmetic", "Winograd: 4/9 of the multiply-accumulates.", cnn.predicted.seconds, {}}};
  if (measured) cnn.ladder.back().measured = cnn.step_seconds();
  return cnn;
}

Explanation sample_mlp(bool measured) {
  Explanation mlp = begin("mnist-mlp");
  add_dense(mlp, "dense", 784, 512, true, measured);
  add_plain(mlp, "dropout", "Dropout", "elementwise", 128 * 512, measured);
  add_dense(mlp, "dense_1", 512, 512, false, measured);
  add_plain(mlp, "dropout_1", "Dropout", "elementwise", 128 * 512, measured);
  add_dense(mlp, "dense_2", 512, 10, false, measured);
  add_plain(mlp, "loss", "", "loss", 1280, measured);
  finish(mlp, measured);
  mlp.answer =
      "A step of mnist-mlp takes 3.4 ms: each weight is used once per image, 668,672 "
      "multiply-accumulates (1.3 million flops) forward.";
  mlp.findings = {"dense takes 51% of the step."};
  return mlp;
}

Explanation sample_deep(int layers) {
  Explanation deep = begin("resnet20-like");
  for (int i = 0; i < layers; ++i) {
    add_conv(deep,
             fmt::format("stage{}_block{}_convolution_of_the_residual_branch_{}", i / 12 + 1,
                         i / 4 + 1, i % 4),
             32 >> (i * 3 / layers), 16 << (i * 3 / layers), 16 << (i * 3 / layers), i == 0, false);
  }
  finish(deep, false);
  deep.answer =
      "A step of resnet20-like takes long: multiply-accumulates (two flops each) are many.";
  return deep;
}

Explanation sample_one_layer() {
  Explanation one = begin("one-layer");
  one.threads = 1;
  one.batch_size = 1;
  add_dense(one, "d", 4, 3, true, false);
  finish(one, false);
  one.answer =
      "A step of one-layer takes 2 us: overhead, its 24 multiply-accumulates (48 flops) none.";
  return one;
}

Explanation sample_untrainable() {
  Explanation explanation = begin("a-model-with-an-op-of-no-gradient");
  LayerCost layer = named("dense", "Dense", "(None, 512)", 401920, 1);
  layer.by_phase[0].multiply_accumulates = 128 * 401408;
  layer.by_phase[0].bytes_read = 4 * (401920 + 128 * 784);
  layer.by_phase[0].bytes_written = 4 * 128 * 512;
  layer.total = layer.by_phase[0];
  explanation.layers = {layer};
  explanation.by_phase = layer.by_phase;
  explanation.total = layer.total;
  explanation.parameters = layer.parameters;
  explanation.forward_multiply_accumulates = 401408;
  explanation.untrainable = "layer 'argmax': has no gradient, so nothing before it can be trained";
  explanation.answer =
      "It can't be trained here; one image takes 401,408 multiply-accumulates (802,816 flops).";
  return explanation;
}

Comparison sample_comparison(bool measured) {
  Comparison comparison;
  comparison.a = sample_mlp(measured);
  comparison.b = sample_cnn(measured);
  comparison.measured = measured;
  comparison.ratio = comparison.b.step_seconds() / comparison.a.step_seconds();
  const auto factor = [&](const std::string& name, double a, double b) {
    comparison.factors.push_back({name, "What it means, in a sentence.", a, b, b / a});
    return b / a;
  };
  double rest = comparison.ratio;
  rest /= factor("forward multiply-accumulates per image", 668672, 10903680);
  rest /= factor("training multiply-accumulates over forward ones", 2.41, 3.0);
  rest /= factor("flops that are executed over those that are needed", 1, 0.47);
  rest /= factor("time outside of arithmetic", 1.3, 1.1);
  comparison.factors.push_back(
      {"seconds per executed flop", "The rate.", 1.2e-11, 1.2e-11 * rest, rest});
  const double difference = comparison.b.step_seconds() - comparison.a.step_seconds();
  for (const Explanation* side : {&comparison.b, &comparison.a}) {
    const double sign = side == &comparison.b ? 1 : -1;
    for (const LayerCost& layer : side->layers) {
      comparison.layers.push_back(
          {side->model, layer.name, sign * layer.seconds(), sign * layer.seconds() / difference});
    }
  }
  comparison.answer =
      "A step of mnist-cnn takes 9.2 times as long as one of mnist-mlp: it has 16.3 times as many "
      "multiply-accumulates (two flops each) forward, and 20.3 times in training.";
  comparison.paragraph =
      "A Dense layer uses each weight once per image. A Conv2D layer slides its few weights over "
      "the "
      "image and uses each once per place.";
  comparison.of_parameters = "Parameters predict the memory and the time of the update.";
  comparison.of_threads = "Two threads are the best for both.";
  return comparison;
}

std::vector<Variant> sample_variants() {
  std::vector<Variant> variants = {{"as it is", 128, 2, 1199882, 35982592, 0.0312, 14.6, ""},
                                   {"batch-size=1", 1, 2, 1199882, 35982592, 0.0009, 54, ""},
                                   {"batch-size=1024", 1024, 2, 1199882, 35982592, 0.24, 14.1, ""},
                                   {"threads=1", 128, 1, 1199882, 35982592, 0.0602, 28.2, ""},
                                   {"filters=0.5", 128, 2, 601354, 9482592, 0.0112, 5.3, ""}};
  variants.push_back({"stride=8", 0, 0, 0, 0, 0, 0,
                      "conv2d_1's input is (3, 3), which is smaller than its kernel (5, 5)"});
  return variants;
}

}  // namespace pronghorn::report
