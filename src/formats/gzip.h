#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pronghorn::formats {

// What a compressed file or archive member of this size may expand to: 64 MiB, or 200 times its
// size where that is more, and never more than kMaxFileBytes. Images, tables and weights compress 2
// to 40 times; deflate can reach 1032, which is how a small file fills a machine's memory.
uint64_t expansion_limit(uint64_t compressed_bytes);

bool is_gzip(std::string_view bytes);

// Inflates a gzip file of one or more members and checks each member's CRC and length. `path` is
// for messages. Throws FileError, with the position in the compressed file, where it is truncated
// or corrupt, or expands to more than `max_bytes`.
std::string gunzip(std::string_view bytes, const std::string& path, uint64_t max_bytes);

// As gunzip, but stops after the first `count` bytes (or at the end): a look at a header, which
// says how much there should be.
std::string gunzip_prefix(std::string_view bytes, const std::string& path, size_t count);

// The file, inflated if it is gzip's (by its first bytes, not by its name).
std::string read_file_or_gzip(const std::string& path);

}  // namespace pronghorn::formats
