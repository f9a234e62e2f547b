#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pronghorn/data.h"

namespace pronghorn::formats {

// Named tensors in the safetensors format: 8 bytes little-endian header length, a JSON object
// {name: {dtype, shape, data_offsets}}, the tensors' bytes. The rules of the format and of its
// reference reader (huggingface/safetensors, src/tensor.rs) are all demanded: the tensors cover the
// rest of the file without gap or overlap, sizes are dtype times shape, names differ.

// In the order of their data. F32, F16, BF16 and F64 become float32. Throws FileError.
std::vector<NamedArray> read_safetensors(const std::string& path);
// `path` is for messages only.
std::vector<NamedArray> parse_safetensors(std::string_view bytes, const std::string& path);

// F32, in the order given, with the metadata {"format": "pronghorn"}; the file appears only when
// complete. Throws FileError, and ArgumentError for names that are no UTF-8, equal or reserved.
void write_safetensors(const std::string& path, const std::vector<NamedArray>& tensors);

}  // namespace pronghorn::formats
