#include "runtime/allocation_counter.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>

namespace pronghorn::testing {
namespace {

constexpr int kDepth = 48;

struct Range {
  uintptr_t begin = 0, end = 0;
};

std::atomic<bool> counting{false};
std::atomic<int64_t> in_onednn{0}, others{0};
Range onednn;
// Written by whoever makes the first of the others.
std::array<void*, kDepth> first_stack;
int first_depth = 0;
// backtrace() may allocate itself.
thread_local bool inside = false;

int find_onednn(dl_phdr_info* info, size_t, void*) {
  if (std::strstr(info->dlpi_name, "libdnnl") == nullptr) return 0;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& header = info->dlpi_phdr[i];
    if (header.p_type != PT_LOAD || (header.p_flags & PF_X) == 0) continue;
    onednn.begin = info->dlpi_addr + header.p_vaddr;
    onednn.end = onednn.begin + header.p_memsz;
  }
  return 1;
}

[[maybe_unused]] void count() {
  if (!counting.load(std::memory_order_relaxed) || inside) return;
  inside = true;
  std::array<void*, kDepth> stack;
  const int depth = backtrace(stack.data(), kDepth);
  bool below_onednn = false;
  for (int i = 0; i < depth; ++i) {
    const auto address = reinterpret_cast<uintptr_t>(stack[static_cast<size_t>(i)]);
    below_onednn = below_onednn || (address >= onednn.begin && address < onednn.end);
  }
  if (below_onednn) {
    ++in_onednn;
  } else if (others++ == 0) {
    first_stack = stack;
    first_depth = depth;
  }
  inside = false;
}

}  // namespace

void AllocationCounter::start() {
  dl_iterate_phdr(find_onednn, nullptr);
  std::array<void*, 4> stack;
  backtrace(stack.data(), 4);  // loads what it needs, which allocates
  in_onednn = 0;
  others = 0;
  first_depth = 0;
  counting = true;
}

AllocationCounts AllocationCounter::stop() {
  counting = false;
  AllocationCounts counts{in_onednn, others, ""};
  for (int i = 0; i < first_depth; ++i) {
    Dl_info info{};
    dladdr(first_stack[static_cast<size_t>(i)], &info);
    const char* name = info.dli_sname != nullptr ? info.dli_sname : info.dli_fname;
    counts.first_of_others += std::string("  ") + (name != nullptr ? name : "?") + "\n";
  }
  return counts;
}

}  // namespace pronghorn::testing

#if PRONGHORN_COUNTS_ALLOCATIONS

// glibc lets a program define these; its free() takes what its own functions gave.
extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* memory, size_t size);
void* __libc_memalign(size_t alignment, size_t size);

void* malloc(size_t size) {
  pronghorn::testing::count();
  return __libc_malloc(size);
}
void* calloc(size_t count, size_t size) {
  pronghorn::testing::count();
  return __libc_calloc(count, size);
}
void* realloc(void* memory, size_t size) {
  pronghorn::testing::count();
  return __libc_realloc(memory, size);
}
void* memalign(size_t alignment, size_t size) {
  pronghorn::testing::count();
  return __libc_memalign(alignment, size);
}
void* aligned_alloc(size_t alignment, size_t size) {
  pronghorn::testing::count();
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** memory, size_t alignment, size_t size) {
  pronghorn::testing::count();
  *memory = __libc_memalign(alignment, size);
  return *memory == nullptr ? ENOMEM : 0;
}
void* mmap(void* address, size_t length, int protection, int flags, int file, off_t offset) {
  pronghorn::testing::count();
  return reinterpret_cast<void*>(
      syscall(SYS_mmap, address, length, protection, flags, file, offset));
}
}

#endif
