#include "base/number_text.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

namespace pronghorn {
namespace {

// Three significant digits of what is below 1000, without an exponent.
std::string three_digits(double number) {
  const double size = std::abs(number);
  if (size == 0) return "0";
  // Rounding to three digits can carry: 99.96 is 100.0 with one decimal.
  if (size >= 99.95) return fmt::format("{:.0f}", number);
  if (size >= 9.995) return fmt::format("{:.1f}", number);
  if (size >= 0.9995) return fmt::format("{:.2f}", number);
  return fmt::format("{:.3f}", number);
}

}  // namespace

std::string compact(double number) {
  if (!std::isfinite(number)) return "-";
  constexpr std::array<const char*, 5> kUnits = {"", "k", "M", "G", "T"};
  size_t unit = 0;
  while (std::abs(number) >= 999.5 && unit + 1 < kUnits.size()) {
    number /= 1000;
    ++unit;
  }
  // Counts below a thousand are whole and print so.
  if (unit == 0 && number == std::floor(number)) return fmt::format("{:.0f}", number);
  std::string digits = three_digits(number);
  if (unit == 0 && digits.size() > 4) digits.pop_back();
  return digits + kUnits[unit];
}

std::string with_commas(int64_t number) {
  std::string text = std::to_string(number);
  const size_t first = number < 0 ? 1 : 0;
  for (size_t place = text.size(); place > first + 3;) {
    place -= 3;
    text.insert(place, 1, ',');
  }
  return text;
}

std::string milliseconds(double seconds) {
  const double number = seconds * 1e3;
  if (!std::isfinite(number)) return "-";
  if (std::abs(number) >= 999.5 && std::abs(number) < 1e12)
    return with_commas(static_cast<int64_t>(std::llround(number)));
  return three_digits(number);
}

std::string duration(double seconds) {
  if (!std::isfinite(seconds)) return "-";
  const double size = std::abs(seconds);
  if (size >= 999.5) return milliseconds(seconds / 1e3) + " s";
  if (size >= 0.9995 || size == 0) return three_digits(seconds) + " s";
  if (size >= 0.9995e-3) return three_digits(seconds * 1e3) + " ms";
  if (size >= 0.9995e-6) return three_digits(seconds * 1e6) + " us";
  return three_digits(seconds * 1e9) + " ns";
}

std::string percent(double share) {
  if (!std::isfinite(share)) return "-";
  // Not "-0.0%".
  if (std::abs(share) < 0.0005) share = 0;
  return fmt::format("{:.{}f}%", share * 100, std::abs(share) < 0.0995 ? 1 : 0);
}

std::string times(double ratio) {
  if (!std::isfinite(ratio)) return "-";
  return std::abs(ratio) >= 999.5 ? compact(ratio) : three_digits(ratio);
}

}  // namespace pronghorn
