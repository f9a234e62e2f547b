#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/number_text.h"

// Words as all terminal reports print them; numbers: base/number_text.h.
namespace pronghorn::report {

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
