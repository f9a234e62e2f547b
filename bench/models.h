#pragma once

#include <string>
#include <vector>

#include "pronghorn/model.h"

namespace pronghorn::bench {

struct NamedModel {
  std::string name;
  Model model;
};

// The models of the zoo, and three outside of it: a VGG-like net (six 3x3 convolutions, 32-64-128)
// and ResNet-20 (He et al. 2015, section 4.2) on 32x32x3, and a deep narrow MLP.
std::vector<NamedModel> zoo_and_others();

// One of them, or wide-mlp, by its name.
Model named_model(const std::string& name);

Model vgg_like();
Model resnet20();
Model deep_narrow_mlp();
// Four layers of 1024 on 784 pixels. No part of zoo_and_others(): bench/peers/ trains it.
Model wide_mlp();

}  // namespace pronghorn::bench
