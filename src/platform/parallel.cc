#include "platform/parallel.h"

#include <omp.h>
#include <sched.h>

#include <algorithm>
#include <string>

#include "platform/denormals.h"
#include "pronghorn/error.h"

namespace pronghorn {

Parallel::Parallel(int threads) : threads_(threads == 0 ? available_cpus() : threads) {
  if (threads < 0) {
    throw ArgumentError("threads is " + std::to_string(threads) +
                        "; use 1 or more, or 0 for one per CPU");
  }
}

void Parallel::run(int64_t tasks, Range range, void* body) const {
  const int team = static_cast<int>(std::min<int64_t>(threads_, tasks));
  if (team <= 1) {
    const FlushDenormals flush;
    if (tasks > 0) range(body, 0, tasks, 0);
    return;
  }
#pragma omp parallel num_threads(team)
  {
    const FlushDenormals flush;
    // The runtime may grant fewer threads than asked for: share the tasks out by what it granted.
    const int64_t granted = omp_get_num_threads();
    const int64_t thread = omp_get_thread_num();
    range(body, tasks * thread / granted, tasks * (thread + 1) / granted, static_cast<int>(thread));
  }
}

int available_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return std::max(1, omp_get_num_procs());
  return std::max(1, CPU_COUNT(&set));
}

}  // namespace pronghorn
