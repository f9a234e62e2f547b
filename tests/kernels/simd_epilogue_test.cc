// The stages of an epilogue on ranges of a tensor, and how far they are from their formulas.

#include "kernels/simd/epilogue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/philox.h"
#include "graph/ops/elementwise.h"
#include "kernels/reference/stages.h"
#include "kernels/simd_targets.h"

namespace pronghorn::test {
namespace {

using graph::Stage;
using graph::StageFunction;
using kernels::simd::Epilogue;

// An elementwise op of these stages over (rows, channels), and memory for it.
class StagesOnRows {
 public:
  StagesOnRows(std::vector<Stage> stages, int64_t rows, int64_t channels) {
    graph::Builder builder(graph_);
    const Shape shape{rows, channels};
    std::vector<graph::ValueId> inputs{builder.add_value("x", shape, graph::ValueRole::kInput)};
    add_memory(shape);
    for (Stage& stage : stages) {
      if (!graph::stage_traits(stage.function).has_operand) continue;
      const Shape operand = stage.function == StageFunction::kBiasAdd ? Shape{channels} : shape;
      inputs.push_back(builder.add_value("operand", operand, graph::ValueRole::kInput));
      add_memory(operand);
      stage.operand = static_cast<int>(inputs.size()) - 1;
    }
    builder.add_op(graph::elementwise_kind(), inputs, {}, std::move(stages));
  }

  std::vector<float>& input(size_t index) { return memory_[index]; }
  const std::vector<Stage>& stages() const { return graph_.ops[0].epilogue; }

  Epilogue epilogue() {
    Epilogue epilogue({graph_, graph_.ops[0], 1});
    kernels::Buffers buffers;
    for (std::vector<float>& memory : memory_)
      buffers.inputs.push_back(reinterpret_cast<std::byte*>(memory.data()));
    epilogue.bind(buffers);
    return epilogue;
  }

 private:
  void add_memory(const Shape& shape) {
    std::vector<float> memory(static_cast<size_t>(shape.elements()));
    for (size_t i = 0; i < memory.size(); ++i)
      memory[i] = std::sin(static_cast<float>(i + 7 * memory_.size()));
    memory_.push_back(std::move(memory));
  }

  graph::Graph graph_;
  std::vector<std::vector<float>> memory_;
};

const Parallel& one_thread() {
  static const Parallel parallel(1);
  return parallel;
}

std::vector<float> apply(const Epilogue& epilogue, const std::vector<float>& src, int64_t begin,
                         int64_t count, uint64_t seed = 7, uint64_t step = 3) {
  std::vector<float> dst(static_cast<size_t>(count));
  epilogue.apply(src.data() + begin, dst.data(), begin, count, {one_thread(), seed, step, 0});
  return dst;
}

class EpilogueTargets : public OnEachTarget {};

TEST_P(EpilogueTargets, DropsWhatThePhiloxWordsSayWhereverARangeBegins) {
  constexpr double kRate = 0.3;
  StagesOnRows rows({{StageFunction::kDropout, -1, kRate, 11}}, 3, 2000);
  std::fill(rows.input(0).begin(), rows.input(0).end(), 1.0f);
  const Epilogue epilogue = rows.epilogue();
  for (uint64_t step : {uint64_t{0}, uint64_t{3}, uint64_t{0x1234567890}}) {
    const RandomStream random(7, 11, step);
    for (int64_t begin : {0, 1, 2, 3, 4, 5, 1021}) {
      for (int64_t count : {1, 2, 3, 4, 15, 16, 17, 63, 64, 65, 2047, 2048, 2049, 4900}) {
        const std::vector<float> dst = apply(epilogue, rows.input(0), begin, count, 7, step);
        for (int64_t i = 0; i < count; ++i) {
          const bool kept =
              random.uniform(static_cast<uint64_t>(begin + i)) >= static_cast<float>(kRate);
          ASSERT_EQ(dst[static_cast<size_t>(i)], kept ? static_cast<float>(1 / (1 - kRate)) : 0)
              << "step " << step << ", element " << begin + i << " of a range from " << begin;
        }
      }
    }
  }
}

// Element numbers of more than 32 bits; no tensor of ours has them, but a counter has 64.
TEST_P(EpilogueTargets, CountsElementsIn64Bits) {
  StagesOnRows rows({{StageFunction::kDropout, -1, 0.5, 1}}, 1, 64);
  const Epilogue epilogue = rows.epilogue();
  const std::vector<float> src(64, 1.0f);
  std::vector<float> dst(64);
  const int64_t begin = (int64_t{1} << 34) - 16;
  epilogue.apply(src.data(), dst.data(), begin, 64, {one_thread(), 7, 3, 0});
  const RandomStream random(7, 1, 3);
  for (int64_t i = 0; i < 64; ++i)
    EXPECT_EQ(dst[static_cast<size_t>(i)] != 0,
              random.uniform(static_cast<uint64_t>(begin + i)) >= 0.5f);
}

TEST_P(EpilogueTargets, KeepsAllAtRateZeroAndDropsExactlyBelowTheRate) {
  // A rate that is the uniform number of some element: it is kept, as uniform >= rate.
  const RandomStream random(7, 11, 3);
  const double rate = random.uniform(5);
  for (double r : {0.0, rate, std::nextafter(rate, 1.0)}) {
    StagesOnRows rows({{StageFunction::kDropout, -1, r, 11}}, 1, 64);
    const std::vector<float> dst = apply(rows.epilogue(), std::vector<float>(64, 1.0f), 0, 64);
    for (uint64_t i = 0; i < 64; ++i)
      EXPECT_EQ(dst[i] != 0, random.uniform(i) >= static_cast<float>(r)) << r << ", " << i;
  }
}

TEST_P(EpilogueTargets, AddsTheRightBiasWhereverARangeBegins) {
  for (int64_t channels : {1, 2, 3, 5, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 130}) {
    StagesOnRows rows({{StageFunction::kBiasAdd}}, 40, channels);
    const Epilogue epilogue = rows.epilogue();
    const int64_t elements = 40 * channels;
    for (int64_t begin : {int64_t{0}, int64_t{1}, channels - 1, channels, 3 * channels + 2}) {
      const std::vector<float> dst = apply(epilogue, rows.input(0), begin, elements - begin);
      for (int64_t i = begin; i < elements; ++i)
        ASSERT_EQ(dst[static_cast<size_t>(i - begin)],
                  rows.input(0)[static_cast<size_t>(i)] +
                      rows.input(1)[static_cast<size_t>(i % channels)])
            << channels << " channels, element " << i << " of a range from " << begin;
    }
  }
}

TEST_P(EpilogueTargets, RangesMakeTheBitsOfTheWhole) {
  StagesOnRows rows({{StageFunction::kBiasAdd},
                     {StageFunction::kGelu},
                     {StageFunction::kMultiply},
                     {StageFunction::kDropout, -1, 0.2, 5}},
                    23, 37);
  const Epilogue epilogue = rows.epilogue();
  const std::vector<float> whole = apply(epilogue, rows.input(0), 0, 23 * 37);
  for (int64_t first = 0; first < 23; ++first) {
    const std::vector<float> row = apply(epilogue, rows.input(0), first * 37, 37);
    EXPECT_TRUE(std::equal(row.begin(), row.end(), whole.begin() + first * 37));
  }
}

TEST_P(EpilogueTargets, MayOverwriteTheOperandOfItsLastStage) {
  StagesOnRows rows({{StageFunction::kScale, -1, 3.0}, {StageFunction::kAdd}}, 3, 1000);
  const Epilogue epilogue = rows.epilogue();
  const std::vector<float> expected = apply(epilogue, rows.input(0), 0, 3000);
  epilogue.apply(rows.input(0).data(), rows.input(1).data(), 0, 3000, {one_thread(), 7, 3, 0});
  EXPECT_EQ(rows.input(1), expected);
}

TEST_P(EpilogueTargets, KeepsNaN) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (StageFunction function :
       {StageFunction::kRelu, StageFunction::kLeakyRelu, StageFunction::kSigmoid,
        StageFunction::kTanh, StageFunction::kGelu, StageFunction::kGeluApproximate,
        StageFunction::kSilu, StageFunction::kElu, StageFunction::kSoftplus}) {
    StagesOnRows rows({{function, -1, 0.5}}, 1, 17);
    for (float y : apply(rows.epilogue(), std::vector<float>(17, nan), 0, 17))
      EXPECT_TRUE(std::isnan(y)) << graph::stage_traits(function).name;
  }
}

// The largest errors over x in [-30, 30], in units of the last place of the exact value, and as
// absolute values where the exact one is below 1e-3.
struct Accuracy {
  StageFunction function;
  double alpha;
  double most_ulp;
  double most_absolute;
};

TEST_P(EpilogueTargets, StagesAreAsAccurateAsTheyClaim) {
  const Accuracy kClaims[] = {
      {StageFunction::kSigmoid, 0, 3, 1e-9},  {StageFunction::kTanh, 0, 5, 1e-9},
      {StageFunction::kGelu, 0, 8, 1e-9},     {StageFunction::kGeluApproximate, 0, 14, 2e-9},
      {StageFunction::kSilu, 0, 4, 1e-9},     {StageFunction::kElu, 1, 5, 1e-9},
      {StageFunction::kSoftplus, 0, 4, 1e-9},
  };
  constexpr int64_t kPoints = 60001;
  for (const Accuracy& claim : kClaims) {
    StagesOnRows rows({{claim.function, -1, claim.alpha}}, 1, kPoints);
    for (int64_t i = 0; i < kPoints; ++i)
      rows.input(0)[static_cast<size_t>(i)] = static_cast<float>(i - kPoints / 2) * 1e-3f;
    const std::vector<float> y = apply(rows.epilogue(), rows.input(0), 0, kPoints);
    double ulp = 0, absolute = 0, at = 0;
    for (int64_t i = 0; i < kPoints; ++i) {
      const double x = rows.input(0)[static_cast<size_t>(i)];
      const double exact = kernels::reference::apply_stage<double>(rows.stages()[0], x, 0);
      const double error = std::abs(y[static_cast<size_t>(i)] - exact);
      if (std::abs(exact) < 1e-3) {
        absolute = std::max(absolute, error);
        continue;
      }
      const float magnitude = static_cast<float>(std::abs(exact));
      const double unit = static_cast<double>(std::nextafter(magnitude, INFINITY)) - magnitude;
      if (error / unit > ulp) at = x;
      ulp = std::max(ulp, error / unit);
    }
    EXPECT_LE(ulp, claim.most_ulp) << graph::stage_traits(claim.function).name << " at " << at;
    EXPECT_LE(absolute, claim.most_absolute) << graph::stage_traits(claim.function).name;
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, EpilogueTargets, testing::ValuesIn(simd_targets()), target_name);

}  // namespace
}  // namespace pronghorn::test
