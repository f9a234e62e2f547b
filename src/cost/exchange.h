#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "cost/residence.h"
#include "graph/graph.h"
#include "pronghorn/machine.h"

namespace pronghorn::cost {

// Bytes that one of an op's threads must get from other cores, when steps follow each other: data
// that another thread wrote last, and places to write that another thread has read or written since
// this one wrote there (coherence of caches lets a core write only what no other core holds).
struct OpExchange {
  struct Bytes {
    double read = 0, written = 0;
  };
  // By Machine::Team::exchange's index.
  std::array<Bytes, 2> bytes;
};

// Who touches which part of a value, as far as kernels of all kinds have it in common: values with
// an image a row are cut by the batch's slices, for every op alike, and stay with their threads; a
// weight is read by all; what has no batch is written in parts that each op cuts in its own way; an
// op of one task is the first thread's. tasks[op]: Execution::tasks.
std::vector<OpExchange> exchanges(const graph::Graph& graph,
                                  const std::vector<graph::ValueId>& storage,
                                  const std::vector<OpResidence>& where,
                                  const std::vector<int64_t>& tasks, int threads);

// Beyond the time of the same bytes in the thread's own caches.
double exchange_seconds(const OpExchange& exchange, const Machine::Team& team);

}  // namespace pronghorn::cost
