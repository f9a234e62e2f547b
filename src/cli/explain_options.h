#pragma once

#include <string>
#include <vector>

#include "cli/options.h"
#include "pronghorn/explain.h"
#include "pronghorn/machine.h"
#include "pronghorn/model.h"

namespace CLI {
class App;
}

namespace pronghorn::cli {

// What explain and compare are asked: the step, the machine, and where the answer goes.
struct ExplainFlags {
  int64_t batch_size = 128;
  int64_t samples = 60000;
  RunOptions run;
  std::string optimizer;
  std::string preset;
  std::string loss;
  std::string machine;
  bool measure = false;
  bool json = false;
  std::string html;
};
void add_explain_flags(CLI::App& command, ExplainFlags& flags);

// A model under the name that reports show: the zoo's, or a file's without folder and ending.
struct NamedModel {
  std::string name;
  Model model;
};
// Where two files would have one name, both keep their paths.
std::vector<NamedModel> load_models(const std::vector<std::string>& names_or_paths);

ExplainOptions explain_options(const ExplainFlags& flags, const Model& model);

// --machine's file, or this machine; why it was measured now goes to standard error.
Machine find_machine(const std::string& path, bool fresh = false);

// How wide a report may be: as wide as a terminal that is narrower or a little wider than reports
// are, else 100.
int report_columns();

}  // namespace pronghorn::cli
