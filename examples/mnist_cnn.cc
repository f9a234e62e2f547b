// Keras's example mnist_cnn.py as of 2017, in C++: its layers, and its Adadelta with the learning
// rate of that time. Usage: mnist_cnn [EPOCHS]

#include <cstdio>
#include <cstdlib>

#include "pronghorn/data.h"
#include "pronghorn/error.h"
#include "pronghorn/model.h"

using namespace pronghorn::layers;

int main(int argc, char** argv) try {
  const int epochs = argc > 1 ? std::atoi(argv[1]) : 12;
  const pronghorn::TrainAndTest mnist = pronghorn::load_dataset("mnist-10k");

  pronghorn::Sequential model({28, 28, 1});
  model.add(Conv2D(32, {3, 3}, {.activation = "relu"}));
  model.add(Conv2D(64, {3, 3}, {.activation = "relu"}));
  model.add(MaxPooling2D({2, 2}));
  model.add(Dropout(0.25));
  model.add(Flatten());
  model.add(Dense(128, {.activation = "relu"}));
  model.add(Dropout(0.5));
  model.add(Dense(10, {.activation = "softmax"}));
  std::fputs(model.summary().c_str(), stdout);

  model.compile({.optimizer = pronghorn::optimizer("adadelta", pronghorn::Preset::kKeras2017),
                 .loss = "categorical_crossentropy",
                 .metrics = {"accuracy"}});
  model.fit(mnist.train.x, mnist.train.y,
            {.batch_size = 128, .epochs = epochs, .validation_data = &mnist.test});
  model.save_weights("mnist_cnn.safetensors");

  for (const auto& [name, value] : model.evaluate(mnist.test.x, mnist.test.y))
    std::printf("Test %s: %.4f\n", name.c_str(), value);
} catch (const pronghorn::Error& error) {
  std::fprintf(stderr, "mnist_cnn: %s\n", error.what());
  return 1;
}
