// A small residual network by the functional API: layers are called on tensors, and a sum joins
// the two ways around a block. Usage: resnet_block [EPOCHS]

#include <cstdio>
#include <cstdlib>
#include <memory>

#include "pronghorn/callbacks.h"
#include "pronghorn/data.h"
#include "pronghorn/error.h"
#include "pronghorn/model.h"

using namespace pronghorn::layers;
using pronghorn::KerasTensor;

namespace {

// He et al., Deep Residual Learning for Image Recognition (2015), figure 2, as Keras writes it.
KerasTensor residual_block(const KerasTensor& input, int64_t filters) {
  const Conv2DOptions same{.padding = "same", .use_bias = false, .kernel_initializer = "he_normal"};
  KerasTensor x = Conv2D(filters, {3, 3}, same)(input);
  x = BatchNormalization()(x);
  x = Activation("relu")(x);
  x = Conv2D(filters, {3, 3}, same)(x);
  x = BatchNormalization()(x);
  x = Add()({x, input});
  return Activation("relu")(x);
}

}  // namespace

int main(int argc, char** argv) try {
  const int epochs = argc > 1 ? std::atoi(argv[1]) : 5;
  const pronghorn::TrainAndTest mnist = pronghorn::load_dataset("mnist-10k");

  const KerasTensor image = pronghorn::Input({28, 28, 1});
  KerasTensor x =
      Conv2D(16, {3, 3}, {.strides = {2, 2}, .padding = "same", .activation = "relu"})(image);
  x = residual_block(x, 16);
  x = residual_block(x, 16);
  x = GlobalAveragePooling2D()(x);
  pronghorn::Model model(image, Dense(10, {.activation = "softmax"})(x), "small_resnet");
  std::fputs(model.summary().c_str(), stdout);

  // Labels that are class numbers need no one-hot rows with this loss.
  model.compile({.optimizer = pronghorn::optimizer("adam"),
                 .loss = "sparse_categorical_crossentropy",
                 .metrics = {"accuracy"}});
  const std::unique_ptr<pronghorn::Callback> patience =
      pronghorn::EarlyStopping({.monitor = "val_accuracy", .patience = 3});
  model.fit(mnist.train.x, mnist.train.y,
            {.batch_size = 64,
             .epochs = epochs,
             .callbacks = {patience.get()},
             .validation_data = &mnist.test});
} catch (const pronghorn::Error& error) {
  std::fprintf(stderr, "resnet_block: %s\n", error.what());
  return 1;
}
