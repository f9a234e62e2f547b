#pragma once

#include <string>
#include <vector>

namespace pronghorn {

// What Pronghorn knows of Keras, as its own code has it: documentation and messages are made from
// it, so neither can promise what isn't there.

struct KerasArgument {
  std::string name;
  // Empty where every value of Keras's is supported; else what is: "only null", "nearest,
  // bilinear". Any other value is refused, with the layer's name.
  std::string supported;
};

struct KerasLayer {
  std::string class_name;
  // In the order in which the layer reads them, beside name, trainable, dtype (only float32) and
  // activity_regularizer, which every layer has.
  std::vector<KerasArgument> arguments;
};

// Every layer class, by name.
std::vector<KerasLayer> supported_layers();

// By Keras's names; those of optimizers, losses and metrics are in compile_config.h.
std::vector<std::string> activation_names();
std::vector<std::string> initializer_names();

}  // namespace pronghorn
