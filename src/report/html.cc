// One page: html/page.html with everything that it names put in. The charts are drawn, and the
// tables made, by the page's own scripts from the JSON that it holds; here is no second way to show
// a number.

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string_view>

#include "pronghorn/report.h"
#include "report/documents.h"
#include "report/page_files.h"
#include "report/text.h"

namespace pronghorn::report {
namespace {

using Json = nlohmann::ordered_json;

std::string_view page_file(std::string_view name) {
  for (const EmbeddedFile& file : page_files())
    if (file.name == name) return file.text;
  throw std::logic_error(fmt::format("the page names {}, which is not embedded", name));
}

// As text of an element or of an attribute.
std::string escaped(std::string_view text) {
  std::string result;
  for (const char character : printable(text)) {
    switch (character) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      default:
        result += character;
    }
  }
  return result;
}

// JSON inside of a script element, which ends at "</script" and changes its rules at "<!--"
// whatever stands around them. A "<" occurs in JSON's strings only, where an escape means the same.
std::string embedded(const Json& document) {
  std::string result = "<script class=\"document\" type=\"application/json\">";
  for (const char character : to_text(document, -1)) {
    if (character == '<')
      result += "\\u003c";
    else
      result += character;
  }
  return result + "</script>\n";
}

std::string scripts() {
  // In the order in which they use each other.
  constexpr const char* kScripts[] = {"text.js",
                                      "charts.js",
                                      "explanation_charts.js",
                                      "explanation_section.js",
                                      "comparison_section.js",
                                      "main.js"};
  std::string result;
  for (const char* name : kScripts) result += page_file(name);
  return result;
}

// The template with each {{name}} replaced. What is put in is not looked at again: a layer may be
// called {{title}}.
std::string page(const std::string& title, const std::vector<Json>& documents) {
  std::string_view rest = page_file("page.html");
  std::string result;
  while (true) {
    const size_t open = rest.find("{{");
    result += rest.substr(0, open);
    if (open == rest.npos) return result;
    const size_t close = rest.find("}}", open);
    const std::string_view name = rest.substr(open + 2, close - open - 2);
    rest.remove_prefix(close + 2);
    if (name == "title") {
      result += escaped(title);
    } else if (name == "answers") {
      for (const Json& document : documents)
        result += fmt::format("<p>{}</p>\n", escaped(document["answer"].get<std::string>()));
    } else if (name == "documents") {
      for (const Json& document : documents) result += embedded(document);
    } else if (name == "scripts") {
      result += scripts();
    } else {
      result += page_file(name);
    }
  }
}

}  // namespace

std::string html(const std::vector<Explanation>& explanations,
                 const std::vector<Variant>& variants) {
  std::string title;
  std::vector<Json> documents;
  for (const Explanation& explanation : explanations) {
    if (!title.empty()) title += ", ";
    title += explanation.model;
    // They are of one model: the only one, or the first.
    documents.push_back(
        document(explanation, documents.empty() ? variants : std::vector<Variant>{}));
  }
  return page(title + ": where the time goes", documents);
}

std::string html(const Comparison& comparison) {
  return page(comparison.a.model + " and " + comparison.b.model, {document(comparison)});
}

}  // namespace pronghorn::report
