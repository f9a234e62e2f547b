#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "graph/builder.h"
#include "graph/op_kind.h"
#include "pronghorn/error.h"

namespace pronghorn::graph {

// A graph to build in.
class GraphTest : public testing::Test {
 protected:
  ValueId input(const Shape& shape) { return builder.add_value("x", shape, ValueRole::kInput); }
  const Shape& shape(ValueId id) const { return graph.value(id).shape; }

  // The message of the ShapeError that `build` throws.
  template <class Build>
  static std::string shape_error(Build&& build) {
    try {
      build();
    } catch (const ShapeError& error) {
      return error.what();
    }
    return "(no error)";
  }

  Graph graph;
  Builder builder{graph};
};

}  // namespace pronghorn::graph
