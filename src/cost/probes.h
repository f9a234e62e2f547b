#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace pronghorn::cost {

// Small loops whose speed is a limit of the machine, compiled for every instruction set.

// Names of the instruction sets that this CPU has and these probes are compiled for, weakest
// first: "SSE4", "AVX2", "AVX-512", "NEON".
std::vector<std::string> instruction_sets();

// The functions of one instruction set.
struct Probes {
  // Multiply-accumulates that depend on nothing but registers; returns how many were done.
  int64_t (*multiply_accumulate)(int64_t iterations);
  float (*read)(const float* src, int64_t elements);
  void (*write)(float* dst, int64_t elements, float value);
  void (*copy)(const float* src, float* dst, int64_t elements);
  // dst (m, n) += a (m, k) b (k, n), the textbook's loops with vectors innermost and no blocking.
  void (*product)(const float* a, const float* b, float* dst, int64_t m, int64_t n, int64_t k);
};
// Of instruction_sets()[index].
Probes probes(size_t index);

// The clock of the core that runs this, in hertz: a chain of additions, each of which waits for the
// one before, takes one cycle a link.
double measure_clock();

}  // namespace pronghorn::cost
