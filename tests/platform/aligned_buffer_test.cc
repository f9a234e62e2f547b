#include "platform/aligned_buffer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "pronghorn/error.h"

// The sanitizers' allocators end the program where malloc returns null, unless they are told.
extern "C" const char* __asan_default_options() { return "allocator_may_return_null=1"; }
extern "C" const char* __tsan_default_options() { return "allocator_may_return_null=1"; }

namespace pronghorn {
namespace {

TEST(AlignedBuffer, IsZeroedAndAligned) {
  for (size_t bytes : {size_t{1}, size_t{64}, size_t{1000}, size_t{3} << 20}) {
    const AlignedBuffer buffer(bytes);
    EXPECT_EQ(buffer.bytes(), bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % AlignedBuffer::kAlignment, 0u);
    EXPECT_TRUE(std::all_of(buffer.data(), buffer.data() + bytes,
                            [](std::byte b) { return b == std::byte{0}; }));
  }
}

TEST(AlignedBuffer, LargeBlocksBeginAtAHugePage) {
  const AlignedBuffer buffer(size_t{5} << 20);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % (size_t{2} << 20), 0u);
}

TEST(AlignedBuffer, OfNoBytesHoldsNothing) {
  EXPECT_EQ(AlignedBuffer(0).data(), nullptr);
  EXPECT_EQ(AlignedBuffer().bytes(), 0u);
}

TEST(AlignedBuffer, SaysHowMuchMemoryCannotBeHad) {
  try {
    const AlignedBuffer buffer(SIZE_MAX / 2);
    FAIL() << "got half of the address space";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr(std::to_string(SIZE_MAX / 2) + " bytes"));
  }
}

TEST(AlignedBuffer, OfAnImpossibleSizeDoesNotWrapAround) {
  EXPECT_THROW(AlignedBuffer(SIZE_MAX - 1), Error);
}

}  // namespace
}  // namespace pronghorn
