#include "platform/hardware_counters.h"

namespace pronghorn {

// Elsewhere than on Linux nothing can be counted without a driver.
HardwareCounters::HardwareCounters() = default;
HardwareCounters::~HardwareCounters() = default;
void HardwareCounters::read(std::span<double>) const {}

}  // namespace pronghorn
