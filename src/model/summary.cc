#include "model/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "model/cost.h"

namespace pronghorn::model {
namespace {

// Keras's widths (keras/src/utils/summary_utils.py): where columns end, as a part of the table,
// for a chain of layers and for a model with branches.
constexpr int kChainWidth = 88;
constexpr int kBranchingWidth = 108;
// The column that Keras has not.
constexpr std::string_view kCostTitle = "Multiply-accumulates";
constexpr int kCostWidth = static_cast<int>(kCostTitle.size()) + 2;

struct Column {
  std::string title;
  int width;  // with a space at either side, without the border
  bool right = false;
};

// Each layer after the one before it and called once: then Keras leaves the connections out.
bool is_chain(const Model& model) {
  if (model.layers().size() != model.nodes.size()) return false;
  for (size_t i = 0; i < model.nodes.size(); ++i) {
    const std::vector<int>& inputs = model.nodes[i].inputs;
    if (i == 0 ? !inputs.empty() : inputs != std::vector{static_cast<int>(i) - 1}) return false;
  }
  return true;
}

// What rich.table makes of columns that Keras asks to be this wide: as their padding and borders
// don't fit in, the excess is taken from all evenly, halves rounded to even.
std::vector<int> column_widths(const std::vector<double>& ends, int table_width) {
  std::vector<int> widths;
  int begin = 0;
  for (double end : ends) {
    const int at = static_cast<int>(end * table_width);
    widths.push_back(at - begin + 2);
    begin = at;
  }
  int excess = 3 * static_cast<int>(ends.size()) + 1;
  int columns = static_cast<int>(ends.size());
  for (int& width : widths) {
    const int taken = static_cast<int>(std::nearbyint(static_cast<double>(excess) / columns));
    width -= taken;
    excess -= taken;
    --columns;
  }
  return widths;
}

// Terminal cells, counting a character of any script as one.
int cells(std::string_view text) {
  return static_cast<int>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

std::string cut(std::string_view text, int width) {
  if (cells(text) <= width) return std::string(text);
  size_t end = 0;
  for (int count = 0; end < text.size(); ++end)
    if ((static_cast<unsigned char>(text[end]) & 0xC0) != 0x80 && ++count == width) break;
  return std::string(text.substr(0, end)) + "…";
}

// Broken between words; a word that is too long is cut.
std::vector<std::string> wrap(std::string_view text, int width) {
  std::vector<std::string> lines(1);
  while (!text.empty()) {
    const size_t space = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, space);
    std::string& line = lines.back();
    if (line.empty())
      line = word;
    else if (cells(line) + 1 + cells(word) <= width)
      line += fmt::format(" {}", word);
    else
      lines.emplace_back(word);
    text.remove_prefix(std::min(space + 1, text.size()));
  }
  for (std::string& line : lines) line = cut(line, width);
  return lines;
}

std::string rule(const std::vector<Column>& columns, std::string_view left, std::string_view line,
                 std::string_view middle, std::string_view right) {
  std::string text(left);
  for (size_t i = 0; i < columns.size(); ++i) {
    if (i > 0) text += middle;
    for (int cell = 0; cell < columns[i].width; ++cell) text += line;
  }
  return text + std::string(right) + "\n";
}

std::string row(const std::vector<Column>& columns, const std::vector<std::string>& fields,
                std::string_view border) {
  std::vector<std::vector<std::string>> lines;
  size_t height = 1;
  for (size_t i = 0; i < columns.size(); ++i) {
    lines.push_back(wrap(fields[i], columns[i].width - 2));
    height = std::max(height, lines.back().size());
  }
  std::string text;
  for (size_t y = 0; y < height; ++y) {
    for (size_t i = 0; i < columns.size(); ++i) {
      const std::string field = y < lines[i].size() ? lines[i][y] : "";
      const std::string space(static_cast<size_t>(columns[i].width - 2 - cells(field)), ' ');
      text += fmt::format("{} {}{} ", border, columns[i].right ? space + field : field,
                          columns[i].right ? "" : space);
    }
    text += fmt::format("{}\n", border);
  }
  return text;
}

std::string thousands(int64_t number) {
  std::string digits = std::to_string(number);
  for (auto at = static_cast<int64_t>(digits.size()) - 3; at > 0; at -= 3)
    digits.insert(static_cast<size_t>(at), ",");
  return digits;
}

// Keras's readable_memory_size of so many floats.
std::string memory_size(int64_t floats) {
  constexpr std::array kUnits = {"B", "KB", "MB", "GB", "TB", "PB"};
  double size = static_cast<double>(floats) * sizeof(float);
  size_t unit = 0;
  for (; size >= 1024 && unit + 1 < kUnits.size(); ++unit) size /= 1024;
  return fmt::format("{:.2f} {}", size, kUnits[unit]);
}

}  // namespace

std::vector<SummaryRow> summary_rows(const Model& model) {
  const ForwardCost cost = forward_cost(model);
  std::vector<SummaryRow> rows;
  std::map<const Layer*, size_t> row_of;
  // Which of its layer's calls a node is.
  std::vector<int> call_numbers;
  std::map<const Layer*, int> calls;
  for (const Model::Node& node : model.nodes) {
    const Layer* layer = node.layer.get();
    call_numbers.push_back(calls[layer]++);
    if (model.sequential && node.inputs.empty()) continue;
    const auto [entry, first_call] = row_of.try_emplace(layer, rows.size());
    if (first_call) {
      SummaryRow& added = rows.emplace_back();
      added.name = layer->name();
      added.type = layer->class_name();
      if (const Model* nested = layer->nested_model(); nested != nullptr)
        added.params = nested->count_params();
      for (const Weight& weight : layer->weights()) added.params += weight.shape.elements();
      const auto found = cost.by_layer.find(layer);
      if (found != cost.by_layer.end())
        added.multiply_accumulates = found->second.multiply_accumulates;
    }
    SummaryRow& shown = rows[entry->second];
    shown.output_shape = node.shape;
    for (int input : node.inputs) {
      const auto index = static_cast<size_t>(input);
      shown.connected_to.push_back(
          fmt::format("{}[{}][0]", model.nodes[index].layer->name(), call_numbers[index]));
    }
  }
  return rows;
}

std::string summary(const Model& model, int line_length) {
  const bool chain = is_chain(model);
  const std::vector<double> ends =
      chain ? std::vector{0.45, 0.80, 1.0} : std::vector{0.3, 0.56, 0.74, 1.0};
  const int widest = chain ? kChainWidth : kBranchingWidth;
  // Below 40 Keras's columns have no room left for text.
  const int table_width =
      line_length == 0 ? widest : std::clamp(line_length - kCostWidth - 1, 40, widest);
  const std::vector<int> widths = column_widths(ends, table_width);
  std::vector<Column> columns = {{"Layer (type)", widths[0]},
                                 {"Output Shape", widths[1]},
                                 {"Param #", widths[2], /*right=*/true}};
  if (!chain) columns.push_back({"Connected to", widths[3]});
  columns.push_back({std::string(kCostTitle), kCostWidth, /*right=*/true});

  std::vector<std::string> titles;
  for (const Column& column : columns) titles.push_back(column.title);
  std::string text = fmt::format("Model: \"{}\"\n", model.name);
  text += rule(columns, "┏", "━", "┳", "┓");
  text += row(columns, titles, "┃");
  text += rule(columns, "┡", "━", "╇", "┩");
  bool first = true;
  int64_t multiply_accumulates = 0;
  for (const SummaryRow& layer : summary_rows(model)) {
    if (!first) text += rule(columns, "├", "─", "┼", "┤");
    first = false;
    multiply_accumulates += layer.multiply_accumulates;
    std::vector<std::string> fields = {fmt::format("{} ({})", layer.name, layer.type),
                                       layer.output_shape.to_string_any_batch(),
                                       thousands(layer.params)};
    if (!chain) {
      std::string connections;
      for (const std::string& connection : layer.connected_to)
        connections += fmt::format("{}{}", connections.empty() ? "" : ", ", connection);
      fields.push_back(connections.empty() ? "-" : connections);
    }
    fields.push_back(thousands(layer.multiply_accumulates));
    text += row(columns, fields, "│");
  }
  text += rule(columns, "└", "─", "┴", "┘");

  int64_t trainable = 0;
  for (const Model::NamedWeight& named : model.weights())
    if (named.layer->trainable() && named.weight->trainable)
      trainable += named.weight->shape.elements();
  const int64_t total = model.count_params();
  const auto params = [&](std::string_view which, int64_t count) {
    text += fmt::format(" {} params: {} ({})\n", which, thousands(count), memory_size(count));
  };
  params("Total", total);
  params("Trainable", trainable);
  params("Non-trainable", total - trainable);
  text += fmt::format(" Total multiply-accumulates: {} (forward, per image)\n",
                      thousands(multiply_accumulates));
  return text;
}

}  // namespace pronghorn::model
