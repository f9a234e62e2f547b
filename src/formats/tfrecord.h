#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pronghorn::formats {

// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78; RFC 3720, appendix B.4), as iSCSI, ext4 and
// TFRecord files use it; zlib has the other CRC-32 only.
uint32_t crc32c(std::string_view bytes);

// One record of a TFRecord file, the framing of TensorBoard's event files: the length (8 bytes,
// little-endian), its checksum, the bytes, their checksum. A file is such records one after the
// other, so one that breaks off is readable up to its last whole record.
std::string tfrecord(std::string_view bytes);

}  // namespace pronghorn::formats
