// Loads and stores of a part of a vector, and functions of vectors that every kernel may need.
// Compiled once per instruction set; see the guard.
#if defined(PRONGHORN_KERNELS_SIMD_VECTOR_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PRONGHORN_KERNELS_SIMD_VECTOR_INL_H_
#undef PRONGHORN_KERNELS_SIMD_VECTOR_INL_H_
#else
#define PRONGHORN_KERNELS_SIMD_VECTOR_INL_H_
#endif

#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include <cstddef>
#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace pronghorn::kernels::simd {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// The first `count` lanes from memory, zero in the others. Touches no memory beside theirs.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> load_n(D d, const T* from, size_t count) {
#if HWY_MEM_OPS_MIGHT_FAULT
  HWY_ALIGN T lanes[hn::MaxLanes(D())] = {};
  for (size_t i = 0; i < count; ++i) lanes[i] = from[i];
  return hn::Load(d, lanes);
#else
  return hn::MaskedLoad(hn::FirstN(d, count), d, from);
#endif
}

template <class D, class T = hn::TFromD<D>>
HWY_INLINE void store_n(hn::Vec<D> v, D d, T* to, size_t count) {
#if HWY_MEM_OPS_MIGHT_FAULT
  HWY_ALIGN T lanes[hn::MaxLanes(D())];
  hn::Store(v, d, lanes);
  for (size_t i = 0; i < count; ++i) to[i] = lanes[i];
#else
  hn::BlendedStore(v, hn::FirstN(d, count), d, to);
#endif
}

// GCC makes a load that several products use an operand in memory of each of them, and of loads
// products have too many already. This keeps it a load.
template <class V>
HWY_INLINE V in_register(V v) {
#if HWY_COMPILER_GCC && !HWY_COMPILER_CLANG && (HWY_TARGET & (HWY_AVX3 | HWY_AVX2 | HWY_SSE4))
  asm("" : "+v"(v.raw));
#endif
  return v;
}

// dst[i] = f(src[i]) for vectors of src. The last, partial one is handed over with zeros in it.
template <class F>
HWY_INLINE void map(const float* src, float* dst, size_t count, F f) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) hn::StoreU(f(hn::LoadU(d, src + i)), d, dst + i);
  if (i < count) store_n(f(load_n(d, src + i, count - i)), d, dst + i, count - i);
}

// dst[i] = f(src[i], other[i]).
template <class F>
HWY_INLINE void map(const float* src, const float* other, float* dst, size_t count, F f) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes)
    hn::StoreU(f(hn::LoadU(d, src + i), hn::LoadU(d, other + i)), d, dst + i);
  if (i < count) {
    const size_t rest = count - i;
    store_n(f(load_n(d, src + i, rest), load_n(d, other + i, rest)), d, dst + i, rest);
  }
}

// e^x within 1 ulp for every x. Highway's needs x <= 104, and makes 0 of a NaN, which would hide
// that a training diverged.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V exp(D d, V x) {
  const V e = hn::Exp(d, hn::Min(x, hn::Set(d, 100.0f)));  // e^100 is infinity already
  return hn::IfThenElse(hn::IsNaN(x), x, e);
}

}  // namespace HWY_NAMESPACE
}  // namespace pronghorn::kernels::simd
HWY_AFTER_NAMESPACE();

#endif  // PRONGHORN_KERNELS_SIMD_VECTOR_INL_H_
