#include "report/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace pronghorn::report {
namespace {

struct Character {
  size_t bytes;
  char32_t code;  // 0 where the bytes are no UTF-8
};

// The UTF-8 character at the front of `text`, which is not empty. Overlong forms, surrogates and
// codes beyond Unicode are none (RFC 3629, section 3).
Character first_character(std::string_view text) {
  const auto byte = [&](size_t place) { return static_cast<unsigned char>(text[place]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {1, lead};
  const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return {1, 0};
  char32_t code = lead & (0x7Fu >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {1, 0};
    code = code << 6 | (byte(i) & 0x3Fu);
  }
  constexpr std::array<char32_t, 5> kSmallest = {0, 0, 0x80, 0x800, 0x10000};
  const bool valid =
      code >= kSmallest[length] && code <= 0x10FFFF && !(code >= 0xD800 && code <= 0xDFFF);
  return valid ? Character{length, code} : Character{1, 0};
}

bool is_control(char32_t code) { return code < 0x20 || (code >= 0x7F && code < 0xA0); }

// Unicode's East Asian Width W and F, and emoji, in blocks.
int columns_of(char32_t code) {
  constexpr std::array<std::pair<char32_t, char32_t>, 8> kWide = {{{0x1100, 0x115F},
                                                                   {0x2E80, 0xA4CF},
                                                                   {0xAC00, 0xD7A3},
                                                                   {0xF900, 0xFAFF},
                                                                   {0xFE30, 0xFE6F},
                                                                   {0xFF00, 0xFF60},
                                                                   {0x1F300, 0x1FAFF},
                                                                   {0x20000, 0x3FFFD}}};
  for (const auto& [first, last] : kWide)
    if (code >= first && code <= last) return 2;
  return 1;
}

// The longest beginning of `text` that takes at most `width` columns.
std::string_view beginning(std::string_view text, int width) {
  size_t end = 0;
  while (end < text.size()) {
    const Character character = first_character(text.substr(end));
    width -= columns_of(character.code);
    if (width < 0) break;
    end += character.bytes;
  }
  return text.substr(0, end);
}

std::string_view ending(std::string_view text, int width) {
  size_t begin = 0;
  int rest = display_width(text);
  while (rest > width) {
    const Character character = first_character(text.substr(begin));
    rest -= columns_of(character.code);
    begin += character.bytes;
  }
  return text.substr(begin);
}

}  // namespace

std::string_view short_phase(std::string_view phase) {
  constexpr std::string_view kBackward = "backward ";
  return phase.starts_with(kBackward) ? phase.substr(kBackward.size()) : phase;
}

std::string printable(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const Character character = first_character(text);
    if (is_control(character.code))
      result += '?';
    else
      result += text.substr(0, character.bytes);
    text.remove_prefix(character.bytes);
  }
  return result;
}

int display_width(std::string_view text) {
  int width = 0;
  while (!text.empty()) {
    const Character character = first_character(text);
    width += columns_of(character.code);
    text.remove_prefix(character.bytes);
  }
  return width;
}

std::string shortened(std::string_view text, int width) {
  if (display_width(text) <= width) return std::string(text);
  if (width <= 2) return std::string(beginning(text, width));
  const int kept = width - 2;
  return fmt::format("{}..{}", beginning(text, kept / 2), ending(text, kept - kept / 2));
}

std::string wrapped(std::string_view text, int columns, int indent) {
  const std::string clean = printable(text);
  std::string_view rest = clean;
  std::string result;
  std::string line;
  const auto end_line = [&] {
    result += line + '\n';
    line.assign(static_cast<size_t>(indent), ' ');
  };
  bool empty = true;  // the line has no word yet
  while (!rest.empty()) {
    const size_t space = rest.find(' ');
    std::string_view word = rest.substr(0, space);
    rest.remove_prefix(space == rest.npos ? rest.size() : space + 1);
    if (word.empty()) continue;
    if (!empty && display_width(line) + 1 + display_width(word) > columns) {
      end_line();
      empty = true;
    }
    if (!empty) line += ' ';
    while (display_width(line) + display_width(word) > columns) {
      const std::string_view part = beginning(word, columns - display_width(line));
      line += part;
      word.remove_prefix(part.size());
      end_line();
    }
    line += word;
    empty = false;
  }
  if (!empty) result += line + '\n';
  return result;
}

std::string bullets(std::string_view heading, const std::vector<std::string>& sentences,
                    int columns) {
  if (sentences.empty()) return "";
  std::string result = fmt::format("\n{}\n", heading);
  for (const std::string& sentence : sentences) result += wrapped("- " + sentence, columns, 2);
  return result;
}

}  // namespace pronghorn::report
