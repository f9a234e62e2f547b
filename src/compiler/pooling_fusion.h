#pragma once

#include "graph/graph.h"
#include "kernels/selection.h"

namespace pronghorn::compiler {

// Max-pooling keeps one element of a window and drops the others: what comes before it can be done
// after it, on fewer elements, or need not be written. Each function rewrites the graph.

// Of a forward graph, before gradients are taken: biases and activations that keep the order of
// numbers (graph::keeps_order) change places with the max-pooling that alone reads them, so that
// they and their gradients are computed for what it keeps. The result is the same to the bit. The
// index is that of the largest number before the activation: where an activation makes equals of
// what differed, as relu does of negative numbers, another of the equals may get the gradient,
// which in a window that relu cut is zero.
void move_activations_behind_max_pooling(graph::Graph& graph);

// A convolution that only a max-pooling reads becomes one conv2d_max_pool2d with it, where a kernel
// other than the textbook's runs that.
void fuse_max_pooling(graph::Graph& graph, int threads, const kernels::Policy& policy);

// A max-pooling's gradient that only gradients of convolutions read goes into them, where they have
// a kernel that skips its zeros.
void fuse_max_pool_gradients(graph::Graph& graph, int threads, const kernels::Policy& policy);

}  // namespace pronghorn::compiler
