#include "graph/ops/reshape.h"

#include <algorithm>
#include <cstring>
#include <memory>

#include "kernels/layout.h"
#include "kernels/simd/simd.h"

namespace pronghorn::kernels::simd {
namespace {

using graph::Layout;

// Channels that lie together in every layout.
constexpr int64_t kTogether = 8;

// A reorder moves runs of eight channels, so one loop does for all pairs of layouts. Copies of a
// constant size become vector loads and stores.
template <size_t kRunBytes>
void reorder_images(const std::byte* src, Layout from, std::byte* dst, Layout to,
                    const Shape& shape, int64_t first_row, int64_t last_row) {
  const int64_t width = shape[2], channels = shape[3];
  constexpr int64_t kElementBytes = static_cast<int64_t>(kRunBytes) / kTogether;
  // Bytes from a pixel to the next in its row.
  const auto pixel_bytes = [&](Layout layout) {
    const int64_t elements =
        layout == Layout::kPlain ? channels : (layout == Layout::kBlocked8 ? 8 : 16);
    return elements * kElementBytes;
  };
  const int64_t src_step = pixel_bytes(from), dst_step = pixel_bytes(to);
  for (int64_t row = first_row; row < last_row; ++row) {
    const int64_t n = row / shape[1], h = row % shape[1];
    for (int64_t c = 0; c < channels; c += kTogether) {
      const std::byte* from_run = src + element_offset(from, shape, n, h, 0, c) * kElementBytes;
      std::byte* to_run = dst + element_offset(to, shape, n, h, 0, c) * kElementBytes;
      for (int64_t w = 0; w < width; ++w, from_run += src_step, to_run += dst_step)
        std::memcpy(to_run, from_run, kRunBytes);
    }
  }
}

class ReorderKernel final : public Kernel {
 public:
  explicit ReorderKernel(const KernelCase& kernel_case)
      : shape_(kernel_case.input(0).shape),
        from_(kernel_case.input(0).layout),
        to_(kernel_case.output(0).layout),
        reorder_(graph::bytes_of(kernel_case.input(0).element) == 1
                     ? &reorder_images<kTogether>
                     : &reorder_images<kTogether * sizeof(float)>) {}

  void bind(const Buffers& buffers) override {
    src_ = buffers.inputs[0];
    dst_ = buffers.outputs[0];
  }

  void run(const RunContext& context) override {
    // Rows of pixels, all channels of each.
    const int64_t grain = std::max<int64_t>(1, 16384 / (shape_[2] * shape_[3]));
    context.parallel.for_ranges(shape_[0] * shape_[1], grain, [&](int64_t first, int64_t last) {
      reorder_(src_, from_, dst_, to_, shape_, first, last);
    });
  }

 private:
  Shape shape_;
  Layout from_, to_;
  void (*reorder_)(const std::byte*, Layout, std::byte*, Layout, const Shape&, int64_t, int64_t);
  const std::byte* src_ = nullptr;
  std::byte* dst_ = nullptr;
};

class Reorder final : public Implementation {
 public:
  std::string_view name() const override { return "simd.reorder"; }
  Family family() const override { return Family::kSimd; }

  std::optional<std::string> refuse(const KernelCase& kernel_case) const override {
    const Shape& shape = kernel_case.input(0).shape;
    if (shape.rank() != 4 || shape.back() % kTogether != 0)
      return "it moves images of a multiple of 8 channels";
    return std::nullopt;
  }

  OpLayouts layouts(const KernelCase& kernel_case,
                    std::span<const Layout> arriving) const override {
    return {{arriving[0]}, {kernel_case.output(0).layout}};
  }

  std::unique_ptr<Kernel> create(const KernelCase& kernel_case) const override {
    return std::make_unique<ReorderKernel>(kernel_case);
  }
};

}  // namespace

const Implementation& reorder() {
  static const Reorder implementation;
  return implementation;
}

}  // namespace pronghorn::kernels::simd
