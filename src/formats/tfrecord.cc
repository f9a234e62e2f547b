#include "formats/tfrecord.h"

#include <array>

namespace pronghorn::formats {
namespace {

// What each byte value does to a remainder: eight divisions by the polynomial.
constexpr std::array<uint32_t, 256> kTable = [] {
  std::array<uint32_t, 256> table{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t remainder = byte;
    for (int bit = 0; bit < 8; ++bit)
      remainder = (remainder >> 1) ^ ((remainder & 1) != 0 ? 0x82F63B78u : 0);
    table[byte] = remainder;
  }
  return table;
}();

// Checksums of data that hold checksums are weak, so the format rotates and shifts its own
// (tensorflow/core/lib/hash/crc32c.h, Mask).
uint32_t masked_crc32c(std::string_view bytes) {
  const uint32_t crc = crc32c(bytes);
  return ((crc >> 15) | (crc << 17)) + 0xA282EAD8u;
}

template <class T>
void append_little_endian(std::string& out, T value) {
  for (size_t byte = 0; byte < sizeof(T); ++byte)
    out += static_cast<char>(static_cast<unsigned char>(value >> (8 * byte)));
}

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  uint32_t crc = 0xFFFFFFFFu;
  for (const char c : bytes)
    crc = kTable[(crc ^ static_cast<unsigned char>(c)) & 0xFF] ^ (crc >> 8);
  return ~crc;
}

std::string tfrecord(std::string_view bytes) {
  std::string record;
  append_little_endian(record, uint64_t{bytes.size()});
  append_little_endian(record, masked_crc32c(record));
  record += bytes;
  append_little_endian(record, masked_crc32c(bytes));
  return record;
}

}  // namespace pronghorn::formats
