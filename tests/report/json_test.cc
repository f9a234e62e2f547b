#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "pronghorn/report.h"
#include "report/sample.h"
#include "train/temporary_directory.h"

namespace pronghorn::report {
namespace {

using nlohmann::json;

void collect_keys(const json& value, std::set<std::string>& keys) {
  if (value.is_object())
    for (const auto& [key, inside] : value.items()) {
      keys.insert(key);
      collect_keys(inside, keys);
    }
  if (value.is_array())
    for (const json& inside : value) collect_keys(inside, keys);
}

// The names in backticks at the beginning of a table's row, and those in its text.
std::set<std::string> names_in(const std::string& page, const std::string& pattern) {
  const std::regex regex(pattern);
  std::set<std::string> names;
  for (std::sregex_iterator match(page.begin(), page.end(), regex), end; match != end; ++match)
    names.insert((*match)[1]);
  return names;
}

TEST(Json, TheSchemaPageNamesEveryKey) {
  const std::string page = contents_of(PRONGHORN_SOURCE_DIR "/docs/explanation-schema.md");
  std::set<std::string> keys;
  collect_keys(json::parse(report::json(sample_cnn(), sample_variants())), keys);
  collect_keys(json::parse(report::json(sample_comparison())), keys);
  Tuning tuning;
  tuning.ops.push_back({.candidates = {{}}, .refused = {{}}});
  collect_keys(json::parse(report::json(tuning)), keys);
  EXPECT_GT(keys.size(), 90u);
  const std::set<std::string> named = names_in(page, "`([a-z_0-9]+)`");
  for (const std::string& key : keys) EXPECT_TRUE(named.contains(key)) << key;
  for (const std::string& key : names_in(page, "\n\\| `([a-z_0-9]+)` \\|"))
    EXPECT_TRUE(keys.contains(key)) << "the page names " << key << ", which no document has";
}

TEST(Json, BeginsWithItsSchema) {
  EXPECT_TRUE(
      report::json(sample_cnn()).starts_with("{\n  \"schema\": \"pronghorn.explanation/1\""));
  EXPECT_TRUE(
      report::json(sample_comparison()).starts_with("{\n  \"schema\": \"pronghorn.comparison/1\""));
}

TEST(Json, NumbersComeBackExactly) {
  const Explanation cnn = sample_cnn();
  const json document = json::parse(report::json(cnn));
  EXPECT_EQ(document["predicted"]["seconds"].get<double>(), cnn.predicted.seconds);
  EXPECT_EQ(document["step_seconds"].get<double>(), cnn.profile->step_seconds.median);
  EXPECT_EQ(document["work"]["multiply_accumulates"].get<int64_t>(),
            cnn.total.multiply_accumulates);
  EXPECT_EQ(document["work"]["flops"].get<int64_t>(), cnn.total.flops());
  EXPECT_EQ(document["layers"].size(), cnn.layers.size());
  EXPECT_EQ(document["layers"][1]["uses_per_weight"], 576);
  EXPECT_EQ(document["layers"][1]["by_phase"][2]["predicted_seconds"].get<double>(),
            cnn.layers[1].predicted_by_phase[2]);
  EXPECT_EQ(document["ops"][3]["refused"][0]["reason"], "its input is dense");
  EXPECT_EQ(document["ops"][3]["measured"]["high_seconds"].get<double>(),
            cnn.ops[3].measured->high);
  EXPECT_EQ(document["arena"][2]["offset_bytes"].get<int64_t>(), cnn.arena[2].offset);
  EXPECT_EQ(document["team"]["threads"], 2);
  EXPECT_EQ(document["machine"]["teams"][1]["bandwidth"][2]["level"], "L3");
  EXPECT_EQ(document["steps_per_epoch"], 469);
}

TEST(Json, WhatIsNotKnownIsNull) {
  const json predicted = json::parse(report::json(sample_mlp(false)));
  EXPECT_TRUE(predicted["profile"].is_null());
  EXPECT_TRUE(predicted["layers"][0]["measured"].is_null());
  EXPECT_TRUE(predicted["layers"][0]["by_phase"][0]["measured_seconds"].is_null());
  EXPECT_TRUE(predicted["untrainable"].is_null());
  EXPECT_EQ(json::parse(report::json(sample_untrainable()))["untrainable"],
            *sample_untrainable().untrainable);
}

TEST(Json, ANumberThatIsNoneIsNull) {
  Explanation cnn = sample_cnn();
  cnn.predicted.seconds = std::numeric_limits<double>::infinity();
  cnn.ops[0].predicted.memory = std::numeric_limits<double>::quiet_NaN();
  const json document = json::parse(report::json(cnn));
  EXPECT_TRUE(document["predicted"]["seconds"].is_null());
  EXPECT_TRUE(document["ops"][0]["predicted"]["memory_seconds"].is_null());
}

TEST(Json, NamesMayBeAnything) {
  Explanation cnn = sample_cnn();
  cnn.layers[0].name = "</script><b>\"\\\n";
  cnn.model = "\xff model";
  const json document = json::parse(report::json(cnn));
  EXPECT_EQ(document["layers"][0]["name"], "</script><b>\"\\\n");
  EXPECT_EQ(document["model"], "\xef\xbf\xbd model");
}

TEST(Json, NothingAtAllIsADocumentToo) {
  const json document = json::parse(report::json(Explanation{}));
  EXPECT_EQ(document["steps_per_epoch"], 0);
  EXPECT_TRUE(document["layers"].empty());
  EXPECT_EQ(json::parse(report::json(Comparison{}))["factors"].size(), 0u);
}

TEST(Json, AComparisonHoldsBothExplanations) {
  const json document = json::parse(report::json(sample_comparison()));
  EXPECT_EQ(document["a"]["model"], "mnist-mlp");
  EXPECT_EQ(document["b"]["schema"], "pronghorn.explanation/1");
  double product = 1;
  for (const json& factor : document["factors"]) product *= factor["ratio"].get<double>();
  EXPECT_NEAR(product, document["ratio"].get<double>(), 1e-9);
}

}  // namespace
}  // namespace pronghorn::report
