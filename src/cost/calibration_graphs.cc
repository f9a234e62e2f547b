#include "cost/calibration.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include "graph/builder.h"
#include "graph/op_kind.h"
#include "graph/ops/accumulate_gradient.h"
#include "graph/ops/batch_matmul.h"
#include "graph/ops/batch_norm.h"
#include "graph/ops/broadcast.h"
#include "graph/ops/clip_factor.h"
#include "graph/ops/concatenate.h"
#include "graph/ops/constrain.h"
#include "graph/ops/conv2d.h"
#include "graph/ops/conv2d_max_pool2d_backward.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/embedding.h"
#include "graph/ops/encoding.h"
#include "graph/ops/group_norm.h"
#include "graph/ops/l2_normalize.h"
#include "graph/ops/loss.h"
#include "graph/ops/matmul.h"
#include "graph/ops/matmul_update.h"
#include "graph/ops/moving_average.h"
#include "graph/ops/noise.h"
#include "graph/ops/optimizer_update.h"
#include "graph/ops/pad.h"
#include "graph/ops/pool2d.h"
#include "graph/ops/recurrence.h"
#include "graph/ops/reshape.h"
#include "graph/ops/softmax.h"
#include "graph/ops/sum_of_powers.h"
#include "graph/ops/sum_rows.h"
#include "graph/ops/transpose.h"
#include "graph/ops/upsample2d.h"

namespace pronghorn::cost {

using graph::Builder;
using graph::Graph;
using graph::ValueId;
using graph::ValueRole;

namespace {

// Builds one graph after the other.
class Graphs {
 public:
  void add(int64_t batch, const std::function<void(Builder&)>& build) {
    Graph graph;
    graph.batch = batch;
    Builder builder(graph);
    build(builder);
    graphs_.push_back(std::move(graph));
  }
  std::vector<Graph> take() { return std::move(graphs_); }

 private:
  std::vector<Graph> graphs_;
};

ValueId input(Builder& builder, const Shape& shape, ValueRole role = ValueRole::kInput) {
  return builder.add_value("x" + std::to_string(builder.graph().values.size()), shape, role);
}

// Appends the gradient ops of the graph's last op.
void add_gradient(Builder& builder, std::vector<bool> wanted, ValueRole role = ValueRole::kInput) {
  const graph::Op op = builder.graph().ops.back();
  wanted.resize(op.inputs.size());
  std::vector<ValueId> diff_outputs(op.outputs.size(), graph::kNoValue);
  diff_outputs[0] = input(builder, builder.graph().output(op, 0).shape, role);
  op.kind->gradient(builder, op, diff_outputs, wanted);
}

struct ConvolutionShape {
  int64_t channels, filters, size, kernel = 3, stride = 1;
};

// From one channel to 128, from images of 32x32 to 4x4; the other kernels and strides at the sizes
// at which nets have them.
constexpr ConvolutionShape kConvolutions[] = {
    {1, 4, 28},     {1, 32, 28},      {3, 16, 32},        {3, 64, 32},        {4, 4, 28},
    {8, 8, 16},     {16, 16, 32},     {16, 16, 8},        {16, 64, 16},       {32, 32, 16},
    {32, 32, 28},   {64, 32, 8},      {64, 64, 16},       {64, 64, 8},        {64, 64, 28},
    {128, 128, 8},  {128, 128, 4},    {64, 128, 16},      {16, 32, 32, 1, 2}, {32, 64, 16, 1, 2},
    {64, 64, 8, 1}, {64, 256, 14, 1}, {16, 32, 32, 3, 2}, {32, 64, 16, 3, 2}, {64, 128, 8, 3, 2},
    {1, 16, 28, 5}, {16, 32, 14, 5},  {3, 32, 32, 7, 2},
};

// A convolution's gradient to its weights once more, with the bias's beside it.
void add_bias_gradient(Builder& builder) {
  const auto to_weights = std::find_if(
      builder.graph().ops.begin(), builder.graph().ops.end(),
      [](const graph::Op& op) { return op.kind == &graph::conv2d_backward_weights_kind(); });
  graph::Attributes attributes = to_weights->attributes;
  attributes.set("bias", int64_t{1});
  builder.add_op(*to_weights->kind, std::vector(to_weights->inputs), std::move(attributes));
}

// Of a batch, forward; returns its output.
ValueId convolution(Builder& builder, const ConvolutionShape& shape, bool padded) {
  const auto padding = padded ? graph::same_padding(shape.size, shape.kernel, shape.stride, 1)
                              : graph::SamePadding{0, 0};
  const graph::Conv2dWindow window{shape.stride,
                                   shape.stride,
                                   1,
                                   1,
                                   {padding.before, padding.before, padding.after, padding.after}};
  const ValueId src =
      input(builder, {builder.graph().batch, shape.size, shape.size, shape.channels});
  const ValueId weights =
      input(builder, {shape.kernel, shape.kernel, shape.channels, shape.filters});
  return graph::conv2d(builder, src, weights, window);
}

void add_convolution(Graphs& graphs, const ConvolutionShape& shape, int64_t batch, bool padded) {
  graphs.add(batch, [&](Builder& builder) {
    convolution(builder, shape, padded);
    add_gradient(builder, {true, true});
    add_bias_gradient(builder);
  });
}

// A convolution that is max-pooled, and its gradients for kernels that skip the zeros in them.
void add_pooled_convolution(Graphs& graphs, const ConvolutionShape& shape, int64_t batch) {
  graphs.add(batch, [&](Builder& builder) {
    const ValueId dst = convolution(builder, shape, /*padded=*/true);
    const graph::Op forward = builder.graph().ops.back();
    graph::max_pool2d(builder, dst, {});
    const graph::Op pooling = builder.graph().ops.back();
    add_gradient(builder, {true});
    graph::Graph& graph = builder.graph();
    const graph::Op max_pool_backward = graph.ops.back();
    forward.kind->gradient(builder, forward, std::vector{max_pool_backward.outputs[0]},
                           {true, true});
    for (graph::Op& op : graph.ops)
      if (std::find(op.inputs.begin(), op.inputs.end(), max_pool_backward.outputs[0]) !=
          op.inputs.end())
        op = graph::fused_with_max_pool(op, max_pool_backward);
    const graph::Op joined = graph::with_max_pooling(forward, pooling).value();
    builder.add_op(*joined.kind, joined.inputs, joined.attributes);
  });
}

void add_convolutions(Graphs& graphs) {
  for (const ConvolutionShape& shape : kConvolutions)
    for (const int64_t batch : {1, 16})
      if (shape.kernel == 3 && shape.stride == 1 && shape.channels % 16 == 0)
        add_pooled_convolution(graphs, shape, batch);
  for (const ConvolutionShape& shape : kConvolutions)
    for (const int64_t batch : {1, 16}) {
      add_convolution(graphs, shape, batch, /*padded=*/true);
      // With few channels oneDNN's code depends on how the width divides into its blocks: without
      // padding it doesn't.
      if (shape.channels <= 8 && shape.stride == 1)
        add_convolution(graphs, shape, batch, /*padded=*/false);
    }
}

void add_products(Graphs& graphs) {
  struct Layer {
    int64_t inputs, units;
  };
  constexpr Layer kLayers[] = {{64, 10},   {512, 10},    {8192, 10},  {32, 32},
                               {64, 64},   {256, 256},   {784, 512},  {512, 512},
                               {64, 1024}, {1024, 1024}, {8192, 128}, {1024, 64}};
  for (const Layer& layer : kLayers)
    for (const int64_t batch : {1, 8, 32, 128, 512}) {
      if (batch == 512 && layer.inputs * layer.units > 300'000) continue;
      // Of inputs a kernel may hope that many are zero; of what stands for an op's output, not.
      for (const ValueRole role : {ValueRole::kInput, ValueRole::kState})
        graphs.add(batch, [&](Builder& builder) {
          const ValueId src = input(builder, {batch, layer.inputs}, role);
          const ValueId weights = input(builder, {layer.inputs, layer.units});
          graph::matmul(builder, src, weights);
          add_gradient(builder, {true, true}, role);
        });
    }
}

// Tensors whose size runs from what is all overhead to what just fits L2: what larger ones cost
// more, the levels of memory say.
struct ImageShape {
  int64_t images, size, channels;
};
constexpr ImageShape kImages[] = {{1, 4, 4},   {1, 8, 16},  {1, 24, 32}, {16, 8, 8},
                                  {16, 8, 64}, {16, 24, 4}, {4, 24, 64}, {8, 32, 16}};

void add_image_ops(Graphs& graphs) {
  for (const ImageShape& shape : kImages) {
    const Shape images{shape.images, shape.size, shape.size, shape.channels};
    for (const int64_t window : {2, 4})
      graphs.add(shape.images, [&](Builder& builder) {
        const ValueId src = input(builder, images);
        const graph::Pool2dWindow pool{window, window, window, window, {}};
        graph::max_pool2d(builder, src, pool);
        add_gradient(builder, {true});
        graph::average_pool2d(builder, src, pool);
        add_gradient(builder, {true});
      });
    graphs.add(shape.images, [&](Builder& builder) {
      const ValueId src = input(builder, images);
      const Shape channels{shape.channels};
      const ValueId gamma = input(builder, channels), beta = input(builder, channels),
                    mean = input(builder, channels), variance = input(builder, channels);
      graph::batch_norm_training(builder, src, gamma, beta, mean, variance, {});
      add_gradient(builder, {true, true, true});
      graph::batch_norm_inference(builder, src, gamma, beta, mean, variance, {});
      graph::sum_rows(builder, src);
      graph::concatenate(builder, {src, src}, 3);
      graph::slice(builder, src, 3, 0, std::max<int64_t>(1, shape.channels / 2));
      graph::transpose(builder, src, {0, 3, 1, 2});
      graph::pad(builder, src, {0, 1, 1, 0}, {0, 1, 1, 0});
      add_gradient(builder, {true});
      graph::broadcast(builder, graph::reduce_sum(builder, src, {images[0], 1, 1, images[3]}),
                       images);
      graph::upsample2d(builder, src, 2, 2, graph::Interpolation::kNearest);
      add_gradient(builder, {true});
    });
    if (shape.channels % 16 != 0) continue;
    for (const bool from_blocked : {false, true})
      graphs.add(shape.images, [&](Builder& builder) {
        const ValueId src = input(builder, images);
        const ValueId dst = builder.add_op(graph::reorder_kind(), {src})[0];
        builder.graph().value(from_blocked ? src : dst).layout = graph::Layout::kBlocked16;
      });
  }
}

void add_row_ops(Graphs& graphs) {
  for (const int64_t rows : {1, 32, 512})
    for (const int64_t columns : {10, 100, 1000}) {
      graphs.add(rows, [&](Builder& builder) {
        const ValueId src = input(builder, {rows, columns});
        graph::softmax(builder, src);
        add_gradient(builder, {true});
        graph::log_softmax(builder, src);
        add_gradient(builder, {true});
        graph::l2_normalize(builder, src, 1e-12);
        add_gradient(builder, {true});
        graph::sum_rows(builder, src);
        graph::concatenate(builder, {src, src}, 1);
      });
      for (const graph::LossFunction function :
           {graph::LossFunction::kCategoricalCrossentropy,
            graph::LossFunction::kSparseCategoricalCrossentropy,
            graph::LossFunction::kBinaryCrossentropy, graph::LossFunction::kMeanSquaredError})
        graphs.add(rows, [&](Builder& builder) {
          const bool sparse = function == graph::LossFunction::kSparseCategoricalCrossentropy;
          const ValueId predicted = input(builder, {rows, columns});
          const ValueId labels = input(builder, sparse ? Shape{rows} : Shape{rows, columns});
          const ValueId losses = graph::loss(builder, predicted, labels, function, false);
          add_gradient(builder, {true});
          if (sparse || function == graph::LossFunction::kCategoricalCrossentropy) {
            builder.add_op(graph::softmax_cross_entropy_kind(), {predicted, labels},
                           {{"function", std::string(to_string(function))},
                            {"from_logits", int64_t{1}},
                            {"weight", 1.0}});
            add_gradient(builder, {true});
          }
          graph::mean(builder, losses);
        });
    }
}

// Of texts and other series: places of a sequence with as many features as a row has.
void add_sequence_ops(Graphs& graphs) {
  constexpr int64_t kPlaces = 32;
  for (const int64_t batch : {1, 16, 64})
    for (const int64_t features : {16, 64, 256}) {
      graphs.add(batch, [&](Builder& builder) {
        const ValueId src = input(builder, {batch * kPlaces, features});
        const ValueId gamma = input(builder, {features}), beta = input(builder, {features});
        graph::group_norm(builder, src, gamma, beta, 1, 1e-3);
        add_gradient(builder, {true, true, true});
      });
      graphs.add(batch, [&](Builder& builder) {
        const ValueId src = input(builder, {batch, kPlaces, features});
        graph::noise(builder, src, graph::Noise::kGaussianNoise, 0.1, 1);
        graph::noise(builder, src, graph::Noise::kDropout, 0.1, 1, /*shared_axis=*/1);
      });
      graphs.add(batch, [&](Builder& builder) {
        const ValueId words = input(builder, {batch, kPlaces});
        graph::embedding(builder, words, input(builder, {1000, features}));
        add_gradient(builder, {false, true});
      });
    }
}

// What makes inputs of numbers that stand for something else.
void add_encodings(Graphs& graphs) {
  for (const int64_t batch : {32, 512})
    graphs.add(batch, [&](Builder& builder) {
      const ValueId src = input(builder, {batch, 16});
      graph::category_encoding(builder, src, 32, false);
      graph::bucketize(builder, src, {0.1, 0.3, 0.5, 0.7});
      graph::constant(builder, {batch}, std::vector<double>(static_cast<size_t>(batch), 0.5));
    });
}

// The scores and the values of attentions with four heads.
void add_batch_products(Graphs& graphs) {
  for (const int64_t batch : {1, 16})
    for (const int64_t steps : {16, 64, 256})
      for (const int64_t features : {16, 64})
        graphs.add(batch, [&](Builder& builder) {
          const Shape shape{batch, steps, 4, features};
          const ValueId scores =
              graph::batch_matmul(builder, input(builder, shape), input(builder, shape),
                                  {.transpose_b = true, .swap_a = true, .swap_b = true});
          add_gradient(builder, {true, true});
          graph::batch_matmul(builder, input(builder, builder.graph().value(scores).shape),
                              input(builder, shape), {.swap_b = true, .swap_dst = true});
        });
}

// Recurrences of few and many units, of one slice and several.
void add_recurrences(Graphs& graphs) {
  constexpr int64_t kSteps = 16;
  for (const graph::Cell cell : {graph::Cell::kSimpleRnn, graph::Cell::kLstm, graph::Cell::kGru})
    for (const int64_t batch : {1, 16, 128})
      for (const int64_t units : {16, 64, 256})
        graphs.add(batch, [&](Builder& builder) {
          const int64_t parts = cell == graph::Cell::kLstm ? 4 : cell == graph::Cell::kGru ? 3 : 1;
          const ValueId x = input(builder, {batch, kSteps, parts * units});
          const ValueId kernel = input(builder, {units, parts * units});
          graph::RecurrenceConfig config{.cell = cell};
          config.reset_after = cell == graph::Cell::kGru;
          config.keep = true;
          graph::recurrence(builder, x, kernel, graph::kNoValue, config);
          add_gradient(builder, {true, false});
        });
}

graph::Attributes optimizer_attributes(const char* optimizer) {
  graph::Attributes attributes{{"optimizer", std::string(optimizer)}};
  for (const auto& [name, value] :
       {std::pair("momentum", 0.0), std::pair("rho", 0.9), std::pair("epsilon", 1e-7),
        std::pair("beta_1", 0.9), std::pair("beta_2", 0.999), std::pair("weight_decay", 0.0),
        std::pair("initial_accumulator_value", 0.1), std::pair("learning_rate_power", -0.5)})
    attributes.set(name, value);
  for (const char* name : {"nesterov", "centered", "epsilon_outside", "amsgrad"})
    attributes.set(name, int64_t{0});
  return attributes;
}

constexpr const char* kOptimizers[] = {"sgd",    "rmsprop", "adam", "adadelta", "adagrad",
                                       "adamax", "nadam",   "ftrl", "lion"};

void add_updates(Graphs& graphs) {
  for (const char* optimizer : kOptimizers)
    for (const int64_t elements : {32, 1024, 16384, 65536})
      graphs.add(1, [&](Builder& builder) {
        const graph::Attributes attributes = optimizer_attributes(optimizer);
        const Shape shape{elements};
        const ValueId parameter = input(builder, shape), gradient = input(builder, shape);
        std::vector<ValueId> slots;
        for (size_t i = 0; i < graph::optimizer_slots(attributes).size(); ++i)
          slots.push_back(input(builder, shape));
        graph::optimizer_update(builder, parameter, gradient, slots, attributes);
      });
}

// What is done with weights and gradients beside the update, where it is asked for.
void add_weight_ops(Graphs& graphs) {
  for (const Shape& shape : {Shape{8, 16}, Shape{128, 64}, Shape{784, 512}})
    graphs.add(1, [&](Builder& builder) {
      const ValueId parameter = input(builder, shape), gradient = input(builder, shape);
      const ValueId square = graph::sum_of_powers(builder, gradient, 0, 1);
      const ValueId factor = graph::clip_factor(builder, {square}, 1, /*global=*/true);
      const graph::Attributes attributes{{"optimizer", std::string("adafactor")},
                                         {"beta_2_decay", -0.8},
                                         {"epsilon_1", 1e-30},
                                         {"epsilon_2", 1e-3},
                                         {"clip_threshold", 1.0},
                                         {"weight_decay", 0.0}};
      std::vector<ValueId> slots;
      for (const graph::OptimizerSlot& slot : graph::optimizer_slots(attributes, shape))
        slots.push_back(input(builder, slot.shape));
      graph::optimizer_update(builder, parameter, gradient, slots, attributes, factor);
      graph::add_to_accumulator(builder, input(builder, shape), gradient, 2);
      graph::moving_average(builder, input(builder, shape), input(builder, shape), {0.99, 0, 1});
      graph::constrain(builder, input(builder, shape),
                       {{"function", std::string("max_norm")},
                        {"axes", std::vector<int64_t>{0}},
                        {"min_value", 0.0},
                        {"max_value", 2.0},
                        {"rate", 1.0}});
    });
}

// Of layers whose gradient is a product that the update is fused with.
void add_fused_updates(Graphs& graphs) {
  struct Layer {
    int64_t inputs, units;
  };
  for (const char* optimizer : kOptimizers)
    for (const Layer& layer : {Layer{64, 64}, {256, 256}, {784, 512}, {1024, 64}, {64, 1024}})
      for (const int64_t batch : {32, 128})
        for (const ValueRole role : {ValueRole::kInput, ValueRole::kState})
          graphs.add(batch, [&](Builder& builder) {
            const graph::Attributes attributes = optimizer_attributes(optimizer);
            const Shape shape{layer.inputs, layer.units};
            std::vector<ValueId> inputs{input(builder, shape),
                                        input(builder, {batch, layer.inputs}, role),
                                        input(builder, {batch, layer.units})};
            for (size_t i = 0; i < graph::optimizer_slots(attributes).size(); ++i)
              inputs.push_back(input(builder, shape));
            builder.add_op(graph::matmul_update_kind(), std::move(inputs), attributes);
          });
}

// Elementwise ops of one stage each.
void add_stages(Graphs& graphs) {
  for (int number = 0; number <= static_cast<int>(graph::StageFunction::kDropout); ++number)
    for (const int64_t elements : {64, 1024, 16384})
      graphs.add(1, [&](Builder& builder) {
        const auto function = static_cast<graph::StageFunction>(number);
        const bool has_operand = graph::stage_traits(function).has_operand;
        const Shape shape{elements / 32, 32};
        graph::Stage stage{function};
        stage.alpha = 0.25;
        std::vector<ValueId> inputs{input(builder, shape)};
        if (has_operand) {
          stage.operand = 1;
          inputs.push_back(
              input(builder, function == graph::StageFunction::kBiasAdd ? Shape{32} : shape));
        }
        builder.add_op(graph::elementwise_kind(), inputs, {}, {stage});
      });
}

}  // namespace

std::vector<Graph> calibration_graphs() {
  Graphs graphs;
  add_convolutions(graphs);
  add_products(graphs);
  add_image_ops(graphs);
  add_row_ops(graphs);
  add_sequence_ops(graphs);
  add_batch_products(graphs);
  add_recurrences(graphs);
  add_encodings(graphs);
  add_updates(graphs);
  add_fused_updates(graphs);
  add_weight_ops(graphs);
  add_stages(graphs);
  return graphs.take();
}

}  // namespace pronghorn::cost
