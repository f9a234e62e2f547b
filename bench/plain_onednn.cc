#include "plain_onednn.h"

#include "base/philox.h"

namespace pronghorn::bench {
namespace {

using dnnl::memory;
using tag = memory::format_tag;
constexpr auto kFloat = memory::data_type::f32;

}  // namespace

PlainOneDnn::PlainOneDnn(int64_t batch, bool winograd)
    : batch_(batch), engine_(dnnl::engine::kind::cpu, 0), stream_(engine_) {
  const auto second =
      winograd ? dnnl::algorithm::convolution_winograd : dnnl::algorithm::convolution_direct;
  // With one channel nchw is nhwc, and under this name oneDNN's first-layer code is found.
  add_convolution("first convolution", {1, 28, 28}, {32, 26, 26},
                  dnnl::algorithm::convolution_direct, tag::nchw, false);
  add_convolution("second convolution", {32, 26, 26}, {64, 24, 24}, second, tag::nChw16c, true);
  add_max_pool({64, 24, 24}, {64, 12, 12});
  add_dense(64 * 12 * 12, 10);
}

memory PlainOneDnn::filled(const memory::desc& desc) {
  memory result(desc, engine_);
  const RandomStream random(1, primitives_.size(), 0);
  auto* const values = static_cast<float*>(result.get_data_handle());
  for (size_t i = 0; i < desc.get_size() / sizeof(float); ++i) values[i] = random.uniform(i) - 0.5f;
  return result;
}

void PlainOneDnn::add_convolution(const std::string& name, Images s, Images d,
                                  dnnl::algorithm algorithm, tag src_tag, bool backward_data) {
  const memory::desc src({batch_, s.channels, s.height, s.width}, kFloat, src_tag);
  const memory::desc dst({batch_, d.channels, d.height, d.width}, kFloat, tag::nChw16c);
  const memory::desc weights({d.channels, s.channels, 3, 3}, kFloat, tag::any);
  const memory::desc bias({d.channels}, kFloat, tag::a);
  const memory::dims ones{1, 1}, zeros{0, 0};
  dnnl::primitive_attr relu;
  dnnl::post_ops post_ops;
  post_ops.append_eltwise(1.0f, dnnl::algorithm::eltwise_relu, 0.0f, 0.0f);
  relu.set_post_ops(post_ops);
  const dnnl::convolution_forward::desc forward_desc(dnnl::prop_kind::forward_training, algorithm,
                                                     src, weights, bias, dst, ones, zeros, zeros);
  const dnnl::convolution_forward::primitive_desc forward(forward_desc, relu, engine_);
  const memory src_memory = filled(forward.src_desc()), dst_memory = filled(forward.dst_desc());
  primitives_.push_back({name + ", forward + bias + relu",
                         forward.impl_info_str(),
                         dnnl::convolution_forward(forward),
                         {{DNNL_ARG_SRC, src_memory},
                          {DNNL_ARG_WEIGHTS, filled(forward.weights_desc())},
                          {DNNL_ARG_BIAS, filled(forward.bias_desc())},
                          {DNNL_ARG_DST, dst_memory}}});
  const dnnl::convolution_forward::primitive_desc hint(forward_desc, engine_);
  const dnnl::convolution_backward_weights::primitive_desc to_weights(
      {algorithm, src, weights, bias, dst, ones, zeros, zeros}, engine_, hint);
  primitives_.push_back({name + ", to weights",
                         to_weights.impl_info_str(),
                         dnnl::convolution_backward_weights(to_weights),
                         {{DNNL_ARG_SRC, src_memory},
                          {DNNL_ARG_DIFF_WEIGHTS, filled(to_weights.diff_weights_desc())},
                          {DNNL_ARG_DIFF_BIAS, filled(to_weights.diff_bias_desc())},
                          {DNNL_ARG_DIFF_DST, filled(to_weights.diff_dst_desc())}}});
  if (!backward_data) return;
  const dnnl::convolution_backward_data::primitive_desc to_data(
      {algorithm, src, weights, dst, ones, zeros, zeros}, engine_, hint);
  primitives_.push_back({name + ", to data",
                         to_data.impl_info_str(),
                         dnnl::convolution_backward_data(to_data),
                         {{DNNL_ARG_DIFF_SRC, filled(to_data.diff_src_desc())},
                          {DNNL_ARG_WEIGHTS, filled(to_data.weights_desc())},
                          {DNNL_ARG_DIFF_DST, filled(to_data.diff_dst_desc())}}});
}

void PlainOneDnn::add_max_pool(Images s, Images d) {
  const memory::desc src({batch_, s.channels, s.height, s.width}, kFloat, tag::nChw16c);
  const memory::desc dst({batch_, d.channels, d.height, d.width}, kFloat, tag::nChw16c);
  const memory::dims twos{2, 2}, zeros{0, 0};
  const auto algorithm = dnnl::algorithm::pooling_max;
  const dnnl::pooling_forward::primitive_desc forward(
      {dnnl::prop_kind::forward_training, algorithm, src, dst, twos, twos, zeros, zeros}, engine_);
  const memory workspace(forward.workspace_desc(), engine_);
  primitives_.push_back({"pooling, forward",
                         forward.impl_info_str(),
                         dnnl::pooling_forward(forward),
                         {{DNNL_ARG_SRC, filled(src)},
                          {DNNL_ARG_DST, filled(dst)},
                          {DNNL_ARG_WORKSPACE, workspace}}});
  const dnnl::pooling_backward::primitive_desc backward(
      {algorithm, src, dst, twos, twos, zeros, zeros}, engine_, forward);
  primitives_.push_back({"pooling, backward",
                         backward.impl_info_str(),
                         dnnl::pooling_backward(backward),
                         {{DNNL_ARG_DIFF_SRC, filled(src)},
                          {DNNL_ARG_DIFF_DST, filled(dst)},
                          {DNNL_ARG_WORKSPACE, workspace}}});
}

void PlainOneDnn::add_dense(int64_t in, int64_t out) {
  // By the matmul primitive on plain matrices, which beats its inner product at ten columns.
  const auto product = [&](const std::string& name, memory::dims m, memory::dims k, tag a_tag,
                           tag b_tag) {
    const memory::desc a({m[0], k[0]}, kFloat, a_tag), b({k[0], m[1]}, kFloat, b_tag),
        c({m[0], m[1]}, kFloat, tag::ab);
    const dnnl::matmul::primitive_desc pd(dnnl::matmul::desc(a, b, c), engine_);
    primitives_.push_back(
        {name,
         pd.impl_info_str(),
         dnnl::matmul(pd),
         {{DNNL_ARG_SRC, filled(a)}, {DNNL_ARG_WEIGHTS, filled(b)}, {DNNL_ARG_DST, filled(c)}}});
  };
  product("dense, forward", {batch_, out}, {in}, tag::ab, tag::ab);
  product("dense, to weights", {in, out}, {batch_}, tag::ba, tag::ab);
  product("dense, to data", {batch_, in}, {out}, tag::ab, tag::ba);
}

void PlainOneDnn::run(const Primitive& primitive) {
  primitive.primitive.execute(stream_, primitive.arguments);
  stream_.wait();
}

}  // namespace pronghorn::bench
