#pragma once

#include <span>

#include "kernels/kernel.h"

namespace pronghorn::kernels {

// All implementations of this kind of op, best first, the reference kernel last. Empty for a kind
// that is a view.
std::span<const Implementation* const> candidates(const graph::OpKind& kind);

// Every kind that has a list, for tests that go through them all.
std::vector<const graph::OpKind*> kinds_with_candidates();

}  // namespace pronghorn::kernels
