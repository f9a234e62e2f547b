#include "graph/ops/pool2d.h"

#include "kernels/simd/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/pool2d.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h, which compiles this file once per instruction set.
#include <hwy/highway.h>

#include "kernels/simd/rows-inl.h"

#ifndef PRONGHORN_KERNELS_SIMD_POOL2D_ONCE_
#define PRONGHORN_KERNELS_SIMD_POOL2D_ONCE_

namespace pronghorn::kernels::simd {

// The elements of one axis that a window covers inside of the image: [begin, end), and the place
// in the window of the first.
struct WindowRange {
  int64_t begin, end, place;
};

inline WindowRange window_range(int64_t window, int64_t stride, int64_t before, int64_t size,
                                int64_t extent) {
  const int64_t begin = window * stride - before;
  const int64_t first = begin < 0 ? 0 : begin;
  return {first, begin + size < extent ? begin + size : extent, first - begin};
}

}  // namespace pronghorn::kernels::simd
#endif

HWY_BEFORE_NAMESPACE();
namespace pronghorn::kernels::simd {
namespace HWY_NAMESPACE {

using graph::Pool2dGeometry;

// Indices of elements within their windows, stored as bytes or as integers.
HWY_INLINE void store_index(hn::Vec<hn::RebindToSigned<D>> index, size_t count, uint8_t* to) {
  const hn::Rebind<uint8_t, D> d8;
  if (count == hn::Lanes(D()))
    hn::StoreU(hn::DemoteTo(d8, index), d8, to);
  else {
    HWY_ALIGN uint8_t bytes[hn::MaxLanes(D())];
    hn::StoreU(hn::DemoteTo(d8, index), d8, bytes);
    for (size_t i = 0; i < count; ++i) to[i] = bytes[i];
  }
}
HWY_INLINE void store_index(hn::Vec<hn::RebindToSigned<D>> index, size_t count, int32_t* to) {
  store_n(index, hn::RebindToSigned<D>(), to, count);
}
HWY_INLINE hn::Vec<hn::RebindToSigned<D>> load_index(const uint8_t* from, size_t count) {
  const hn::Rebind<uint8_t, D> d8;
  const hn::RebindToSigned<D> di;
  if (count == hn::Lanes(D())) return hn::PromoteTo(di, hn::LoadU(d8, from));
  HWY_ALIGN uint8_t bytes[hn::MaxLanes(D())] = {};
  for (size_t i = 0; i < count; ++i) bytes[i] = from[i];
  return hn::PromoteTo(di, hn::LoadU(d8, bytes));
}
HWY_INLINE hn::Vec<hn::RebindToSigned<D>> load_index(const int32_t* from, size_t count) {
  return load_n(hn::RebindToSigned<D>(), from, count);
}

HWY_INLINE size_t lanes_of(const WholePart&) { return hn::Lanes(D()); }
HWY_INLINE size_t lanes_of(const RestPart& part) { return part.count; }

// A window over one image; visit(element, place) for those of its elements that lie inside, where
// element is the offset of the pixel's first channel.
struct Window {
  WindowRange rows, columns;
  int64_t width, channels, pool_w;

  Window(const Pool2dGeometry& g, int64_t y, int64_t x)
      : rows(window_range(y, g.window.stride_h, g.window.padding.top, g.window.pool_h, g.height)),
        columns(
            window_range(x, g.window.stride_w, g.window.padding.left, g.window.pool_w, g.width)),
        width(g.width),
        channels(g.channels),
        pool_w(g.window.pool_w) {}

  int64_t count() const { return (rows.end - rows.begin) * (columns.end - columns.begin); }

  template <class Visit>
  HWY_INLINE void visit(Visit f) const {
    for (int64_t row = rows.begin; row < rows.end; ++row)
      for (int64_t column = columns.begin; column < columns.end; ++column)
        f(static_cast<size_t>((row * width + column) * channels),
          static_cast<int32_t>((rows.place + row - rows.begin) * pool_w + columns.place + column -
                               columns.begin));
  }
};

// One row of windows of one image. `src` and `dst` are the image's and the row's begin.
template <class Index>
void max_pool_row(const Pool2dGeometry& g, int64_t y, const float* src, float* dst,
                  std::byte* index_bytes) {
  const hn::RebindToSigned<D> di;
  Index* index = reinterpret_cast<Index*>(index_bytes);
  const size_t channels = static_cast<size_t>(g.channels);
  for (int64_t x = 0; x < g.out_width; ++x, dst += channels, index += channels) {
    const Window window(g, y, x);
    for_parts(channels, [&](auto part) HWY_ATTR {
      // The first element wins against nothing, whatever it is.
      bool first = true;
      V most = hn::Zero(D());
      auto winner = hn::Zero(di);
      window.visit([&](size_t element, int32_t place) HWY_ATTR {
        const V value = part.load(src + element);
        if (first) {
          most = value;
          winner = hn::Set(di, place);
          first = false;
          return;
        }
        const auto wins = hn::Gt(value, most);
        most = hn::IfThenElse(wins, value, most);
        winner = hn::IfThenElse(hn::RebindMask(di, wins), hn::Set(di, place), winner);
      });
      part.store(most, dst);
      store_index(winner, lanes_of(part), index + part.at);
    });
  }
}

// One image. Each gradient is added at every element of its window, as it is at the winner and as
// zero elsewhere: no address depends on data.
template <class Index>
void max_pool_backward_image(const Pool2dGeometry& g, const float* diff_dst,
                             const std::byte* index_bytes, float* diff_src) {
  const hn::RebindToSigned<D> di;
  const Index* index = reinterpret_cast<const Index*>(index_bytes);
  const size_t channels = static_cast<size_t>(g.channels);
  for (int64_t y = 0; y < g.out_height; ++y) {
    for (int64_t x = 0; x < g.out_width; ++x, diff_dst += channels, index += channels) {
      const Window window(g, y, x);
      for_parts(channels, [&](auto part) HWY_ATTR {
        const V gradient = part.load(diff_dst);
        const auto winner = load_index(index + part.at, lanes_of(part));
        window.visit([&](size_t element, int32_t place) HWY_ATTR {
          const auto won = hn::RebindMask(D(), hn::Eq(winner, hn::Set(di, place)));
          float* to = diff_src + element;
          part.store(hn::Add(part.load(to), hn::IfThenElseZero(won, gradient)), to);
        });
      });
    }
  }
}

void average_pool_row(const Pool2dGeometry& g, int64_t y, const float* src, float* dst,
                      std::byte*) {
  const size_t channels = static_cast<size_t>(g.channels);
  for (int64_t x = 0; x < g.out_width; ++x, dst += channels) {
    const Window window(g, y, x);
    const V count = hn::Set(D(), static_cast<float>(window.count()));
    for_parts(channels, [&](auto part) HWY_ATTR {
      V sum = hn::Zero(D());
      window.visit([&](size_t element, int32_t)
                       HWY_ATTR { sum = hn::Add(sum, part.load(src + element)); });
      part.store(hn::Div(sum, count), dst);
    });
  }
}

void average_pool_backward_image(const Pool2dGeometry& g, const float* diff_dst, const std::byte*,
                                 float* diff_src) {
  const size_t channels = static_cast<size_t>(g.channels);
  for (int64_t y = 0; y < g.out_height; ++y) {
    for (int64_t x = 0; x < g.out_width; ++x, diff_dst += channels) {
      const Window window(g, y, x);
      const V count = hn::Set(D(), static_cast<float>(window.count()));
      for_parts(channels, [&](auto part) HWY_ATTR {
        const V share = hn::Div(part.load(diff_dst), count);
        window.visit([&](size_t element, int32_t) HWY_ATTR {
          float* to = diff_src + element;
          part.store(hn::Add(part.load(to), share), to);
        });
      });
    }
  }
}

using PoolRow = void (*)(const Pool2dGeometry&, int64_t y, const float* src, float* dst,
                         std::byte* index);
using PoolBackwardImage = void (*)(const Pool2dGeometry&, const float* diff_dst,
                                   const std::byte* index, float* diff_src);

// `index_bytes` is the size of an element of max_pool2d's index, 0 for averages.
PoolRow choose_pool_row(int64_t index_bytes) {
  if (index_bytes == 0) return &average_pool_row;
  return index_bytes == 1 ? &max_pool_row<uint8_t> : &max_pool_row<int32_t>;
}
PoolBackwardImage choose_pool_backward(int64_t index_bytes) {
  if (index_bytes == 0) return &average_pool_backward_image;
  return index_bytes == 1 ? &max_pool_backward_image<uint8_t> : &max_pool_backward_image<int32_t>;
}

}  // namespace HWY_NAMESPACE
}  // namespace pronghorn::kernels::simd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include <algorithm>
#include <memory>

#include "kernels/image_kernel.h"
#include "kernels/simd/dispatch.h"
#include "kernels/simd/epilogue.h"

namespace pronghorn::kernels::simd {
namespace {

HWY_EXPORT(choose_pool_row);
HWY_EXPORT(choose_pool_backward);

using PoolRow = void (*)(const graph::Pool2dGeometry&, int64_t y, const float* src, float* dst,
                         std::byte* index);
using PoolBackwardImage = void (*)(const graph::Pool2dGeometry&, const float* diff_dst,
                                   const std::byte* index, float* diff_src);

// The size of an element of the op's index; 0 where it has none.
int64_t index_bytes(const KernelCase& kernel_case) {
  if (kernel_case.op.kind == &graph::max_pool2d_kind())
    return graph::bytes_of(kernel_case.output(1).element);
  if (kernel_case.op.kind == &graph::max_pool2d_backward_kind())
    return graph::bytes_of(kernel_case.input(1).element);
  return 0;
}

class Pool final : public SlicedKernel {
 public:
  explicit Pool(const KernelCase& kernel_case)
      : SlicedKernel(kernel_case, BatchSlices(kernel_case.input(0).shape[0]),
                     {.inputs = 1, .outputs = 2}),
        g_(graph::pool2d_geometry(kernel_case.graph, kernel_case.op)),
        index_bytes_(index_bytes(kernel_case)),
        stages_(kernel_case) {
    choose_target();
    pool_row_ = HWY_DYNAMIC_DISPATCH(choose_pool_row)(index_bytes_);
  }

  void bind(const Buffers& buffers) override {
    stages_.bind(buffers);
    src_ = buffers.input(0);
    dst_ = buffers.output(0);
    index_ = index_bytes_ == 0 ? nullptr : buffers.outputs[1];
  }

  void run_slice(const RunContext& context, int64_t slice, int) override {
    run_rows(context, slices().begin(slice) * g_.out_height, slices().end(slice) * g_.out_height);
  }

  // Alone, rows of outputs are tasks.
  void run(const RunContext& context) override {
    const int64_t row_products = g_.out_width * g_.channels * g_.window.pool_h * g_.window.pool_w;
    const int64_t grain = std::max<int64_t>(1, 16384 / row_products);
    context.parallel.for_ranges(g_.batch * g_.out_height, grain, [&](int64_t first, int64_t last) {
      run_rows(context, first, last);
    });
  }

 private:
  void run_rows(const RunContext& context, int64_t first, int64_t last) const {
    const int64_t row_elements = g_.out_width * g_.channels;
    for (int64_t row = first; row < last; ++row) {
      const int64_t image = row / g_.out_height;
      float* dst = dst_ + row * row_elements;
      pool_row_(g_, row % g_.out_height, src_ + image * g_.height * g_.width * g_.channels, dst,
                index_ + row * row_elements * index_bytes_);
      if (!stages_.empty()) stages_.apply(dst, dst, row * row_elements, row_elements, context);
    }
  }

  graph::Pool2dGeometry g_;
  int64_t index_bytes_;
  Epilogue stages_;
  PoolRow pool_row_;
  const float* src_ = nullptr;
  float* dst_ = nullptr;
  std::byte* index_ = nullptr;
};

// One image of a max-pooling whose windows don't overlap and whose few channels would leave most of
// a vector idle: each gradient goes to its winner's place.
template <class Index>
void scatter_image(const graph::Pool2dGeometry& g, const float* diff_dst,
                   const std::byte* index_bytes, float* diff_src) {
  const Index* index = reinterpret_cast<const Index*>(index_bytes);
  const graph::Pool2dWindow& w = g.window;
  for (int64_t y = 0; y < g.out_height; ++y)
    for (int64_t x = 0; x < g.out_width; ++x, diff_dst += g.channels, index += g.channels) {
      const int64_t row = y * w.stride_h - w.padding.top, column = x * w.stride_w - w.padding.left;
      for (int64_t c = 0; c < g.channels; ++c) {
        const int64_t winner_row = row + index[c] / w.pool_w;
        const int64_t winner_column = column + index[c] % w.pool_w;
        diff_src[(winner_row * g.width + winner_column) * g.channels + c] = diff_dst[c];
      }
    }
}

// The same for windows of 2x2, the usual ones, without divisions.
void scatter_image_2x2(const graph::Pool2dGeometry& g, const float* diff_dst,
                       const std::byte* index_bytes, float* diff_src) {
  const auto* index = reinterpret_cast<const uint8_t*>(index_bytes);
  const graph::Pool2dWindow& w = g.window;
  const int64_t places[4] = {0, g.channels, g.width * g.channels, (g.width + 1) * g.channels};
  for (int64_t y = 0; y < g.out_height; ++y)
    for (int64_t x = 0; x < g.out_width; ++x, diff_dst += g.channels, index += g.channels) {
      float* const window = diff_src + ((y * w.stride_h - w.padding.top) * g.width +
                                        x * w.stride_w - w.padding.left) *
                                           g.channels;
      for (int64_t c = 0; c < g.channels; ++c) window[places[index[c]] + c] = diff_dst[c];
    }
}

PoolBackwardImage choose_scatter(const graph::Pool2dGeometry& g, int64_t index_bytes) {
  if (g.window.pool_h == 2 && g.window.pool_w == 2) return &scatter_image_2x2;
  return index_bytes == 1 ? &scatter_image<uint8_t> : &scatter_image<int32_t>;
}

class PoolBackward final : public ImageKernel {
 public:
  explicit PoolBackward(const KernelCase& kernel_case, bool scatter = false)
      : ImageKernel(kernel_case, BatchSlices(kernel_case.input(0).shape[0]),
                    {.inputs = index_bytes(kernel_case) == 0 ? 1 : 2, .outputs = 1}),
        g_(graph::pool2d_geometry(kernel_case.graph, kernel_case.op)),
        index_bytes_(index_bytes(kernel_case)),
        stages_(kernel_case) {
    choose_target();
    pool_image_ = scatter ? choose_scatter(g_, index_bytes_)
                          : HWY_DYNAMIC_DISPATCH(choose_pool_backward)(index_bytes_);
  }

  void bind(const Buffers& buffers) override {
    stages_.bind(buffers);
    diff_dst_ = buffers.input(0);
    diff_src_ = buffers.output(0);
    index_ = index_bytes_ == 0 ? nullptr : buffers.inputs[1];
  }

 private:
  void run_image(const RunContext& context, int64_t image, int) const override {
    const int64_t src_elements = g_.height * g_.width * g_.channels;
    const int64_t dst_elements = g_.out_height * g_.out_width * g_.channels;
    float* diff_src = diff_src_ + image * src_elements;
    std::fill(diff_src, diff_src + src_elements, 0.0f);
    pool_image_(g_, diff_dst_ + image * dst_elements, index_ + image * dst_elements * index_bytes_,
                diff_src);
    if (!stages_.empty())
      stages_.apply(diff_src, diff_src, image * src_elements, src_elements, context);
  }

  graph::Pool2dGeometry g_;
  int64_t index_bytes_;
  Epilogue stages_;
  PoolBackwardImage pool_image_;
  const float* diff_dst_ = nullptr;
  float* diff_src_ = nullptr;
  const std::byte* index_ = nullptr;
};

template <class KernelType>
class PoolImplementation final : public Implementation {
 public:
  explicit PoolImplementation(std::string_view name) : name_(name) {}
  std::string_view name() const override { return name_; }
  Family family() const override { return Family::kSimd; }
  bool takes_epilogue() const override { return true; }
  Execution execution(const KernelCase& kernel_case) const override {
    Execution execution = Implementation::execution(kernel_case);
    execution.tasks = kernel_case.graph.batch;  // at least an image each
    return execution;
  }
  std::unique_ptr<Kernel> create(const KernelCase& kernel_case) const override {
    return std::make_unique<KernelType>(kernel_case);
  }

 private:
  std::string_view name_;
};

class FewChannelsBackward final : public Implementation {
 public:
  std::string_view name() const override { return "simd.max_pool2d_backward.few_channels"; }
  Family family() const override { return Family::kSimd; }
  bool takes_epilogue() const override { return true; }
  std::optional<std::string> refuse(const KernelCase& kernel_case) const override {
    const graph::Pool2dGeometry g = graph::pool2d_geometry(kernel_case.graph, kernel_case.op);
    // From eight channels on, oneDNN's vectors of them are as quick.
    if (g.channels >= 8) return "it is for fewer than 8 channels";
    if (g.window.stride_h < g.window.pool_h || g.window.stride_w < g.window.pool_w)
      return "it is for windows that don't overlap";
    return std::nullopt;
  }
  Execution execution(const KernelCase& kernel_case) const override {
    Execution execution = Implementation::execution(kernel_case);
    execution.tasks = kernel_case.graph.batch;
    return execution;
  }
  std::unique_ptr<Kernel> create(const KernelCase& kernel_case) const override {
    return std::make_unique<PoolBackward>(kernel_case, /*scatter=*/true);
  }
};

}  // namespace

const Implementation& max_pool2d_backward_few_channels() {
  static const FewChannelsBackward implementation;
  return implementation;
}
const Implementation& max_pool2d() {
  static const PoolImplementation<Pool> implementation("simd.max_pool2d");
  return implementation;
}
const Implementation& max_pool2d_backward() {
  static const PoolImplementation<PoolBackward> implementation("simd.max_pool2d_backward");
  return implementation;
}
const Implementation& average_pool2d() {
  static const PoolImplementation<Pool> implementation("simd.average_pool2d");
  return implementation;
}
const Implementation& average_pool2d_backward() {
  static const PoolImplementation<PoolBackward> implementation("simd.average_pool2d_backward");
  return implementation;
}

}  // namespace pronghorn::kernels::simd

#endif  // HWY_ONCE
