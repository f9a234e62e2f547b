#pragma once

#include "graph/graph.h"
#include "kernels/selection.h"

namespace pronghorn::compiler {

// What can be done together. Each function rewrites the graph and keeps its meaning.

// Of a forward graph: a crossentropy of a softmax (or of logits) becomes one softmax_cross_entropy
// op on the logits. It is both stabler and cheaper: its gradient is p - y. Keras on TensorFlow does
// the same; it differs from the separate form only where a probability is clipped at 1e-7.
void fuse_softmax_cross_entropy(graph::Graph& graph);

// sum_rows of a convolution's diff_dst (its bias gradient) becomes a second output of the gradient
// to the weights that reads the same diff_dst, of a convolution alone or of one that is max-pooled.
void fuse_bias_gradients(graph::Graph& graph);

// A reshape of which an elementwise op is the only reader changes places with it, so that the
// elementwise op can join what comes before; its operands are reshaped instead. A stage's element
// numbers are those of the row-major order, which a reshape keeps.
void move_views_behind_elementwise(graph::Graph& graph);

// An elementwise op moves into the epilogue of the op whose output it reads, where nothing else
// reads that output and the longer epilogue doesn't cost the op its kernel; chains of elementwise
// ops become one.
void fuse_epilogues(graph::Graph& graph, int threads, const kernels::Policy& policy);

// A weight's update joins the product that computes its gradient, where nothing else reads that
// gradient and a kernel of ours does both; it then stands behind the last other reader of the
// weight.
void fuse_updates(graph::Graph& graph, int threads, const kernels::Policy& policy);

// Removes ops of which nothing is used.
void remove_unused_ops(graph::Graph& graph);

}  // namespace pronghorn::compiler
