// Keras's example mnist_mlp.py, in C++. Usage: mnist_mlp [EPOCHS]

#include <cstdio>
#include <cstdlib>

#include "pronghorn/data.h"
#include "pronghorn/error.h"
#include "pronghorn/model.h"

using namespace pronghorn::layers;

int main(int argc, char** argv) try {
  const int epochs = argc > 1 ? std::atoi(argv[1]) : 20;

  // 9,000 digits to learn from and 1,000 to be tested on, pixels in [0, 1].
  const pronghorn::TrainAndTest mnist = pronghorn::load_dataset("mnist-10k");

  pronghorn::Sequential model({784});
  model.add(Dense(512, {.activation = "relu"}));
  model.add(Dropout(0.2));
  model.add(Dense(512, {.activation = "relu"}));
  model.add(Dropout(0.2));
  model.add(Dense(10, {.activation = "softmax"}));
  std::fputs(model.summary().c_str(), stdout);

  model.compile({.optimizer = pronghorn::optimizer("rmsprop"),
                 .loss = "categorical_crossentropy",
                 .metrics = {"accuracy"}});
  model.fit(mnist.train.x, mnist.train.y,
            {.batch_size = 128, .epochs = epochs, .validation_data = &mnist.test});

  for (const auto& [name, value] : model.evaluate(mnist.test.x, mnist.test.y))
    std::printf("Test %s: %.4f\n", name.c_str(), value);
} catch (const pronghorn::Error& error) {
  std::fprintf(stderr, "mnist_mlp: %s\n", error.what());
  return 1;
}
