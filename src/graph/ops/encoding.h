#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/builder.h"
#include "graph/op_kind.h"

namespace pronghorn::graph {

// Ops on what is a number of a class rather than a measure; they have no gradient.
//
//   category_encoding  src (..., T) class numbers -> dst (..., K): of each group of T numbers the
//                      places in dst that are one, or with attribute `count` = 1 how often each
//                      stands there; numbers outside of [0, K) are left out
//   bucketize          src -> dst: how many of the attribute `boundaries` are at most src
//   constant           -> dst of attribute `shape`, with the attribute `values`
//
// Lists of real numbers are texts, "0.5, 1, 3.25", which an attribute can hold and show.
const OpKind& category_encoding_kind();
const OpKind& bucketize_kind();
const OpKind& constant_kind();

std::string to_text(const std::vector<double>& numbers);
std::vector<double> numbers_from_text(const std::string& text);

ValueId category_encoding(Builder& builder, ValueId src, int64_t classes, bool count);
ValueId bucketize(Builder& builder, ValueId src, const std::vector<double>& boundaries);
ValueId constant(Builder& builder, const Shape& shape, const std::vector<double>& values);

}  // namespace pronghorn::graph
