#pragma once

#include <cstdint>
#include <string>

// Numbers as reports print them.
namespace pronghorn {

// Three digits and a letter, at most five characters: "0", "870", "10.9M", "1.40G", "0.25".
// k is 10^3, M 10^6, G 10^9, T 10^12. "-" for what is no finite number.
std::string compact(double number);
// "669,706"
std::string with_commas(int64_t number);
// Seconds as milliseconds with three digits: "12.3", "0.0041", "1,234".
std::string milliseconds(double seconds);
// Seconds with a unit: "1.23 s", "456 ms", "78 us".
std::string duration(double seconds);
// "45%", "4.5%", "0.1%"
std::string percent(double share);
// How many times as much: "1.00", "16.3", "0.470".
std::string times(double ratio);
}  // namespace pronghorn
