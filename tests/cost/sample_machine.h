#pragma once

#include "pronghorn/machine.h"

namespace pronghorn::test {

// A machine of round numbers: 100 Gflop/s a thread, two threads, caches of 32 KiB, 1 MiB and 16 MiB
// with 200, 100 and 50 GB/s, DRAM with 10. Kernels without a sample run at `rate` work per second.
Machine sample_machine(double rate = 50e9);

}  // namespace pronghorn::test
