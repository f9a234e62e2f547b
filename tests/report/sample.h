#pragma once

#include <string>
#include <vector>

#include "pronghorn/explain.h"
#include "pronghorn/machine.h"
#include "pronghorn/profile.h"

// Explanations made by hand: reports compute nothing, so no model has to be run to test them. The
// counts are those of real models where that is little work; times are invented.
namespace pronghorn::report {

Machine sample_machine();

// mnist-cnn, batch 128, 2 threads, with findings, ladder, arena and threads. Measured: with profile
// and trace.
Explanation sample_cnn(bool measured = true);
Explanation sample_mlp(bool measured = true);
// So many convolutions with long names, each with three ops.
Explanation sample_deep(int layers = 40);
Explanation sample_one_layer();
// An LSTM-like layer stops it.
Explanation sample_untrainable();

// sample_mlp against sample_cnn.
Comparison sample_comparison(bool measured = true);
// The last one is impossible.
std::vector<Variant> sample_variants();

}  // namespace pronghorn::report
