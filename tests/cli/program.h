#pragma once

#include <string>
#include <vector>

#include "pronghorn/data.h"
#include "train/temporary_directory.h"

namespace pronghorn {

struct ProgramResult {
  int exit_code;  // -1 if a signal ended it
  std::string out;
  std::string err;
};

// Runs the program `pronghorn` as a process of its own, its output in files.
ProgramResult run_program(const std::vector<std::string>& arguments);

// A directory with a small model (4 inputs, Dense 3 softmax) and data for it.
class Workplace {
 public:
  Workplace();

  std::string operator/(const std::string& name) const { return directory_ / name; }
  std::string model() const { return directory_ / "model.json"; }
  std::string samples() const { return directory_ / "x.npy"; }
  std::string labels() const { return directory_ / "y.npy"; }
  std::string csv() const { return directory_ / "data.csv"; }
  void write(const std::string& name, const std::string& text) const;

  static Array some_samples();
  static Array some_labels();

 private:
  TemporaryDirectory directory_;
};

}  // namespace pronghorn
