#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "graph/builder.h"
#include "model/layers/spatial.h"
#include "model/layers/window.h"

namespace pronghorn::model {

class ConfigReader;

// What all convolutional layers share.

// kernel_size, strides, dilation_rate and padding.
Window read_window(const Spatial& spatial, ConfigReader& reader, bool allow_causal);
// The same and data_format, appended to a layer's config.
void write_window(const Spatial& spatial, const Window& window, nlohmann::ordered_json& config);

std::string kernel_does_not_fit(const Spatial& spatial, const Window& window, const Shape& image);

// A kernel's shape as Keras has it, (height, width, inputs, outputs) or (steps, inputs, outputs),
Shape kernel_shape(const Spatial& spatial, const Window& window, int64_t inputs, int64_t outputs);
// and such a kernel under the shape that conv2d takes.
graph::ValueId image_kernel(graph::Builder& builder, const Window& window, graph::ValueId kernel,
                            int64_t inputs, int64_t outputs);

}  // namespace pronghorn::model
