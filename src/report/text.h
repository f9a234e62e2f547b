#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// Numbers and words as all terminal reports print them.
namespace pronghorn::report {

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
// A phase's name in a narrow column: "to data" of "backward to data".
std::string_view short_phase(std::string_view phase);

// Valid UTF-8 without control characters, so that a layer's name can't steer a terminal: what is
// neither becomes "?".
std::string printable(std::string_view text);
// How many columns printable text takes: East Asian wide characters take two.
int display_width(std::string_view text);
// At most `width` columns: the middle of what is longer gives way to "..". Names differ at their
// ends ("block3_conv1", "block3_conv2"), so both ends stay.
std::string shortened(std::string_view text, int width);
// Broken at spaces into lines of at most `columns` columns, each ended by a newline; lines after
// the first begin with `indent` spaces. Words that are longer are broken.
std::string wrapped(std::string_view text, int columns, int indent = 0);
// wrapped(), each behind "  - ", under a heading; nothing for none.
std::string bullets(std::string_view heading, const std::vector<std::string>& sentences,
                    int columns);

}  // namespace pronghorn::report
