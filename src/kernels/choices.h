#pragma once

#include <map>
#include <string>
#include <string_view>

#include "kernels/kernel.h"

namespace pronghorn::kernels {

// What a kernel's speed may depend on, in one line of text: kind, shapes, attributes, epilogue,
// whether a product's first matrix may hold zeros, and threads. The same for the same op in any
// model: "conv2d (128, 26, 26, 32) (3, 3, 32, 64) -> (128, 24, 24, 64), strides=[1, 1], ...".
std::string op_key(const KernelCase& kernel_case);

// Which implementation is to run which ops, as `pronghorn tune` measured it on some machine. A file
// of JSON, so that a choice is a function of a file and not of a clock:
//
//   {"format": "pronghorn.choices", "version": 1, "cpu": "...",
//    "choices": {"<op_key>": "<name of an implementation>", ...}}
class Choices {
 public:
  static constexpr int kVersion = 1;

  // Both throw FileError where it is no such file, or names an op kind or an implementation that
  // this program doesn't have.
  static Choices load(const std::string& path);
  static Choices parse(std::string_view json, const std::string& path);

  // The implementation for this op; null where none is named.
  const Implementation* find(const KernelCase& kernel_case) const;

  void set(const std::string& key, const Implementation& implementation) {
    chosen_[key] = &implementation;
  }
  size_t size() const { return chosen_.size(); }
  // The CPU's name on which they were measured.
  const std::string& cpu() const { return cpu_; }
  void set_cpu(std::string cpu) { cpu_ = std::move(cpu); }
  std::string to_json() const;

 private:
  std::string cpu_;
  std::map<std::string, const Implementation*> chosen_;
};

}  // namespace pronghorn::kernels
