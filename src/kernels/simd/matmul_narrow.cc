#include "graph/ops/matmul.h"

#include "kernels/simd/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/matmul_narrow.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h, which compiles this file once per instruction set.
#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <algorithm>

#include "kernels/simd/unroll.h"
#include "kernels/simd/vector-inl.h"

// The products of a layer of a few units behind many, as the last one of a classifier: its images'
// features are the long side, whose vectors fill all lanes in all three products. What they have in
// common is the narrow matrix turned, a row of the long side for each unit. Of image i, unit u and
// feature f:
//
//   forward      dst[i][u] = sum over f of src[i][f] turned[u][f]
//   to weights   sums[u][f] = sum over i of src[i][f] diff_dst[i][u]
//   to data      dst[i][f] = sum over u of diff_dst[i][u] turned[u][f]
HWY_BEFORE_NAMESPACE();
namespace pronghorn::kernels::simd {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

// So many images at a time with so many units, or vectors, as leave their sums in registers.
constexpr int64_t kImages = 4;
constexpr bool kManyRegisters = HWY_TARGET <= HWY_AVX3;
constexpr int64_t kUnits = kManyRegisters ? 5 : 2;
constexpr int64_t kVectors = kManyRegisters ? 4 : 2;

// Calls add(load, i) for vectors of features from the i-th on; load(from) reads one from memory, of
// the last one what there is.
template <class Add>
HWY_INLINE void for_vectors(int64_t features, const Add& add) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= features; i += lanes)
    add([&](const float* from) HWY_ATTR { return hn::LoadU(d, from); }, i);
  if (i < features)
    add([&](const float* from)
            HWY_ATTR { return load_n(d, from, static_cast<size_t>(features - i)); },
        i);
}

// Calls tile<kColumns>(first) for groups of at most kUnits units.
template <class Tile>
HWY_INLINE void for_units(int64_t units, const Tile& tile) {
  int64_t c = 0;
  for (; c + kUnits <= units; c += kUnits) tile.template operator()<kUnits>(c);
  switch (units - c) {
    case 1:
      return tile.template operator()<1>(c);
    case 2:
      return tile.template operator()<2>(c);
    case 3:
      return tile.template operator()<3>(c);
    case 4:
      return tile.template operator()<4>(c);
  }
}

// Some features' products, added to the vectors in `sums` (kRows of `units` each) that the features
// before left there, if there are any. `turned` is padded with zeros to whole vectors.
template <int64_t kRows, int64_t kColumns>
void dot_tile(const float* a, int64_t a_stride, const float* turned, int64_t stride,
              int64_t features, bool first, float* sums, int64_t units) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  V sum[kRows][kColumns];
  PRONGHORN_UNROLL
  for (int64_t r = 0; r < kRows; ++r) {
    PRONGHORN_UNROLL
    for (int64_t c = 0; c < kColumns; ++c)
      sum[r][c] = first ? hn::Zero(d) : hn::LoadU(d, sums + (r * units + c) * lanes);
  }
  const auto add = [&](const auto& load, int64_t i) HWY_ATTR {
    V values[kRows];
    PRONGHORN_UNROLL
    for (int64_t r = 0; r < kRows; ++r) {
      values[r] = load(a + r * a_stride + i);
      // Rows are read in pieces too short for the CPU to see where they go on.
      hwy::Prefetch(a + r * a_stride + i + features);
    }
    PRONGHORN_UNROLL
    for (int64_t c = 0; c < kColumns; ++c) {
      const V weights = in_register(hn::LoadU(d, turned + c * stride + i));
      PRONGHORN_UNROLL
      for (int64_t r = 0; r < kRows; ++r) sum[r][c] = hn::MulAdd(values[r], weights, sum[r][c]);
    }
  };
  for_vectors(features, add);
  PRONGHORN_UNROLL
  for (int64_t r = 0; r < kRows; ++r) {
    PRONGHORN_UNROLL
    for (int64_t c = 0; c < kColumns; ++c) hn::StoreU(sum[r][c], d, sums + (r * units + c) * lanes);
  }
}

template <int64_t kRows>
void dot_rows(const float* a, int64_t a_stride, const float* turned, int64_t stride,
              int64_t features, bool first, float* sums, int64_t units) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(D()));
  for_units(units, [&]<int64_t kColumns>(int64_t c) HWY_ATTR {
    const float* const of = turned + c * stride;
    float* const to = sums + c * lanes;
    dot_tile<kRows, kColumns>(a, a_stride, of, stride, features, first, to, units);
  });
}

// `sums`: a vector for each image and unit.
void dots(const float* a, int64_t images, int64_t k, const float* turned, int64_t features_at_once,
          int64_t units, float* sums, float* dst) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t begin = 0; begin < k; begin += features_at_once) {
    const int64_t features = std::min(features_at_once, k - begin);
    int64_t r = 0;
    for (; r + kImages <= images; r += kImages)
      dot_rows<kImages>(a + r * k + begin, k, turned + begin * units, features_at_once, features,
                        begin == 0, sums + r * units * lanes, units);
    for (; r < images; ++r)
      dot_rows<1>(a + r * k + begin, k, turned + begin * units, features_at_once, features,
                  begin == 0, sums + r * units * lanes, units);
  }
  for (int64_t i = 0; i < images * units; ++i)
    dst[i] = hn::GetLane(hn::SumOfLanes(d, hn::LoadU(d, sums + i * lanes)));
}

int64_t vector_floats() { return static_cast<int64_t>(hn::Lanes(D())); }

// `sums` has whole vectors.
template <int64_t kRows, int64_t kColumns>
void outer_tile(const float* a, int64_t a_stride, const float* b, int64_t b_stride,
                int64_t features, float* sums, int64_t stride) {
  const D d;
  V factors[kRows][kColumns];
  PRONGHORN_UNROLL
  for (int64_t r = 0; r < kRows; ++r) {
    PRONGHORN_UNROLL
    for (int64_t c = 0; c < kColumns; ++c) factors[r][c] = hn::Set(d, b[r * b_stride + c]);
  }
  const auto add = [&](const auto& load, int64_t i) HWY_ATTR {
    V values[kRows];
    PRONGHORN_UNROLL
    for (int64_t r = 0; r < kRows; ++r) {
      values[r] = load(a + r * a_stride + i);
    }
    PRONGHORN_UNROLL
    for (int64_t c = 0; c < kColumns; ++c) {
      V sum = hn::LoadU(d, sums + c * stride + i);
      PRONGHORN_UNROLL
      for (int64_t r = 0; r < kRows; ++r) sum = hn::MulAdd(values[r], factors[r][c], sum);
      hn::StoreU(sum, d, sums + c * stride + i);
    }
  };
  for_vectors(features, add);
}

template <int64_t kRows>
void outer_rows(const float* a, int64_t a_stride, const float* b, int64_t columns, int64_t features,
                float* sums, int64_t stride) {
  for_units(columns, [&]<int64_t kColumns>(int64_t c) HWY_ATTR {
    float* const of = sums + c * stride;
    outer_tile<kRows, kColumns>(a, a_stride, b + c, columns, features, of, stride);
  });
}

// All images' products, of some features, added to zero in the images' order.
void outers(const float* a, int64_t images, int64_t a_stride, int64_t features, const float* b,
            int64_t columns, float* sums, int64_t stride) {
  std::fill(sums, sums + columns * stride, 0.0f);
  int64_t r = 0;
  for (; r + kImages <= images; r += kImages)
    outer_rows<kImages>(a + r * a_stride, a_stride, b + r * columns, columns, features, sums,
                        stride);
  for (; r < images; ++r)
    outer_rows<1>(a + r * a_stride, a_stride, b + r * columns, columns, features, sums, stride);
}

template <int64_t kRows>
void combine_tile(const float* factors, int64_t units, const float* turned, int64_t stride,
                  int64_t features, float* dst, int64_t dst_stride) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto run = [&]<int64_t kWide>(int64_t i) HWY_ATTR {
    V sums[kRows][kWide];
    PRONGHORN_UNROLL
    for (int64_t r = 0; r < kRows; ++r) {
      PRONGHORN_UNROLL
      for (int64_t v = 0; v < kWide; ++v) sums[r][v] = hn::Zero(d);
    }
    for (int64_t c = 0; c < units; ++c) {
      V weights[kWide];
      PRONGHORN_UNROLL
      for (int64_t v = 0; v < kWide; ++v)
        weights[v] = hn::LoadU(d, turned + c * stride + i + v * lanes);
      PRONGHORN_UNROLL
      for (int64_t r = 0; r < kRows; ++r) {
        const V factor = hn::Set(d, factors[r * units + c]);
        PRONGHORN_UNROLL
        for (int64_t v = 0; v < kWide; ++v) sums[r][v] = hn::MulAdd(factor, weights[v], sums[r][v]);
      }
    }
    PRONGHORN_UNROLL
    for (int64_t r = 0; r < kRows; ++r) {
      PRONGHORN_UNROLL
      for (int64_t v = 0; v < kWide; ++v) {
        float* const to = dst + r * dst_stride + i + v * lanes;
        const int64_t left = features - i - v * lanes;
        if (left >= lanes)
          hn::StoreU(sums[r][v], d, to);
        else
          store_n(sums[r][v], d, to, static_cast<size_t>(left));
      }
    }
  };
  int64_t i = 0;
  for (; i + kVectors * lanes <= features; i += kVectors * lanes)
    run.template operator()<kVectors>(i);
  for (; i < features; i += lanes) run.template operator()<1>(i);
}

void combine(const float* factors, int64_t images, int64_t units, const float* turned,
             int64_t stride, int64_t features, float* dst, int64_t dst_stride) {
  int64_t r = 0;
  for (; r + kImages <= images; r += kImages)
    combine_tile<kImages>(factors + r * units, units, turned, stride, features,
                          dst + r * dst_stride, dst_stride);
  for (; r < images; ++r)
    combine_tile<1>(factors + r * units, units, turned, stride, features, dst + r * dst_stride,
                    dst_stride);
}

}  // namespace HWY_NAMESPACE
}  // namespace pronghorn::kernels::simd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include <memory>

#include "base/ceil_div.h"
#include "kernels/simd/dispatch.h"
#include "kernels/simd/epilogue.h"
#include "kernels/simd/workspace.h"

namespace pronghorn::kernels::simd {
namespace {

using graph::MatmulGeometry;

HWY_EXPORT(dots);
HWY_EXPORT(vector_floats);
HWY_EXPORT(outers);
HWY_EXPORT(combine);

constexpr int64_t kMostUnits = 16, kFewestFeatures = 256;
// That a task takes at a time: their sums, or their weights, lie in L1 meanwhile.
constexpr int64_t kFeatures = 512;
constexpr int64_t kImagesOfTask = 16;

class NarrowMatmul : public Kernel {
 public:
  explicit NarrowMatmul(const KernelCase& kernel_case)
      : g_(matmul_geometry(kernel_case.graph, kernel_case.op)), epilogue_(kernel_case) {
    choose_target();
  }

  void bind(const Buffers& buffers) override {
    a_ = buffers.input(0);
    b_ = buffers.input(1);
    dst_ = buffers.output(0);
    workspace_ = reinterpret_cast<float*>(buffers.workspace);
    epilogue_.bind(buffers);
  }

 protected:
  void apply_epilogue(int64_t begin, int64_t count, const RunContext& context) const {
    if (!epilogue_.empty()) epilogue_.apply(dst_ + begin, dst_ + begin, begin, count, context);
  }

  MatmulGeometry g_;
  Epilogue epilogue_;
  const float* a_ = nullptr;
  const float* b_ = nullptr;
  float* dst_ = nullptr;
  float* workspace_ = nullptr;
};

// What reads the weights, (features, units), turns them first.
class ReadsWeights : public NarrowMatmul {
 public:
  ReadsWeights(const KernelCase& kernel_case, bool forward)
      : NarrowMatmul(kernel_case),
        features_(forward ? g_.k : g_.n),
        units_(forward ? g_.n : g_.k) {}

  size_t workspace_bytes() const override {
    return static_cast<size_t>(turned_floats()) * sizeof(float);
  }

 protected:
  // kFeatures of each unit, then the next: rows of all features would meet in few sets of L1.
  int64_t turned_floats() const { return ceil_div(features_, kFeatures) * units_ * kFeatures; }

  void turn(const RunContext& context) const {
    context.parallel.for_each(ceil_div(features_, kFeatures), [&](int64_t part, int) {
      const int64_t begin = part * kFeatures, count = std::min(kFeatures, features_ - begin);
      const float* const from = b_ + begin * units_;
      float* const to = workspace_ + begin * units_;
      for (int64_t unit = 0; unit < units_; ++unit) {
        for (int64_t i = 0; i < count; ++i) to[unit * kFeatures + i] = from[i * units_ + unit];
        std::fill(to + unit * kFeatures + count, to + (unit + 1) * kFeatures, 0.0f);
      }
    });
  }

  int64_t features_, units_;
};

class Forward final : public ReadsWeights {
 public:
  explicit Forward(const KernelCase& kernel_case)
      : ReadsWeights(kernel_case, /*forward=*/true), threads_(kernel_case.threads) {}

  // And the sums of each thread's images.
  size_t workspace_bytes() const override {
    return ReadsWeights::workspace_bytes() +
           static_cast<size_t>(threads_ * sums_floats()) * sizeof(float);
  }

  void run(const RunContext& context) override {
    turn(context);
    context.parallel.for_each(ceil_div(g_.m, kImagesOfTask), [&](int64_t task, int thread) {
      const int64_t first = task * kImagesOfTask, images = std::min(kImagesOfTask, g_.m - first);
      dots_(a_ + first * g_.k, images, g_.k, workspace_, kFeatures, g_.n,
            workspace_ + turned_floats() + thread * sums_floats(), dst_ + first * g_.n);
      apply_epilogue(first * g_.n, images * g_.n, context);
    });
  }

 private:
  int64_t sums_floats() const { return whole_lines(kImagesOfTask * g_.n * lanes_); }

  int64_t threads_;
  int64_t lanes_ = HWY_DYNAMIC_DISPATCH(vector_floats)();
  decltype(&HWY_DYNAMIC_DISPATCH(dots)) dots_ = &HWY_DYNAMIC_DISPATCH(dots);
};

class ToData final : public ReadsWeights {
 public:
  explicit ToData(const KernelCase& kernel_case) : ReadsWeights(kernel_case, /*forward=*/false) {}

  void run(const RunContext& context) override {
    turn(context);
    context.parallel.for_ranges(g_.m, kImagesOfTask, [&](int64_t first, int64_t last) {
      for (int64_t begin = 0; begin < g_.n; begin += kFeatures) {
        const int64_t features = std::min(kFeatures, g_.n - begin);
        const float* const turned = workspace_ + begin * g_.k;
        if (epilogue_.empty())
          combine_(a_ + first * g_.k, last - first, g_.k, turned, kFeatures, features,
                   dst_ + first * g_.n + begin, g_.n);
        else
          finish(first, last, begin, features, turned, context);
      }
    });
  }

 private:
  // Through the epilogue from sums that lie apart: dst may be the memory of one of its operands.
  void finish(int64_t first, int64_t last, int64_t begin, int64_t features, const float* turned,
              const RunContext& context) const {
    constexpr int64_t kImages = 4;
    alignas(64) float sums[kImages * kFeatures];
    for (int64_t image = first; image < last; image += kImages) {
      const int64_t images = std::min(kImages, last - image);
      combine_(a_ + image * g_.k, images, g_.k, turned, kFeatures, features, sums, kFeatures);
      for (int64_t i = 0; i < images; ++i) {
        const int64_t at = (image + i) * g_.n + begin;
        epilogue_.apply(sums + i * kFeatures, dst_ + at, at, features, context);
      }
    }
  }

  decltype(&HWY_DYNAMIC_DISPATCH(combine)) combine_ = &HWY_DYNAMIC_DISPATCH(combine);
};

class ToWeights final : public NarrowMatmul {
 public:
  explicit ToWeights(const KernelCase& kernel_case)
      : NarrowMatmul(kernel_case), threads_(kernel_case.threads) {}

  size_t workspace_bytes() const override {
    return static_cast<size_t>(threads_ * g_.n * kFeatures) * sizeof(float);
  }

  void run(const RunContext& context) override {
    context.parallel.for_each(ceil_div(g_.m, kFeatures), [&](int64_t task, int thread) {
      const int64_t begin = task * kFeatures, features = std::min(kFeatures, g_.m - begin);
      float* const sums = workspace_ + thread * g_.n * kFeatures;
      outers_(a_ + begin, g_.k, g_.m, features, b_, g_.n, sums, kFeatures);
      float* const dst = dst_ + begin * g_.n;
      for (int64_t feature = 0; feature < features; ++feature)
        for (int64_t unit = 0; unit < g_.n; ++unit)
          dst[feature * g_.n + unit] = sums[unit * kFeatures + feature];
      apply_epilogue(begin * g_.n, features * g_.n, context);
    });
  }

 private:
  int64_t threads_;
  decltype(&HWY_DYNAMIC_DISPATCH(outers)) outers_ = &HWY_DYNAMIC_DISPATCH(outers);
};

class Narrow final : public Implementation {
 public:
  std::string_view name() const override { return "simd.matmul.narrow"; }
  Family family() const override { return Family::kSimd; }
  bool takes_epilogue() const override { return true; }

  std::optional<std::string> refuse(const KernelCase& kernel_case) const override {
    const MatmulGeometry g = matmul_geometry(kernel_case.graph, kernel_case.op);
    if (g.transpose_a && g.transpose_b) return "it transposes one of its matrices at most";
    const int64_t units = g.transpose_b ? g.k : g.n;
    if (units > kMostUnits) return "it is for at most 16 units";
    const int64_t features = g.transpose_a ? g.m : g.transpose_b ? g.n : g.k;
    if (features < kFewestFeatures) return "it is for at least 256 features";
    return std::nullopt;
  }

  Execution execution(const KernelCase& kernel_case) const override {
    const MatmulGeometry g = matmul_geometry(kernel_case.graph, kernel_case.op);
    Execution execution = Implementation::execution(kernel_case);
    execution.tasks = g.transpose_a ? ceil_div(g.m, kFeatures) : ceil_div(g.m, kImagesOfTask);
    return execution;
  }

  std::vector<graph::Alias> possible_aliases(const KernelCase& kernel_case) const override {
    if (!matmul_geometry(kernel_case.graph, kernel_case.op).transpose_b) return {};
    std::vector<graph::Alias> aliases;
    for (const graph::Stage& stage : kernel_case.op.epilogue)
      if (graph::has_full_operand(stage)) aliases.push_back({stage.operand, 0});
    return aliases;
  }

  std::unique_ptr<Kernel> create(const KernelCase& kernel_case) const override {
    const MatmulGeometry g = matmul_geometry(kernel_case.graph, kernel_case.op);
    if (g.transpose_a) return std::make_unique<ToWeights>(kernel_case);
    if (g.transpose_b) return std::make_unique<ToData>(kernel_case);
    return std::make_unique<Forward>(kernel_case);
  }
};

}  // namespace

const Implementation& matmul_narrow() {
  static const Narrow implementation;
  return implementation;
}

}  // namespace pronghorn::kernels::simd

#endif  // HWY_ONCE
