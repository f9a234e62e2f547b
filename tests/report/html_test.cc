#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>

#include "pronghorn/report.h"
#include "report/sample.h"
#include "train/temporary_directory.h"

namespace pronghorn::report {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::string html_of(const Explanation& explanation) {
  return html(std::vector<Explanation>{explanation});
}

// The documents that the page holds, found as a browser finds them: a script ends at "</script".
std::vector<std::string> documents_of(const std::string& page) {
  const std::string open = "<script class=\"document\" type=\"application/json\">";
  std::vector<std::string> documents;
  for (size_t place = page.find(open); place != page.npos; place = page.find(open, place)) {
    place += open.size();
    documents.push_back(page.substr(place, page.find("</script", place) - place));
  }
  return documents;
}

Explanation with_wicked_names() {
  Explanation cnn = sample_cnn();
  const std::string wicked = "</script><!-- <script><b>{{title}}";
  cnn.model = wicked + "\xff\"&";
  cnn.answer = wicked;
  cnn.layers[0].name = wicked;
  cnn.ops[0].layer = wicked;
  cnn.ops[1].kernel = wicked;
  cnn.arena[0].name = wicked;
  cnn.findings.push_back(wicked);
  return cnn;
}

TEST(Html, HoldsExactlyTheJson) {
  const std::vector<std::string> one =
      documents_of(html(std::vector<Explanation>{sample_cnn()}, sample_variants()));
  ASSERT_EQ(one.size(), 1u);
  EXPECT_EQ(json::parse(one[0]), json::parse(report::json(sample_cnn(), sample_variants())));
  const std::vector<std::string> two =
      documents_of(html(std::vector<Explanation>{sample_mlp(), sample_cnn()}));
  ASSERT_EQ(two.size(), 2u);
  EXPECT_EQ(json::parse(two[1]), json::parse(report::json(sample_cnn())));
  const std::vector<std::string> both = documents_of(html(sample_comparison()));
  ASSERT_EQ(both.size(), 1u);
  EXPECT_EQ(json::parse(both[0]), json::parse(report::json(sample_comparison())));
}

TEST(Html, NamesStayText) {
  const Explanation wicked = with_wicked_names();
  const std::string page = html_of(wicked);
  const std::vector<std::string> documents = documents_of(page);
  ASSERT_EQ(documents.size(), 1u);
  EXPECT_EQ(json::parse(documents[0]), json::parse(report::json(wicked)));
  EXPECT_THAT(documents[0], Not(HasSubstr("<")));
  EXPECT_THAT(page,
              HasSubstr("<title>&lt;/script&gt;&lt;!-- &lt;script&gt;&lt;b&gt;{{title}}?&quot;"
                        "&amp;: where the time goes</title>"));
}

TEST(Html, AsksNoServer) {
  const std::string page = html(sample_comparison());
  // Links in texts are no requests; what a browser would fetch has one of these before it.
  EXPECT_FALSE(std::regex_search(
      page.substr(0, page.find("<script>")) + page.substr(page.rfind("<script")),
      std::regex(
          "(src|href|action)\\s*=\\s*[\"']?(https?:)?//|url\\(|@import|<link|fetch\\(|XMLHttp")));
  EXPECT_THAT(page, AllOf(Not(HasSubstr("<link")), Not(HasSubstr(" src=")),
                          Not(HasSubstr("@import")), HasSubstr("default-src 'none'")));
}

TEST(Html, CarriesTheLicenceOfChartJs) {
  EXPECT_THAT(html_of(sample_cnn()),
              AllOf(HasSubstr("Chart.js Contributors"), HasSubstr("Jukka Kurkela"),
                    HasSubstr("The above copyright notice and this permission notice")));
}

TEST(Html, EveryPlaceOfTheTemplateIsFilled) {
  const std::string page = html_of(sample_cnn());
  EXPECT_FALSE(std::regex_search(page.substr(0, 20000), std::regex("\\{\\{[a-z.]+\\}\\}")));
  EXPECT_THAT(page, AllOf(HasSubstr("function rooflineChart"), HasSubstr("</html>")));
}

// What a browser made of a page: its elements as text, after all scripts ran.
class Browser : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"chromium", "chromium-browser", "google-chrome"}) {
      const std::string question = std::string("command -v ") + name + " >/dev/null 2>&1";
      if (std::system(question.c_str()) == 0) program_ = name;
    }
    if (program_.empty()) GTEST_SKIP() << "no Chromium here (Debian's package chromium)";
  }

  std::string elements_of(const std::string& page, int width = 1280) {
    std::ofstream(directory_ / "page.html") << page;
    const std::string command =
        "HOME='" + (directory_ / "") + "' timeout 120 " + program_ +
        " --headless --no-sandbox --disable-gpu --virtual-time-budget=20000 --window-size=" +
        std::to_string(width) + ",1000 --user-data-dir='" + (directory_ / "profile") +
        "' --dump-dom 'file://" + (directory_ / "page.html") + "' >'" +
        (directory_ / "elements.html") + "' 2>'" + (directory_ / "log") + "'";
    EXPECT_EQ(std::system(command.c_str()), 0) << contents_of(directory_ / "log");
    return contents_of(directory_ / "elements.html");
  }

  // Draws so many charts, without an error, and without anything that is wider than the window.
  void expect_drawn(const std::string& page, int charts, int width = 1280) {
    const std::string elements = elements_of(page, width);
    const std::string root = elements.substr(0, elements.find("<head"));
    EXPECT_THAT(root, AllOf(HasSubstr("data-drawn=\"" + std::to_string(charts) + "\""),
                            HasSubstr("data-too-wide=\"0\""), Not(HasSubstr("data-errors"))));
  }

  TemporaryDirectory directory_;
  std::string program_;
};

TEST_F(Browser, DrawsSeveralExplanationsOnOnePage) {
  // Layers, roofline, arena and threads of each; the ladder of one. Of the untrainable none.
  expect_drawn(
      html({sample_mlp(), sample_cnn(), sample_deep(), sample_one_layer(), sample_untrainable()}),
      4 + 5 + 4 + 4);
}

TEST_F(Browser, DrawsVariantsAndComparisons) {
  expect_drawn(html(std::vector<Explanation>{sample_cnn(false)}, sample_variants()), 6);
  expect_drawn(html(sample_comparison()), 2 + 4 + 5);
  // The narrowest window that a browser without a screen has: wide tables scroll by themselves.
  expect_drawn(html(sample_comparison()), 2 + 4 + 5, 500);
}

TEST_F(Browser, DrawsWickedNamesAndNothing) {
  const std::string elements = elements_of(html_of(with_wicked_names()));
  EXPECT_THAT(elements, AllOf(HasSubstr("data-drawn=\"5\""), Not(HasSubstr("<b>"))));
  expect_drawn(html_of(Explanation{}), 1);
  Explanation odd = sample_cnn();
  odd.predicted.seconds = std::numeric_limits<double>::infinity();
  odd.ops[0].predicted.seconds = std::numeric_limits<double>::quiet_NaN();
  odd.machine = Machine{};
  expect_drawn(html_of(odd), 5);
}

}  // namespace
}  // namespace pronghorn::report
