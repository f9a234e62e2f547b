#include "graph/ops/upsample2d.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/upsample2d.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h, which compiles this file once per instruction set.
#include <hwy/highway.h>

#include "kernels/simd/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace pronghorn::kernels::simd {
namespace HWY_NAMESPACE {

using D = hn::ScalableTag<float>;

// Calls f(i, count) for the vectors of `channels` floats.
template <class F>
HWY_INLINE void for_vectors(size_t channels, F f) {
  const size_t lanes = hn::Lanes(D());
  for (size_t i = 0; i < channels; i += lanes) f(i, HWY_MIN(lanes, channels - i));
}

// dst = (1 - v) ((1 - u) a + u b) + v ((1 - u) c + u e), over channels.
void mix_pixels(const float* a, const float* b, const float* c, const float* e, float u, float v,
                size_t channels, float* dst) {
  const D d;
  const auto right = hn::Set(d, u), left = hn::Set(d, 1 - u);
  const auto below = hn::Set(d, v), above = hn::Set(d, 1 - v);
  for_vectors(channels, [&](size_t i, size_t count) HWY_ATTR {
    const auto load = [&](const float* from) HWY_ATTR { return load_n(d, from + i, count); };
    const auto top = hn::MulAdd(left, load(a), hn::Mul(right, load(b)));
    const auto bottom = hn::MulAdd(left, load(c), hn::Mul(right, load(e)));
    store_n(hn::MulAdd(above, top, hn::Mul(below, bottom)), d, dst + i, count);
  });
}

// to += factor * from, over channels.
void add_scaled(const float* from, float factor, size_t channels, float* to) {
  const D d;
  const auto f = hn::Set(d, factor);
  for_vectors(channels, [&](size_t i, size_t count) HWY_ATTR {
    store_n(hn::MulAdd(f, load_n(d, from + i, count), load_n(d, to + i, count)), d, to + i, count);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace pronghorn::kernels::simd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include <algorithm>
#include <cstring>
#include <memory>

#include "kernels/simd/dispatch.h"
#include "kernels/simd/simd.h"

namespace pronghorn::kernels::simd {
namespace {

HWY_EXPORT(mix_pixels);
HWY_EXPORT(add_scaled);

using graph::Mix;

// An image a task, forward and backward.
class UpsampleKernel final : public Kernel {
 public:
  explicit UpsampleKernel(const KernelCase& kernel_case)
      : g_(graph::upsample2d_geometry(kernel_case.graph, kernel_case.op)),
        rows_(graph::bilinear_mixes(g_.height, g_.size_h)),
        columns_(graph::bilinear_mixes(g_.width, g_.size_w)),
        channels_(static_cast<size_t>(g_.channels)),
        backward_(kernel_case.op.kind == &graph::upsample2d_backward_kind()) {
    choose_target();
    mix_pixels_ = &HWY_DYNAMIC_DISPATCH(mix_pixels);
    add_scaled_ = &HWY_DYNAMIC_DISPATCH(add_scaled);
  }

  void bind(const Buffers& buffers) override {
    input_ = buffers.input(0);
    output_ = buffers.output(0);
  }

  void run(const RunContext& context) override {
    const int64_t src_elements = g_.height * g_.width * g_.channels;
    const int64_t dst_elements = src_elements * g_.size_h * g_.size_w;
    const bool nearest = g_.interpolation == graph::Interpolation::kNearest;
    context.parallel.for_each(g_.batch, [&](int64_t image, int) {
      if (backward_) {
        const float* diff_dst = input_ + image * dst_elements;
        float* diff_src = output_ + image * src_elements;
        std::fill_n(diff_src, src_elements, 0.0f);
        nearest ? nearest_backward(diff_dst, diff_src) : bilinear_backward(diff_dst, diff_src);
      } else {
        const float* src = input_ + image * src_elements;
        float* dst = output_ + image * dst_elements;
        nearest ? nearest_forward(src, dst) : bilinear_forward(src, dst);
      }
    });
  }

 private:
  // Each source row is spread once, then copied as it is.
  void nearest_forward(const float* src, float* dst) const {
    const int64_t dst_row = g_.out_width() * g_.channels;
    const auto row_bytes = static_cast<size_t>(dst_row) * sizeof(float);
    for (int64_t row = 0; row < g_.height; ++row) {
      float* to = dst;
      for (int64_t column = 0; column < g_.width; ++column, src += g_.channels)
        for (int64_t i = 0; i < g_.size_w; ++i, to += g_.channels)
          std::memcpy(to, src, channels_ * sizeof(float));
      for (int64_t i = 1; i < g_.size_h; ++i) std::memcpy(dst + i * dst_row, dst, row_bytes);
      dst += g_.size_h * dst_row;
    }
  }

  void nearest_backward(const float* diff_dst, float* diff_src) const {
    for (int64_t y = 0; y < g_.out_height(); ++y) {
      float* to = diff_src + y / g_.size_h * g_.width * g_.channels;
      for (int64_t column = 0; column < g_.width; ++column, to += g_.channels)
        for (int64_t i = 0; i < g_.size_w; ++i, diff_dst += g_.channels)
          add_scaled_(diff_dst, 1, channels_, to);
    }
  }

  void bilinear_forward(const float* src, float* dst) const {
    for (const Mix& row : rows_) {
      const float* top = src + row.first * g_.width * g_.channels;
      const float* bottom = src + row.second * g_.width * g_.channels;
      for (const Mix& column : columns_) {
        const int64_t left = column.first * g_.channels, right = column.second * g_.channels;
        mix_pixels_(top + left, top + right, bottom + left, bottom + right, column.weight,
                    row.weight, channels_, dst);
        dst += g_.channels;
      }
    }
  }

  void bilinear_backward(const float* diff_dst, float* diff_src) const {
    for (const Mix& row : rows_) {
      float* top = diff_src + row.first * g_.width * g_.channels;
      float* bottom = diff_src + row.second * g_.width * g_.channels;
      for (const Mix& column : columns_) {
        const int64_t left = column.first * g_.channels, right = column.second * g_.channels;
        const float u = column.weight, v = row.weight;
        add_scaled_(diff_dst, (1 - v) * (1 - u), channels_, top + left);
        add_scaled_(diff_dst, (1 - v) * u, channels_, top + right);
        add_scaled_(diff_dst, v * (1 - u), channels_, bottom + left);
        add_scaled_(diff_dst, v * u, channels_, bottom + right);
        diff_dst += g_.channels;
      }
    }
  }

  graph::Upsample2dGeometry g_;
  std::vector<Mix> rows_, columns_;
  size_t channels_;
  bool backward_;
  void (*mix_pixels_)(const float*, const float*, const float*, const float*, float, float, size_t,
                      float*);
  void (*add_scaled_)(const float*, float, size_t, float*);
  const float* input_ = nullptr;
  float* output_ = nullptr;
};

class UpsampleImplementation final : public Implementation {
 public:
  explicit UpsampleImplementation(std::string_view name) : name_(name) {}
  std::string_view name() const override { return name_; }
  Family family() const override { return Family::kSimd; }
  Execution execution(const KernelCase& kernel_case) const override {
    Execution execution = Implementation::execution(kernel_case);
    execution.tasks = kernel_case.input(0).shape[0];
    return execution;
  }
  std::unique_ptr<Kernel> create(const KernelCase& kernel_case) const override {
    return std::make_unique<UpsampleKernel>(kernel_case);
  }

 private:
  std::string_view name_;
};

}  // namespace

const Implementation& upsample2d() {
  static const UpsampleImplementation implementation("simd.upsample2d");
  return implementation;
}
const Implementation& upsample2d_backward() {
  static const UpsampleImplementation implementation("simd.upsample2d_backward");
  return implementation;
}

}  // namespace pronghorn::kernels::simd

#endif  // HWY_ONCE
