#include "train/kernel_policy.h"

#include "kernels/choices.h"
#include "platform/cpu_info.h"

namespace pronghorn::train {

kernels::Policy kernel_policy(const CompileConfig& config) {
  kernels::Policy policy;
  policy.family = config.kernels.empty() ? kernels::family_from_environment()
                                         : kernels::parse_family(config.kernels);
  policy.exact = config.exact;
  policy.precision = kernels::parse_precision(config.precision, has_bfloat16_dot_product());
  if (!config.choices.empty())
    policy.choices =
        std::make_shared<const kernels::Choices>(kernels::Choices::load(config.choices));
  return policy;
}

}  // namespace pronghorn::train
