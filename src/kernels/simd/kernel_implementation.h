#pragma once

#include <memory>
#include <string_view>

#include "kernels/kernel.h"

namespace pronghorn::kernels::simd {

// Runs every case by a KernelType made from it, which says into how many tasks a case is cut:
// KernelType::tasks(kernel_case).
template <class KernelType>
class KernelImplementation final : public Implementation {
 public:
  explicit KernelImplementation(std::string_view name) : name_(name) {}
  std::string_view name() const override { return name_; }
  Family family() const override { return Family::kSimd; }
  Execution execution(const KernelCase& kernel_case) const override {
    Execution execution = Implementation::execution(kernel_case);
    execution.tasks = KernelType::tasks(kernel_case);
    return execution;
  }
  std::unique_ptr<Kernel> create(const KernelCase& kernel_case) const override {
    return std::make_unique<KernelType>(kernel_case);
  }

 private:
  std::string_view name_;
};

}  // namespace pronghorn::kernels::simd
