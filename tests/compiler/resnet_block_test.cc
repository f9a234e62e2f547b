#include <gtest/gtest.h>

#include "base/philox.h"
#include "compiler/net.h"

namespace pronghorn::compiler::testing {
namespace {

constexpr int64_t kBatch = 32, kSize = 8;

// Images of noise with a bright line, whose direction is the class: no pixel alone tells it, a
// convolution does.
void fill_lines(const Net& net, const runtime::Executable& executable, uint64_t step) {
  const RandomStream random(0, 77, step);
  const auto size = static_cast<size_t>(kSize);
  for (size_t image = 0; image < static_cast<size_t>(kBatch); ++image) {
    const size_t label = random.word(2 * image) % 2;
    const size_t line = random.word(2 * image + 1) % size;
    float* pixels = executable.data(net.x) + image * size * size;
    for (size_t row = 0; row < size; ++row) {
      for (size_t column = 0; column < size; ++column) {
        const bool on_line = (label == 0 ? row : column) == line;
        const float noise = random.uniform(1000 + (image * size + row) * size + column);
        pixels[row * size + column] = 0.5f * noise + (on_line ? 0.5f : 0.0f);
      }
    }
    executable.data(net.y_true)[2 * image + label] = 1.0f;
    executable.data(net.y_true)[2 * image + 1 - label] = 0.0f;
  }
}

TEST(ResnetBlock, LearnsToTellDirections) {
  WeightStore weights(1);
  Net net(weights, kBatch);
  net.train(resnet_block(net, {kSize, kSize, 1}, 8, 2), optimizer("adam"));
  const auto executable = net.compile();
  const Parallel parallel(1);
  double first = 0, last = 0;
  constexpr uint64_t kSteps = 100;
  for (uint64_t step = 0; step < kSteps; ++step) {
    fill_lines(net, *executable, step);
    executable->run({parallel, /*seed=*/1, step, 0.01f});
    const double loss = *executable->data(net.loss);
    if (step < 5) first += loss / 5;
    if (step >= kSteps - 5) last += loss / 5;
  }
  // Guessing loses log 2 = 0.69; each batch is new, so that nothing can be learnt by heart.
  EXPECT_GT(first, 0.3);
  EXPECT_LT(last, 0.1);
}

}  // namespace
}  // namespace pronghorn::compiler::testing
