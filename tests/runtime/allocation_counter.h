#pragma once

#include <cstdint>
#include <string>

// Sanitizers take malloc's place themselves. GCC and clang say in different ways that one is on.
#if defined(__has_feature)
#define PRONGHORN_HAS_FEATURE(feature) __has_feature(feature)
#else
#define PRONGHORN_HAS_FEATURE(feature) 0
#endif
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && \
    !PRONGHORN_HAS_FEATURE(address_sanitizer) && !PRONGHORN_HAS_FEATURE(thread_sanitizer)
#define PRONGHORN_COUNTS_ALLOCATIONS 1
#else
#define PRONGHORN_COUNTS_ALLOCATIONS 0
#endif

namespace pronghorn::testing {

struct AllocationCounts {
  // By oneDNN, or below it: dnnl_primitive_execute makes a few small ones at each call, and
  // dnnl_sgemm one for its packing; no caller can keep them from it.
  int64_t in_onednn = 0;
  int64_t others = 0;
  // The call stack of the first of the others.
  std::string first_of_others;
};

// Counts the heap allocations and memory mappings of all threads of this program between start()
// and stop(). It takes the places of malloc and its like, which operator new calls, too; where it
// can't (kWorks), it counts nothing.
class AllocationCounter {
 public:
  static constexpr bool kWorks = PRONGHORN_COUNTS_ALLOCATIONS != 0;

  static void start();
  static AllocationCounts stop();
};

}  // namespace pronghorn::testing
