#include "cost/exchange.h"

#include <algorithm>
#include <optional>

#include "graph/op_kind.h"
#include "graph/ops/matmul_update.h"

namespace pronghorn::cost {
namespace {

using graph::Graph;
using graph::Op;
using graph::ValueId;

// Which threads touch which elements.
struct Cut {
  enum Kind : uint8_t { kFirstThread, kBySlices, kByOp, kWhole } kind;
  size_t op = 0;  // of kByOp

  bool operator==(const Cut&) const = default;
};

// Weights, their slots and their gradients.
std::vector<bool> of_parameters(const Graph& graph) {
  std::vector<bool> result(graph.values.size());
  for (const Op& op : graph.ops)
    if (graph::updates_parameter(op))
      for (const auto* ids : {&op.inputs, &op.outputs})
        for (const ValueId id : *ids)
          // A fused update reads the batch too.
          if (graph.value(id).shape == graph.output(op, 0).shape)
            result[static_cast<size_t>(id)] = true;
  return result;
}

Cut cut_of(const Graph& graph, size_t index, ValueId id, bool of_parameter, int64_t tasks,
           bool read) {
  if (tasks <= 1) return {Cut::kFirstThread};
  const Shape& shape = graph.value(id).shape;
  if (!of_parameter && shape.rank() > 0 && shape[0] == graph.batch) return {Cut::kBySlices};
  const bool shares = !read || (of_parameter && graph::updates_parameter(graph.ops[index]));
  return shares ? Cut{Cut::kByOp, index} : Cut{Cut::kWhole};
}

// A memory block's last write, and the reads since.
struct History {
  std::optional<Cut> written;
  std::vector<Cut> reads;

  bool read_as(const Cut& cut) const {
    return std::find(reads.begin(), reads.end(), cut) != reads.end();
  }
};

// The bytes of a value that each thread touches.
double bytes_of_thread(const Graph& graph, ValueId id, const Cut& cut, int threads) {
  const auto bytes = static_cast<double>(graph.value(id).bytes());
  return cut.kind == Cut::kFirstThread || cut.kind == Cut::kWhole ? bytes : bytes / threads;
}

}  // namespace

std::vector<OpExchange> exchanges(const Graph& graph, const std::vector<ValueId>& storage,
                                  const std::vector<OpResidence>& where,
                                  const std::vector<int64_t>& tasks, int threads) {
  std::vector<OpExchange> result(graph.ops.size());
  if (threads == 1) return result;
  // Of what lies somewhere else, the share that is not with this thread by chance.
  const double others = static_cast<double>(threads - 1) / threads;
  std::vector<History> histories(graph.values.size());
  const std::vector<bool> parameters = of_parameters(graph);
  // The first step finds nothing; the second one is like all later ones.
  for (int step = 0; step < 2; ++step)
    for (size_t index = 0; index < graph.ops.size(); ++index) {
      const Op& op = graph.ops[index];
      if (op.kind->is_view()) continue;
      OpExchange found;
      // What has gone to DRAM no core holds any more.
      const auto add = [&](ValueId id, MemoryLevel level, const Cut& cut, bool read) {
        if (level == MemoryLevel::kDram) return;
        OpExchange::Bytes& bytes = found.bytes[level == MemoryLevel::kL3 ? 1 : 0];
        (read ? bytes.read : bytes.written) += others * bytes_of_thread(graph, id, cut, threads);
      };
      const auto history_of = [&](ValueId id) -> History& {
        return histories[static_cast<size_t>(storage[static_cast<size_t>(id)])];
      };
      const auto cut = [&](ValueId id, bool read) {
        return cut_of(graph, index, id, parameters[static_cast<size_t>(id)], tasks[index], read);
      };
      for (size_t i = 0; i < op.inputs.size(); ++i) {
        History& history = history_of(op.inputs[i]);
        const Cut reader = cut(op.inputs[i], true);
        if (history.read_as(reader)) continue;
        if (history.written && *history.written != reader)
          add(op.inputs[i], where[index].inputs[i], reader, true);
        history.reads.push_back(reader);
      }
      for (size_t i = 0; i < op.outputs.size(); ++i) {
        History& history = history_of(op.outputs[i]);
        const Cut writer = cut(op.outputs[i], false);
        const bool elsewhere = (history.written && *history.written != writer) ||
                               std::any_of(history.reads.begin(), history.reads.end(),
                                           [&](const Cut& reader) { return reader != writer; });
        if (elsewhere) add(op.outputs[i], where[index].outputs[i], writer, false);
        history = {writer, {}};
      }
      result[index] = found;
    }
  return result;
}

double exchange_seconds(const OpExchange& exchange, const Machine::Team& team) {
  double seconds = 0;
  // Rates are of all threads together.
  const auto add = [&](double bytes, double exchanged, double own) {
    if (bytes > 0 && exchanged > 0 && own > exchanged)
      seconds += bytes * team.threads * (1 / exchanged - 1 / own);
  };
  for (size_t i = 0; i < exchange.bytes.size(); ++i) {
    const Machine::Bandwidth& own = team.bandwidth[i + 1];
    add(exchange.bytes[i].read, team.exchange[i].read, own.read);
    add(exchange.bytes[i].written, team.exchange[i].write, own.write);
  }
  return seconds;
}

}  // namespace pronghorn::cost
