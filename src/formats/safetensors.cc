#include "formats/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "base/file.h"
#include "formats/checked.h"
#include "formats/numbers.h"
#include "pronghorn/error.h"

namespace pronghorn::formats {
namespace {

using nlohmann::json;  // a map: ordered_json looks names up one by one

// The reference reader's bound.
constexpr uint64_t kMaxHeaderBytes = 100'000'000;
constexpr size_t kLengthBytes = 8;
constexpr const char* kMetadata = "__metadata__";

[[noreturn]] void fail(const std::string& path, const std::string& message) {
  throw FileError(fmt::format("'{}': {}", path, message));
}

struct Entry {
  std::string name;
  std::string dtype;
  std::vector<int64_t> extents;
  uint64_t begin;
  uint64_t end;
};

std::optional<int64_t> dtype_bytes(const std::string& dtype) {
  if (dtype == "F32") return 4;
  if (dtype == "F16" || dtype == "BF16") return 2;
  if (dtype == "F64") return 8;
  return std::nullopt;
}

// JSON that says a name twice is valid to most parsers, and each picks another of the two.
json parse_header(std::string_view text, const std::string& path) {
  std::vector<std::set<std::string>> names_at_depth;
  std::string twice;
  const auto watch = [&](int, json::parse_event_t event, json& value) {
    if (event == json::parse_event_t::object_start) names_at_depth.emplace_back();
    if (event == json::parse_event_t::object_end) names_at_depth.pop_back();
    if (event == json::parse_event_t::key) {
      const std::string& name = value.get_ref<const std::string&>();
      if (!names_at_depth.back().insert(name).second && twice.empty()) twice = name;
    }
    return true;
  };
  json header;
  try {
    header = json::parse(text.begin(), text.end(), watch);
  } catch (const json::parse_error& error) {
    fail(path, fmt::format("the header is not valid UTF-8 JSON at byte {}",
                           kLengthBytes + (error.byte > 0 ? error.byte - 1 : 0)));
  }
  if (!twice.empty()) fail(path, fmt::format("the header has the name '{}' twice", twice));
  if (!header.is_object()) fail(path, "the header is no JSON object");
  return header;
}

uint64_t unsigned_number(const json& value, const std::string& path, const std::string& name,
                         const char* what) {
  if (!value.is_number_unsigned()) {
    fail(path,
         fmt::format("tensor '{}': {} must be a list of whole numbers, at least 0", name, what));
  }
  return value.get<uint64_t>();
}

Entry parse_entry(const std::string& name, const json& value, const std::string& path) {
  if (!value.is_object() || !value.contains("dtype") || !value.contains("shape") ||
      !value.contains("data_offsets") || !value["dtype"].is_string() ||
      !value["shape"].is_array() || !value["data_offsets"].is_array() ||
      value["data_offsets"].size() != 2) {
    fail(path, fmt::format("tensor '{}': its entry must have a dtype, a shape and two data_offsets",
                           name));
  }
  Entry entry{name, value["dtype"].get<std::string>(), {}, 0, 0};
  for (const json& extent : value["shape"]) {
    const uint64_t number = unsigned_number(extent, path, name, "shape");
    entry.extents.push_back(
        static_cast<int64_t>(std::min<uint64_t>(number, std::numeric_limits<int64_t>::max())));
  }
  entry.begin = unsigned_number(value["data_offsets"][0], path, name, "data_offsets");
  entry.end = unsigned_number(value["data_offsets"][1], path, name, "data_offsets");
  return entry;
}

// The tensors must fill the bytes behind the header exactly, one after the other.
// Puts them into that order.
void check_layout(std::vector<Entry>& entries, uint64_t data_bytes, const std::string& path) {
  std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  uint64_t covered = 0;
  for (const Entry& entry : entries) {
    const std::string where =
        fmt::format("tensor '{}' with data_offsets [{}, {}]", entry.name, entry.begin, entry.end);
    if (entry.end < entry.begin) fail(path, where + " ends before it begins");
    if (entry.end > data_bytes) {
      fail(path, fmt::format("{} reaches beyond the file, which has {} bytes of data", where,
                             data_bytes));
    }
    if (entry.begin != covered) {
      fail(path,
           fmt::format("{} {} data; it must begin at {}", where,
                       entry.begin < covered ? "overlaps other" : "leaves a gap in the", covered));
    }
    const std::optional<int64_t> element = dtype_bytes(entry.dtype);
    if (!element) {
      fail(path, fmt::format("tensor '{}' has dtype '{}'; F32, F16, BF16 and F64 can be read",
                             entry.name, entry.dtype));
    }
    const std::optional<int64_t> bytes = checked_product(entry.extents, *element);
    if (!bytes || static_cast<uint64_t>(*bytes) != entry.end - entry.begin) {
      fail(path, fmt::format("{} and dtype {} does not have the bytes of its shape {}", where,
                             entry.dtype, Shape(entry.extents).to_string()));
    }
    covered = entry.end;
  }
  if (covered != data_bytes) {
    fail(path, fmt::format("{} bytes follow the last tensor, which ends at byte {} of the data",
                           data_bytes - covered, covered));
  }
}

std::vector<float> convert(const std::string& dtype, std::string_view bytes) {
  const auto element = static_cast<size_t>(*dtype_bytes(dtype));
  std::vector<float> values(bytes.size() / element);
  if (dtype == "F32") {
    if (!values.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
  }
  for (size_t i = 0; i < values.size(); ++i) {
    const char* src = bytes.data() + i * element;
    if (dtype == "F16")
      values[i] = half_to_float(load<uint16_t>(src));
    else if (dtype == "BF16")
      values[i] = bfloat16_to_float(load<uint16_t>(src));
    else
      values[i] = static_cast<float>(load<double>(src));
  }
  return values;
}

}  // namespace

std::vector<NamedArray> parse_safetensors(std::string_view bytes, const std::string& path) {
  if (bytes.size() < kLengthBytes) {
    fail(path, fmt::format("has {} bytes; a safetensors file has at least 8", bytes.size()));
  }
  const auto header_bytes = load<uint64_t>(bytes.data());
  if (header_bytes > kMaxHeaderBytes || header_bytes > bytes.size() - kLengthBytes) {
    fail(path, fmt::format("no safetensors file, or truncated: claims a header of {} bytes, but "
                           "{} follow (and at most {} are read)",
                           header_bytes, bytes.size() - kLengthBytes, kMaxHeaderBytes));
  }
  const std::string_view text = bytes.substr(kLengthBytes, header_bytes);
  const std::string_view data = bytes.substr(kLengthBytes + header_bytes);
  const json header = parse_header(text, path);

  std::vector<Entry> entries;
  for (const auto& [name, value] : header.items()) {
    if (name != kMetadata) {
      entries.push_back(parse_entry(name, value, path));
      continue;
    }
    const bool strings =
        value.is_object() &&
        std::all_of(value.begin(), value.end(), [](const auto& v) { return v.is_string(); });
    if (!strings) fail(path, "__metadata__ must be an object of strings");
  }
  check_layout(entries, data.size(), path);

  std::vector<NamedArray> tensors;
  for (const Entry& entry : entries) {
    tensors.push_back({entry.name,
                       {Shape(entry.extents),
                        convert(entry.dtype, data.substr(entry.begin, entry.end - entry.begin))}});
  }
  return tensors;
}

std::vector<NamedArray> read_safetensors(const std::string& path) {
  return parse_safetensors(read_file(path), path);
}

void write_safetensors(const std::string& path, const std::vector<NamedArray>& tensors) {
  nlohmann::ordered_json header;
  header[kMetadata] = {{"format", "pronghorn"}};
  uint64_t offset = 0;
  for (const auto& [name, array] : tensors) {
    if (name == kMetadata || header.contains(name)) {
      throw ArgumentError(fmt::format(
          "'{}': can't hold two tensors, or metadata and a tensor, named '{}'", path, name));
    }
    if (array.shape.elements() != static_cast<int64_t>(array.values.size())) {
      throw ShapeError(fmt::format("'{}': tensor '{}' of shape {} has {} values", path, name,
                                   array.shape.to_string(), array.values.size()));
    }
    const uint64_t end = offset + array.values.size() * sizeof(float);
    const auto extents = array.shape.extents();
    header[name] = {{"dtype", "F32"},
                    {"shape", std::vector<int64_t>(extents.begin(), extents.end())},
                    {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const nlohmann::ordered_json::type_error&) {
    throw ArgumentError(fmt::format("'{}': a tensor's name is no valid UTF-8", path));
  }
  // Spaces behind the header align the data for readers that map the file.
  text.append((8 - text.size() % 8) % 8, ' ');
  const uint64_t header_bytes = text.size();

  AtomicFile file(path);
  file.write({reinterpret_cast<const char*>(&header_bytes), sizeof(header_bytes)});
  file.write(text);
  for (const auto& tensor : tensors) {
    file.write({reinterpret_cast<const char*>(tensor.array.values.data()),
                tensor.array.values.size() * sizeof(float)});
  }
  file.commit();
}

}  // namespace pronghorn::formats
