#include "graph/ops/reshape.h"

#include <cstring>
#include <memory>

#include "kernels/image_kernel.h"
#include "kernels/simd/simd.h"

namespace pronghorn::kernels::simd {
namespace {

using graph::Layout;

// Where a pixel's channels are within its image, in elements:
// (c >> shift) plane + pixel step + (c & mask).
struct Placement {
  int64_t step, plane, mask;
  int shift;

  Placement(Layout layout, int64_t pixels, int64_t channels)
      : step(channels), plane(0), mask(-1), shift(62) {
    if (layout == Layout::kPlain) return;
    shift = layout == Layout::kBlocked8 ? 3 : 4;
    step = int64_t{1} << shift;
    plane = pixels * step;
    mask = step - 1;
  }
  int64_t operator()(int64_t pixel, int64_t channel) const {
    return (channel >> shift) * plane + pixel * step + (channel & mask);
  }
};

// Moves the pixels of one image in runs of kRun channels that lie together in both
// layouts. Pixel by pixel, so that a plain tensor is walked in order and a blocked one in as many
// streams as it has blocks, each in order: block by block took twice as long. Copies
// of a constant size become vector loads and stores.
template <int64_t kRun, int64_t kElementBytes>
void reorder_pixels(const std::byte* src, const Placement& from, std::byte* dst,
                    const Placement& to, int64_t channels, int64_t pixels) {
  for (int64_t pixel = 0; pixel < pixels; ++pixel)
    for (int64_t channel = 0; channel < channels; channel += kRun)
      std::memcpy(dst + to(pixel, channel) * kElementBytes,
                  src + from(pixel, channel) * kElementBytes, kRun * kElementBytes);
}

using ReorderPixels = void (*)(const std::byte* src, const Placement& from, std::byte* dst,
                               const Placement& to, int64_t channels, int64_t pixels);

ReorderPixels choose(const graph::Value& src, const graph::Value& dst) {
  const bool long_runs = src.shape.back() % 16 == 0 && src.layout != Layout::kBlocked8 &&
                         dst.layout != Layout::kBlocked8;
  if (graph::bytes_of(src.element) == 1)
    return long_runs ? &reorder_pixels<16, 1> : &reorder_pixels<8, 1>;
  return long_runs ? &reorder_pixels<16, 4> : &reorder_pixels<8, 4>;
}

class ReorderKernel final : public ImageKernel {
 public:
  explicit ReorderKernel(const KernelCase& kernel_case)
      : ImageKernel(kernel_case, BatchSlices(kernel_case.input(0).shape[0]),
                    {.inputs = 1, .outputs = 1}),
        pixels_(kernel_case.input(0).shape[1] * kernel_case.input(0).shape[2]),
        channels_(kernel_case.input(0).shape[3]),
        image_bytes_(pixels_ * channels_ * graph::bytes_of(kernel_case.input(0).element)),
        from_(kernel_case.input(0).layout, pixels_, channels_),
        to_(kernel_case.output(0).layout, pixels_, channels_),
        reorder_(choose(kernel_case.input(0), kernel_case.output(0))) {}

  void bind(const Buffers& buffers) override {
    src_ = buffers.inputs[0];
    dst_ = buffers.outputs[0];
  }

 private:
  void run_image(const RunContext&, int64_t image, int) const override {
    const int64_t offset = image * image_bytes_;
    reorder_(src_ + offset, from_, dst_ + offset, to_, channels_, pixels_);
  }

  int64_t pixels_, channels_, image_bytes_;
  Placement from_, to_;
  ReorderPixels reorder_;
  const std::byte* src_ = nullptr;
  std::byte* dst_ = nullptr;
};

class Reorder final : public Implementation {
 public:
  std::string_view name() const override { return "simd.reorder"; }
  Family family() const override { return Family::kSimd; }

  std::optional<std::string> refuse(const KernelCase& kernel_case) const override {
    const Shape& shape = kernel_case.input(0).shape;
    if (shape.rank() != 4 || shape.back() % 8 != 0)
      return "it moves images of a multiple of 8 channels";
    return std::nullopt;
  }

  OpLayouts layouts(const KernelCase& kernel_case,
                    std::span<const Layout> arriving) const override {
    return {{arriving[0]}, {kernel_case.output(0).layout}};
  }

  Execution execution(const KernelCase& kernel_case) const override {
    Execution execution = Implementation::execution(kernel_case);
    execution.tasks = kernel_case.input(0).shape[0];
    return execution;
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
