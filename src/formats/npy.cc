#include "formats/npy.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/file.h"
#include "formats/checked.h"
#include "formats/gzip.h"
#include "formats/numbers.h"
#include "pronghorn/error.h"

namespace pronghorn::formats {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr size_t kVersionEnd = 8;  // the magic, then two bytes of version
constexpr size_t kMaxRank = 32;    // NumPy's own bound before version 2

[[noreturn]] void fail(const std::string& path, const std::string& message) {
  throw FileError(fmt::format("'{}': {}", path, message));
}

struct Header {
  std::string descr;
  bool fortran_order = false;
  std::vector<int64_t> extents;
};

// Reads the header, a Python dict such as
//   {'descr': '<f4', 'fortran_order': False, 'shape': (60000, 28, 28), }
// as data: of Python's language just strings, booleans and tuples of whole numbers.
class HeaderParser {
 public:
  HeaderParser(std::string_view text, size_t offset, const std::string& path)
      : text_(text), offset_(offset), path_(path) {}

  Header parse() {
    Header header;
    bool has_descr = false, has_order = false, has_shape = false;
    expect('{');
    while (!accept('}')) {
      const std::string key = string();
      expect(':');
      if (key == "descr" && !has_descr) {
        skip_spaces();
        if (at_ < text_.size() && text_[at_] == '[')
          fail(path_, "holds records with fields; an array of plain numbers is needed");
        header.descr = string();
        has_descr = true;
      } else if (key == "fortran_order" && !has_order) {
        header.fortran_order = boolean();
        has_order = true;
      } else if (key == "shape" && !has_shape) {
        header.extents = tuple();
        has_shape = true;
      } else {
        error("'descr', 'fortran_order' and 'shape', each once,");
      }
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_spaces();
    if (at_ != text_.size() || !has_descr || !has_order || !has_shape)
      error("a dict of 'descr', 'fortran_order' and 'shape'");
    return header;
  }

 private:
  [[noreturn]] void error(std::string_view expected) const {
    fail(path_,
         fmt::format("broken .npy header at byte {}: {} would be right", offset_ + at_, expected));
  }
  void skip_spaces() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t'))
      ++at_;
  }
  bool accept(char wanted) {
    skip_spaces();
    if (at_ >= text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }
  void expect(char wanted) {
    if (!accept(wanted)) error(fmt::format("'{}'", wanted));
  }
  bool accept_word(std::string_view word) {
    skip_spaces();
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }
  bool boolean() {
    if (accept_word("True")) return true;
    if (accept_word("False")) return false;
    error("True or False");
  }
  std::string string() {
    skip_spaces();
    const char quote = at_ < text_.size() ? text_[at_] : '\0';
    if (quote != '\'' && quote != '"') error("a string");
    const size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) error("a closed string");
    const std::string value(text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    return value;
  }
  std::vector<int64_t> tuple() {
    std::vector<int64_t> extents;
    expect('(');
    while (!accept(')')) {
      if (extents.size() == kMaxRank) error("a shape of at most 32 dimensions");
      skip_spaces();
      int64_t extent = -1;
      const char* begin = text_.data() + at_;
      const auto [end, status] = std::from_chars(begin, text_.data() + text_.size(), extent);
      if (status != std::errc() || extent < 0) error("a whole number, at least 0,");
      extents.push_back(extent);
      at_ += static_cast<size_t>(end - begin);
      accept_word("L");  // Python 2's long integers
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return extents;
  }

  std::string_view text_;
  size_t offset_;
  const std::string& path_;
  size_t at_ = 0;
};

struct ElementType {
  char kind;
  int bytes;
  bool big_endian;
};

ElementType parse_descr(const std::string& descr, const std::string& path) {
  if (descr.find('O') != std::string::npos) {
    fail(path,
         "holds Python objects, which are programs and are not run; save an array of numbers "
         "(array.astype('float32'))");
  }
  const auto known = [&]() -> std::optional<ElementType> {
    if (descr.size() != 3 || std::string_view("<>|=").find(descr[0]) == std::string_view::npos)
      return std::nullopt;
    const ElementType type{descr[1], descr[2] - '0', descr[0] == '>'};
    const bool power = type.bytes == 1 || type.bytes == 2 || type.bytes == 4 || type.bytes == 8;
    if (!power) return std::nullopt;
    if (type.kind == 'b' && type.bytes == 1) return type;
    if (type.kind == 'i' || type.kind == 'u') return type;
    if (type.kind == 'f' && type.bytes > 1) return type;
    return std::nullopt;
  }();
  if (!known) {
    fail(path, fmt::format("holds elements of type '{}'; b1, i1 to i8, u1 to u8, f2, f4 and f8 can "
                           "be read",
                           descr));
  }
  return *known;
}

template <class Number, class Convert>
void convert(std::string_view bytes, bool big_endian, float* dst, Convert to_float) {
  const size_t count = bytes.size() / sizeof(Number);
  char element[sizeof(Number)];
  for (size_t i = 0; i < count; ++i) {
    std::memcpy(element, bytes.data() + i * sizeof(Number), sizeof(Number));
    if (big_endian) std::reverse(element, element + sizeof(Number));
    dst[i] = to_float(load<Number>(element));
  }
}

void convert(const ElementType& type, std::string_view bytes, float* dst) {
  const auto cast = [](auto number) { return static_cast<float>(number); };
  const bool big = type.big_endian;
  if (type.kind == 'f') {
    if (type.bytes == 2) return convert<uint16_t>(bytes, big, dst, half_to_float);
    if (type.bytes == 4) return convert<float>(bytes, big, dst, cast);
    return convert<double>(bytes, big, dst, cast);
  }
  if (type.kind == 'b')
    return convert<uint8_t>(bytes, big, dst, [](uint8_t b) { return b ? 1.0f : 0.0f; });
  const bool is_signed = type.kind == 'i';
  switch (type.bytes) {
    case 1:
      return is_signed ? convert<int8_t>(bytes, big, dst, cast)
                       : convert<uint8_t>(bytes, big, dst, cast);
    case 2:
      return is_signed ? convert<int16_t>(bytes, big, dst, cast)
                       : convert<uint16_t>(bytes, big, dst, cast);
    case 4:
      return is_signed ? convert<int32_t>(bytes, big, dst, cast)
                       : convert<uint32_t>(bytes, big, dst, cast);
    default:
      return is_signed ? convert<int64_t>(bytes, big, dst, cast)
                       : convert<uint64_t>(bytes, big, dst, cast);
  }
}

// Fortran order counts the first axis fastest: walks the row-major result with the strides of the
// source.
std::vector<float> from_fortran_order(const std::vector<float>& src,
                                      const std::vector<int64_t>& extents) {
  std::vector<float> dst(src.size());
  const size_t rank = extents.size();
  std::vector<int64_t> strides(rank, 1), position(rank, 0);
  for (size_t axis = 1; axis < rank; ++axis) strides[axis] = strides[axis - 1] * extents[axis - 1];
  int64_t from = 0;
  for (float& value : dst) {
    value = src[static_cast<size_t>(from)];
    for (size_t axis = rank; axis-- > 0;) {
      from += strides[axis];
      if (++position[axis] < extents[axis]) break;
      from -= strides[axis] * extents[axis];
      position[axis] = 0;
    }
  }
  return dst;
}

}  // namespace

NpyArray parse_npy(std::string_view bytes, const std::string& path) {
  if (bytes.substr(0, kMagic.size()) != kMagic) {
    fail(path, fmt::format("no .npy file: its first bytes must be \\x93NUMPY{}",
                           bytes.size() < kMagic.size() ? "; it has fewer" : ""));
  }
  if (bytes.size() < kVersionEnd) fail(path, "truncated within the version of the .npy format");
  const int version = static_cast<uint8_t>(bytes[6]);
  if (version < 1 || version > 3)
    fail(path, fmt::format(".npy format version {}; 1, 2 and 3 can be read", version));
  const size_t length_bytes = version == 1 ? 2 : 4;
  const size_t begin = kVersionEnd + length_bytes;
  if (bytes.size() < begin)
    fail(path, fmt::format("truncated at byte {}, within the .npy header", bytes.size()));
  const uint64_t header_bytes = version == 1 ? load<uint16_t>(bytes.data() + kVersionEnd)
                                             : load<uint32_t>(bytes.data() + kVersionEnd);
  if (header_bytes > bytes.size() - begin) {
    fail(path, fmt::format("truncated: the .npy header has {} bytes, but {} follow", header_bytes,
                           bytes.size() - begin));
  }
  Header header = HeaderParser(bytes.substr(begin, header_bytes), begin, path).parse();
  const ElementType type = parse_descr(header.descr, path);
  const std::string_view data = bytes.substr(begin + header_bytes);
  const std::optional<int64_t> expected = checked_product(header.extents, type.bytes);
  if (!expected || static_cast<uint64_t>(*expected) != data.size()) {
    const std::string needs =
        expected ? fmt::format("needs {}", *expected) : "needs more than 2^63";
    fail(path, fmt::format("{}: has {} bytes of data, but shape {} of type '{}' {}",
                           expected && static_cast<uint64_t>(*expected) < data.size() ? "too long"
                                                                                      : "truncated",
                           data.size(), Shape(header.extents).to_string(), header.descr, needs));
  }
  std::vector<float> values(data.size() / static_cast<size_t>(type.bytes));
  convert(type, data, values.data());
  if (header.fortran_order && header.extents.size() > 1)
    values = from_fortran_order(values, header.extents);
  return {{Shape(std::move(header.extents)), std::move(values)}, type.kind, type.bytes};
}

NpyArray read_npy(const std::string& path) { return parse_npy(read_file_or_gzip(path), path); }

void write_npy(const std::string& path, const Array& array) {
  // A shape prints in Python's notation.
  std::string header = fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': {}, }}",
                                   array.shape.to_string());
  // The format asks for data that begins at a multiple of 64.
  const size_t begin = kVersionEnd + 2;
  header.append(63 - (begin + header.size()) % 64, ' ');
  header += '\n';
  const auto length = static_cast<uint16_t>(header.size());

  AtomicFile file(path);
  file.write(kMagic);
  file.write({"\x01\x00", 2});
  file.write({reinterpret_cast<const char*>(&length), sizeof(length)});
  file.write(header);
  file.write(
      {reinterpret_cast<const char*>(array.values.data()), array.values.size() * sizeof(float)});
  file.commit();
}

}  // namespace pronghorn::formats
