// A user's project: learns to tell whether the left or the right half of a small picture is lit.

#include <cstdio>
#include <vector>

#include "pronghorn/model.h"

namespace {

namespace layers = pronghorn::layers;

constexpr int64_t kSamples = 64;
constexpr int64_t kSide = 6;

pronghorn::Dataset lit_halves() {
  pronghorn::Dataset data;
  data.x.shape = {kSamples, kSide, kSide, 1};
  data.y.shape = {kSamples};
  for (int64_t sample = 0; sample < kSamples; ++sample) {
    const bool right = sample % 2 == 1;
    const float brightness = 0.5f + static_cast<float>(sample) / (2 * kSamples);
    for (int64_t pixel = 0; pixel < kSide * kSide; ++pixel)
      data.x.values.push_back((pixel % kSide >= kSide / 2) == right ? brightness : 0.0f);
    data.y.values.push_back(right ? 1.0f : 0.0f);
  }
  return data;
}

}  // namespace

int main() {
  const pronghorn::Dataset data = lit_halves();
  pronghorn::Sequential model(
      {kSide, kSide, 1}, {layers::Conv2D(4, {3, 3}, {.activation = "relu"}), layers::MaxPooling2D(),
                          layers::Flatten(), layers::Dense(2, {.activation = "softmax"})});
  model.compile({.optimizer = pronghorn::optimizer("adam"), .metrics = {"accuracy"}, .seed = 1});
  const pronghorn::History history = model.fit(
      data.x, data.y, {.batch_size = 16, .epochs = 10, .verbose = pronghorn::Verbose::kSilent});

  const std::vector<double>& loss = history.history.at("loss");
  if (loss.size() != 10 || !(loss.back() < loss.front())) {
    std::printf("consumer: the loss did not fall: %g to %g\n", loss.front(), loss.back());
    return 1;
  }
  std::printf("consumer: the loss fell from %g to %g\n", loss.front(), loss.back());
}
