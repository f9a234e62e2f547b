#pragma once

#include <zlib.h>

#include <string>
#include <string_view>

#include "test_files.h"

namespace pronghorn::testing {

// A file that NumPy or the safetensors library wrote (make_fixtures.py).
inline std::string fixture(std::string_view name) {
  return std::string(PRONGHORN_SOURCE_DIR "/tests/formats/fixtures/") + std::string(name);
}

inline std::string gzip(std::string_view bytes) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string zipped(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(zipped.data());
  stream.avail_out = static_cast<uInt>(zipped.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  zipped.resize(stream.total_out);
  deflateEnd(&stream);
  return zipped;
}

// An idx file of unsigned bytes that count up from 0.
inline std::string idx(std::initializer_list<uint32_t> extents) {
  std::string bytes{'\0', '\0', '\x08', static_cast<char>(extents.size())};
  size_t elements = 1;
  for (uint32_t extent : extents) {
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(extent >> shift);
    elements *= extent;
  }
  for (size_t i = 0; i < elements; ++i) bytes += static_cast<char>(i);
  return bytes;
}

}  // namespace pronghorn::testing
