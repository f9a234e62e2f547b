#include "kernels/candidates.h"

#include <utility>

#include "graph/ops/accumulate_gradient.h"
#include "graph/ops/adafactor_update.h"
#include "graph/ops/batch_matmul.h"
#include "graph/ops/batch_norm.h"
#include "graph/ops/broadcast.h"
#include "graph/ops/clip_factor.h"
#include "graph/ops/concatenate.h"
#include "graph/ops/constrain.h"
#include "graph/ops/conv2d.h"
#include "graph/ops/conv2d_max_pool2d_backward.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/embedding.h"
#include "graph/ops/encoding.h"
#include "graph/ops/group_norm.h"
#include "graph/ops/l2_normalize.h"
#include "graph/ops/loss.h"
#include "graph/ops/matmul.h"
#include "graph/ops/matmul_update.h"
#include "graph/ops/moving_average.h"
#include "graph/ops/noise.h"
#include "graph/ops/optimizer_update.h"
#include "graph/ops/pad.h"
#include "graph/ops/pool2d.h"
#include "graph/ops/recurrence.h"
#include "graph/ops/reshape.h"
#include "graph/ops/softmax.h"
#include "graph/ops/sum_of_powers.h"
#include "graph/ops/sum_rows.h"
#include "graph/ops/transpose.h"
#include "graph/ops/upsample2d.h"
#include "kernels/onednn/onednn.h"
#include "kernels/reference/reference.h"
#include "kernels/simd/simd.h"

namespace pronghorn::kernels {
namespace {

using List = std::vector<const Implementation*>;
using Table = std::vector<std::pair<const graph::OpKind*, List>>;

// Who can run each kind of op, best first. The order is all that selection goes by: the first that
// does not refuse runs.
const Table& table() {
  static const Table table = {
      {&graph::conv2d_kind(),
       {&simd::conv2d_few_channels(), &simd::conv2d_winograd(), &onednn::conv2d_bfloat16(),
        &onednn::conv2d_winograd(), &onednn::conv2d_direct(), &simd::conv2d_depthwise(),
        &reference::conv2d()}},
      {&graph::conv2d_backward_data_kind(),
       {&simd::conv2d_backward_data_few_channels(), &simd::conv2d_backward_data_winograd(),
        &onednn::conv2d_backward_data_bfloat16(), &onednn::conv2d_backward_data_winograd(),
        &onednn::conv2d_backward_data_direct(), &simd::conv2d_backward_data_depthwise(),
        &reference::conv2d_backward_data()}},
      {&graph::conv2d_backward_weights_kind(),
       {&simd::conv2d_backward_weights_few_channels(), &simd::conv2d_backward_weights_winograd(),
        &onednn::conv2d_backward_weights_bfloat16(), &onednn::conv2d_backward_weights_winograd(),
        &onednn::conv2d_backward_weights_direct(), &simd::conv2d_backward_weights_depthwise(),
        &reference::conv2d_backward_weights()}},
      {&graph::conv2d_max_pool2d_kind(),
       {&simd::conv2d_max_pool2d_winograd(), &reference::conv2d_max_pool2d()}},
      {&graph::conv2d_max_pool2d_backward_data_kind(),
       {&simd::conv2d_max_pool2d_backward_data(), &reference::conv2d_max_pool2d_backward_data()}},
      {&graph::conv2d_max_pool2d_backward_weights_kind(),
       {&simd::conv2d_max_pool2d_backward_weights(),
        &reference::conv2d_max_pool2d_backward_weights()}},

      {&graph::matmul_kind(),
       {&onednn::matmul_bfloat16(), &simd::matmul(), &simd::matmul_narrow(), &onednn::matmul(),
        &reference::matmul()}},
      {&graph::batch_matmul_kind(), {&simd::batch_matmul(), &reference::batch_matmul()}},

      {&graph::max_pool2d_kind(),
       {&onednn::max_pool2d(), &simd::max_pool2d(), &reference::max_pool2d()}},
      {&graph::max_pool2d_backward_kind(),
       {&simd::max_pool2d_backward_few_channels(), &onednn::max_pool2d_backward(),
        &simd::max_pool2d_backward(), &reference::max_pool2d_backward()}},
      {&graph::average_pool2d_kind(),
       {&onednn::average_pool2d(), &simd::average_pool2d(), &reference::average_pool2d()}},
      {&graph::average_pool2d_backward_kind(),
       {&onednn::average_pool2d_backward(), &simd::average_pool2d_backward(),
        &reference::average_pool2d_backward()}},

      {&graph::batch_norm_training_kind(),
       {&simd::batch_norm_training(), &reference::batch_norm_training()}},
      {&graph::batch_norm_backward_kind(),
       {&simd::batch_norm_backward(), &reference::batch_norm_backward()}},
      {&graph::batch_norm_inference_kind(),
       {&onednn::batch_norm_inference(), &simd::batch_norm_inference(),
        &reference::batch_norm_inference()}},

      {&graph::group_norm_kind(), {&simd::group_norm(), &reference::group_norm()}},
      {&graph::group_norm_backward_kind(),
       {&simd::group_norm_backward(), &reference::group_norm_backward()}},

      {&graph::recurrence_kind(graph::Cell::kSimpleRnn),
       {&simd::simple_rnn(), &reference::simple_rnn()}},
      {&graph::recurrence_backward_kind(graph::Cell::kSimpleRnn),
       {&simd::simple_rnn_backward(), &reference::simple_rnn_backward()}},
      {&graph::recurrence_kind(graph::Cell::kLstm), {&simd::lstm(), &reference::lstm()}},
      {&graph::recurrence_backward_kind(graph::Cell::kLstm),
       {&simd::lstm_backward(), &reference::lstm_backward()}},
      {&graph::recurrence_kind(graph::Cell::kGru), {&simd::gru(), &reference::gru()}},
      {&graph::recurrence_backward_kind(graph::Cell::kGru),
       {&simd::gru_backward(), &reference::gru_backward()}},

      {&graph::embedding_kind(), {&simd::embedding(), &reference::embedding()}},
      {&graph::embedding_backward_kind(),
       {&simd::embedding_backward(), &reference::embedding_backward()}},

      {&graph::elementwise_kind(), {&simd::elementwise(), &reference::elementwise()}},
      {&graph::noise_kind(), {&simd::noise(), &reference::noise()}},
      {&graph::sum_rows_kind(), {&simd::sum_rows(), &reference::sum_rows()}},
      {&graph::sum_of_powers_kind(), {&simd::sum_of_powers(), &reference::sum_of_powers()}},
      {&graph::mean_kind(), {&reference::mean()}},
      {&graph::softmax_kind(), {&simd::softmax(), &reference::softmax()}},
      {&graph::softmax_backward_kind(),
       {&simd::softmax_backward(), &reference::softmax_backward()}},
      {&graph::log_softmax_kind(), {&simd::log_softmax(), &reference::log_softmax()}},
      {&graph::log_softmax_backward_kind(),
       {&simd::log_softmax_backward(), &reference::log_softmax_backward()}},
      {&graph::l2_normalize_kind(), {&simd::l2_normalize(), &reference::l2_normalize()}},
      {&graph::l2_normalize_backward_kind(),
       {&simd::l2_normalize_backward(), &reference::l2_normalize_backward()}},
      {&graph::category_encoding_kind(), {&reference::category_encoding()}},
      {&graph::bucketize_kind(), {&reference::bucketize()}},
      {&graph::constant_kind(), {&reference::constant()}},
      {&graph::loss_kind(), {&simd::loss(), &reference::loss()}},
      {&graph::loss_backward_kind(), {&simd::loss_backward(), &reference::loss_backward()}},
      {&graph::softmax_cross_entropy_kind(),
       {&simd::softmax_cross_entropy(), &reference::softmax_cross_entropy()}},
      {&graph::softmax_cross_entropy_backward_kind(),
       {&simd::softmax_cross_entropy_backward(), &reference::softmax_cross_entropy_backward()}},

      {&graph::concatenate_kind(), {&simd::concatenate(), &reference::concatenate()}},
      {&graph::slice_kind(), {&simd::slice(), &reference::slice()}},
      {&graph::reorder_kind(), {&simd::reorder(), &reference::reorder()}},
      {&graph::transpose_kind(), {&simd::transpose(), &reference::transpose()}},
      {&graph::pad_kind(), {&simd::pad(), &reference::pad()}},
      {&graph::crop_kind(), {&simd::crop(), &reference::crop()}},
      {&graph::broadcast_kind(), {&simd::broadcast(), &reference::broadcast()}},
      {&graph::reduce_sum_kind(), {&simd::reduce_sum(), &reference::reduce_sum()}},
      {&graph::upsample2d_kind(), {&simd::upsample2d(), &reference::upsample2d()}},
      {&graph::upsample2d_backward_kind(),
       {&simd::upsample2d_backward(), &reference::upsample2d_backward()}},

      {&graph::matmul_update_kind(), {&simd::matmul_update(), &reference::matmul_update()}},
      {&graph::optimizer_update_kind(),
       {&simd::optimizer_update(), &reference::optimizer_update()}},
      {&graph::adafactor_update_kind(),
       {&simd::adafactor_update(), &reference::adafactor_update()}},
      {&graph::clip_factor_kind(), {&reference::clip_factor()}},
      {&graph::accumulate_gradient_kind(),
       {&simd::accumulate_gradient(), &reference::accumulate_gradient()}},
      {&graph::moving_average_kind(), {&simd::moving_average(), &reference::moving_average()}},
      {&graph::constrain_kind(), {&simd::constrain(), &reference::constrain()}},
  };
  return table;
}

}  // namespace

std::span<const Implementation* const> candidates(const graph::OpKind& kind) {
  for (const auto& [listed, implementations] : table())
    if (listed == &kind) return implementations;
  return {};
}

std::vector<const graph::OpKind*> kinds_with_candidates() {
  std::vector<const graph::OpKind*> kinds;
  for (const auto& [kind, implementations] : table()) kinds.push_back(kind);
  return kinds;
}

}  // namespace pronghorn::kernels
