// The formulas of graph/stage.h for vectors. Built on Highway's exp (1 ulp), expm1 (4 ulp) and
// log1p (2 ulp); over [-30, 30] they are within 4 ulp of the exact value, gelu within 8 and its
// approximation within 14, whose errors grow where exp's operand does
// (tests/kernels/simd_epilogue_test.cc).
#if defined(PRONGHORN_KERNELS_SIMD_ACTIVATIONS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PRONGHORN_KERNELS_SIMD_ACTIVATIONS_INL_H_
#undef PRONGHORN_KERNELS_SIMD_ACTIVATIONS_INL_H_
#else
#define PRONGHORN_KERNELS_SIMD_ACTIVATIONS_INL_H_
#endif

#include "kernels/simd/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace pronghorn::kernels::simd {
namespace HWY_NAMESPACE {

// Not a maximum, which on some instruction sets is 0 for a NaN.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V relu(D d, V x) {
  return hn::IfThenZeroElse(hn::Lt(x, hn::Zero(d)), x);
}

// 1 / (1 + exp(-x)). exp(-|x|) can't overflow, and for x < 0 it makes exp(x) / (1 + exp(x)), which
// keeps its precision down to the smallest normal number.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V sigmoid(D d, V x) {
  const V one = hn::Set(d, 1.0f);
  const V e = exp(d, hn::Neg(hn::Abs(x)));
  const V numerator = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), e, one);
  return hn::Div(numerator, hn::Add(one, e));
}

// x sigmoid(x). For x < 0 it is x exp(x) / (1 + exp(x)); with exp(x) taken as the square of
// exp(x / 2) the product stays a normal number as long as the result is one.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V silu(D d, V x) {
  const V root = exp(d, hn::Mul(hn::Abs(x), hn::Set(d, -0.5f)));
  const V below = hn::Mul(hn::Mul(x, root), root);
  const V numerator = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), below, x);
  return hn::Div(numerator, hn::MulAdd(root, root, hn::Set(d, 1.0f)));
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V softplus(D d, V x) {
  const V rest = hn::Log1p(d, exp(d, hn::Neg(hn::Abs(x))));
  return hn::Add(hn::Max(hn::Zero(d), x), rest);
}

// The standard normal distribution's Phi(x), and exp(-x^2 / 2) of which its density is a multiple.
//
// Phi(-a) = exp(-a^2 / 2) t P(t), t = 1 / (1 + 0.23 a), for a >= 0: the form of Abramowitz and
// Stegun 7.1.26, with P of degree 7 instead of 4. Its coefficients are a Chebyshev fit over
// a in [0, 13] (mpmath's chebyfit, 40 digits), |error| <= 4.1e-8 of Phi; rounding makes it 1e-7.
template <class V>
struct Normal {
  V phi;
  V exponential;
};
template <class D, class V = hn::Vec<D>>
HWY_INLINE Normal<V> normal(D d, V x) {
  const V one = hn::Set(d, 1.0f);
  const V a = hn::Abs(x);
  const V t = hn::Div(one, hn::MulAdd(hn::Set(d, 0.23f), a, one));
  V p = hn::Set(d, -0.0762817742f);
  p = hn::MulAdd(p, t, hn::Set(d, 0.2791156449f));
  p = hn::MulAdd(p, t, hn::Set(d, -0.2532405614f));
  p = hn::MulAdd(p, t, hn::Set(d, 0.2710405169f));
  p = hn::MulAdd(p, t, hn::Set(d, -0.01037977821f));
  p = hn::MulAdd(p, t, hn::Set(d, 0.1091846186f));
  p = hn::MulAdd(p, t, hn::Set(d, 0.08861670587f));
  p = hn::MulAdd(p, t, hn::Set(d, 0.09194460268f));
  const V exponential = exp(d, hn::Mul(hn::Mul(a, hn::Set(d, -0.5f)), a));
  const V tail = hn::Mul(hn::Mul(exponential, t), p);
  return {hn::IfThenElse(hn::Lt(x, hn::Zero(d)), tail, hn::Sub(one, tail)), exponential};
}

constexpr float kInverseSqrt2Pi = 0.3989422804f;  // 1 / sqrt(2 pi)
constexpr float kSqrt2OverPi = 0.7978845608f;     // sqrt(2 / pi)
constexpr float kGeluCubic = 0.044715f;

template <class D, class V = hn::Vec<D>>
HWY_INLINE V gelu(D d, V x) {
  return hn::Mul(x, normal(d, x).phi);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V gelu_slope(D d, V x) {
  const Normal<V> n = normal(d, x);
  return hn::MulAdd(hn::Mul(x, hn::Set(d, kInverseSqrt2Pi)), n.exponential, n.phi);
}

// (1 + tanh(u)) / 2, u = sqrt(2 / pi) (x + 0.044715 x^3), is sigmoid(2 u): in that form nothing
// cancels where tanh is close to -1.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V gelu_approximate_gate(D d, V x) {
  const V cubic = hn::Mul(hn::Mul(hn::Set(d, kGeluCubic), x), hn::Mul(x, x));
  return sigmoid(d, hn::Mul(hn::Set(d, 2 * kSqrt2OverPi), hn::Add(x, cubic)));
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V gelu_approximate(D d, V x) {
  return hn::Mul(x, gelu_approximate_gate(d, x));
}

// s + x s', s' = 2 s (1 - s) du/dx
template <class D, class V = hn::Vec<D>>
HWY_INLINE V gelu_approximate_slope(D d, V x) {
  const V one = hn::Set(d, 1.0f);
  const V s = gelu_approximate_gate(d, x);
  const V u_slope = hn::Mul(hn::Set(d, 2 * kSqrt2OverPi),
                            hn::MulAdd(hn::Mul(hn::Set(d, 3 * kGeluCubic), x), x, one));
  return hn::MulAdd(hn::Mul(hn::Mul(x, s), hn::Sub(one, s)), u_slope, s);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V silu_slope(D d, V x) {
  const V one = hn::Set(d, 1.0f);
  const V s = sigmoid(d, x);
  return hn::Mul(s, hn::MulAdd(x, hn::Sub(one, s), one));
}

// tanh(log(1 + exp(x))) = n / (n + 2), n = exp(x) (exp(x) + 2); beyond 20 it is 1. `rest` is one
// less its value.
template <class V>
struct MishGate {
  V value, rest;
};
template <class D, class V = hn::Vec<D>>
HWY_INLINE MishGate<V> mish_gate(D d, V x) {
  const V two = hn::Set(d, 2.0f);
  const V most = hn::Set(d, 20.0f);
  const V e = exp(d, hn::IfThenElse(hn::Gt(x, most), most, x));
  const V n = hn::Mul(e, hn::Add(e, two));
  const V sum = hn::Add(n, two);
  return {hn::Div(n, sum), hn::Div(two, sum)};
}

// gate + x (1 - gate^2) sigmoid(x)
template <class D, class V = hn::Vec<D>>
HWY_INLINE V mish_slope(D d, V x) {
  const MishGate<V> gate = mish_gate(d, x);
  const V falling = hn::Mul(hn::Add(hn::Set(d, 1.0f), gate.value), gate.rest);
  return hn::MulAdd(hn::Mul(x, falling), sigmoid(d, x), gate.value);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V elu(D d, V x, V alpha) {
  // The operand of expm1 is never above 0, its valid range.
  const V below = hn::Mul(alpha, hn::Expm1(d, hn::Min(x, hn::Zero(d))));
  return hn::IfThenElse(hn::Lt(x, hn::Zero(d)), below, x);
}

}  // namespace HWY_NAMESPACE
}  // namespace pronghorn::kernels::simd
HWY_AFTER_NAMESPACE();

#endif  // PRONGHORN_KERNELS_SIMD_ACTIVATIONS_INL_H_
