#pragma once

#include <cstdint>
#include <string>

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
// and stop(). It takes the places of malloc and its like, which operator new calls, too; so do the
// sanitizers, with which it can't be used.
class AllocationCounter {
 public:
  static constexpr bool kWorks =
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
      false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
      false;
#else
      true;
#endif
#else
      true;
#endif

  static void start();
  static AllocationCounts stop();
};

}  // namespace pronghorn::testing
