#include "peer_worker.h"

#include <fmt/format.h>

#include <cmath>
#include <map>
#include <sstream>

#include "models.h"
#include "pronghorn/error.h"
#include "pronghorn/explain.h"
#include "stopwatch.h"

namespace pronghorn::bench {
namespace {

Model make_model(const std::string& name) {
  if (name == "vgg-like") return vgg_like();
  if (name == "resnet-20") return resnet20();
  if (name == "mlp-4x1024") return wide_mlp();
  return load_model(name);
}

CompileConfig compile_config(const Model& model, int threads) {
  // Others have RMSprop and categorical crossentropy too, as the zoo's have.
  CompileConfig config = model.file_config().value_or(CompileConfig());
  config.metrics.clear();
  config.threads = threads;
  return config;
}

// SplitMix64 (Steele, Lea, Flood 2014), which takes a line in any language; workload.py has it too.
uint64_t mix(uint64_t z) {
  z += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

// Kernels as Keras draws them (Glorot uniform), from numbers that every side can compute: they
// depend on the kernel's shape and on how many of that shape came before, so not on the order in
// which a framework lists its layers. Everything else keeps Keras's initial values.
void set_common_weights(Model& model) {
  std::vector<NamedArray> weights = model.get_weights();
  std::map<std::vector<int64_t>, uint64_t> seen;
  for (NamedArray& weight : weights) {
    const Shape& shape = weight.array.shape;
    if (shape.rank() < 2) continue;
    std::vector<int64_t> extents;
    int64_t receptive_field = 1;
    for (int axis = 0; axis < shape.rank(); ++axis) {
      extents.push_back(shape[axis]);
      if (axis + 2 < shape.rank()) receptive_field *= shape[axis];
    }
    const int64_t fans = receptive_field * (shape[shape.rank() - 2] + shape[shape.rank() - 1]);
    const double limit = std::sqrt(6.0 / static_cast<double>(fans));
    const auto size = static_cast<uint64_t>(shape.elements());
    const uint64_t seed = mix(size * 1024 + seen[extents]++);
    for (uint64_t i = 0; i < size; ++i) {
      const double uniform = static_cast<double>(mix(seed + i) >> 40) / (1 << 24);
      weight.array.values[i] = static_cast<float>(limit * (2 * uniform - 1));
    }
  }
  model.set_weights(weights);
}

Array rows(const Array& array, int64_t begin, int64_t count) {
  const int64_t elements = array.shape.without_batch().elements();
  const auto first = array.values.begin() + begin * elements;
  return {array.shape.without_batch().with_batch(count), {first, first + count * elements}};
}

}  // namespace

std::string PeerWorker::answer(const std::string& command) {
  std::istringstream words(command);
  std::string verb;
  words >> verb;
  if (verb == "prepare") {
    std::string name;
    std::string mode;
    std::string directory;
    int64_t batch = 0;
    if (words >> name >> mode >> batch >> directory && batch > 0 &&
        (mode == "training" || mode == "inference"))
      return prepare(name, mode, batch, directory);
  } else if (model_ != nullptr) {
    int64_t count = 0;
    if (verb == "outputs") return outputs();
    if (verb == "work") return work();
    if (verb == "learn" && words >> count) return learn(static_cast<int>(count));
    if (verb == "run" && words >> count) return run(count);
  }
  throw ArgumentError(fmt::format("'{}' is no command, or comes before any 'prepare'", command));
}

std::string PeerWorker::prepare(const std::string& name, const std::string& mode, int64_t batch,
                                const std::string& directory) {
  model_ = std::make_unique<Model>(make_model(name));
  model_->compile(compile_config(*model_, threads_));
  set_common_weights(*model_);
  name_ = name;
  training_ = mode == "training";
  batch_size_ = batch;
  all_.x = load_npy(directory + "/x.npy");
  all_.y = to_categorical(load_npy(directory + "/y.npy"), model_->output_shape().back());
  batches_.clear();
  for (int64_t begin = 0; begin + batch <= all_.x.samples(); begin += batch)
    batches_.push_back({"", rows(all_.x, begin, batch), rows(all_.y, begin, batch), 0});
  if (batches_.empty())
    throw ArgumentError(fmt::format("{}: fewer samples than a batch", directory));
  return fmt::format("ready {}", model_->count_params());
}

std::string PeerWorker::outputs() {
  std::string text = "outputs";
  for (const float p : model_->predict(rows(all_.x, 0, 2), {.verbose = Verbose::kSilent}).values)
    text += fmt::format(" {:.9g}", p);
  return text;
}

std::string PeerWorker::learn(int epochs) {
  const History history = model_->fit(
      all_.x, all_.y,
      {.batch_size = batch_size_, .epochs = epochs, .verbose = Verbose::kSilent, .shuffle = false});
  std::string text = "loss";
  for (const double loss : history.history.at("loss")) text += fmt::format(" {:.9g}", loss);
  return text;
}

void PeerWorker::steps(const Dataset& data, int epochs) {
  if (training_) {
    model_->fit(data.x, data.y,
                {.batch_size = batch_size_,
                 .epochs = epochs,
                 .verbose = Verbose::kSilent,
                 .shuffle = false});
    return;
  }
  for (int epoch = 0; epoch < epochs; ++epoch)
    model_->predict(data.x, {.batch_size = batch_size_, .verbose = Verbose::kSilent});
}

std::string PeerWorker::run(int64_t steps_to_do) {
  const auto in_all = static_cast<int64_t>(batches_.size());
  const auto start = Clock::now();
  if (steps_to_do >= in_all) steps(all_, static_cast<int>(steps_to_do / in_all));
  for (int64_t i = 0; i < steps_to_do % in_all; ++i) steps(batches_[static_cast<size_t>(i)], 1);
  return fmt::format("seconds {:.9g}", milliseconds_since(start) / 1e3);
}

std::string PeerWorker::work() const {
  ExplainOptions options;
  options.batch_size = batch_size_;
  options.config = compile_config(*model_, threads_);
  const Machine machine = this_machine();
  const Explanation explanation = explain(*model_, name_, machine, options);
  const Work& done = training_ ? explanation.total : explanation.by_phase[0];
  return fmt::format("work {} {} {:.9g}", done.flops(), done.executed_flops(),
                     machine.team(threads_).peak_flops);
}

}  // namespace pronghorn::bench
