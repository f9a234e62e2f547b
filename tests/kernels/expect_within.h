#pragma once

#include <string>

#include "kernels/single_op.h"

namespace pronghorn::test {

// Fails where an element is further from what is expected than its bound, or is NaN: prints the
// worst element, what was expected, what came, its bound, and how many are outside.
void expect_within(const Tensor& expected, const Tensor& actual, const Tensor& bound,
                   const std::string& what);

}  // namespace pronghorn::test
