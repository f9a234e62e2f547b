#pragma once

#include <cstddef>

namespace pronghorn::runtime {

// Ops [first, last) of a step. One runs as it likes. Several run slice by slice of the batch: a
// thread takes a slice through all of them (kernels/sliced_kernel.h).
struct Chain {
  size_t first;
  size_t last;
};

}  // namespace pronghorn::runtime
