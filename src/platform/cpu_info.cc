#include "platform/cpu_info.h"

#include <fstream>
#include <string_view>

namespace pronghorn {
namespace {

// Linux says it here on x86 ("model name") and on ARM in various other lines.
std::string cpu_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    for (const std::string_view key : {"model name", "Model", "Hardware", "CPU part"}) {
      const size_t colon = line.find(": ");
      if (line.starts_with(key) && colon != std::string::npos) return line.substr(colon + 2);
    }
  }
  return "unknown CPU";
}

// "1024K"
int64_t parse_size(const std::string& text) {
  if (text.empty()) return 0;
  const int64_t number = std::strtoll(text.c_str(), nullptr, 10);
  switch (text.back()) {
    case 'K':
      return number << 10;
    case 'M':
      return number << 20;
    case 'G':
      return number << 30;
    default:
      return number;
  }
}

std::string read_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

}  // namespace

CpuInfo cpu_info() {
  CpuInfo info;
  info.name = cpu_name();
  for (int index = 0; index < 8; ++index) {
    const std::string cache =
        "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index) + "/";
    const std::string type = read_line(cache + "type");
    if (type != "Data" && type != "Unified") continue;
    const int64_t level = std::strtoll(read_line(cache + "level").c_str(), nullptr, 10);
    if (level >= 1 && level <= 3)
      info.cache_bytes[static_cast<size_t>(level - 1)] = parse_size(read_line(cache + "size"));
  }
  return info;
}

bool has_bfloat16_dot_product() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16") != 0;
#else
  return false;
#endif
}

}  // namespace pronghorn
