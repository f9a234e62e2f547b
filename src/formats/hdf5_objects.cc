#include "formats/hdf5_objects.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "pronghorn/error.h"

namespace pronghorn::formats {
namespace {

constexpr uint64_t kMostMessages = 1 << 16;
constexpr uint64_t kMostLinks = 1 << 16;
constexpr unsigned kDeepestTree = 32;
constexpr unsigned kMostAxes = 32;

[[noreturn]] void corrupt(const char* what) {
  throw FileError(fmt::format("truncated or corrupt: {}", what));
}

// Reads one field behind the other.
class Cursor {
 public:
  Cursor(const Hdf5Image& image, uint64_t at, uint64_t size)
      : image_(image), at_(at), end_(at + size) {
    image.bytes(at, size);  // checks
  }

  uint64_t number(unsigned bytes) {
    need(bytes);
    at_ += bytes;
    return image_.number(at_ - bytes, bytes);
  }
  void skip(uint64_t bytes) {
    need(bytes);
    at_ += bytes;
  }
  std::string_view bytes(uint64_t count) {
    need(count);
    at_ += count;
    return image_.bytes(at_ - count, count);
  }
  uint64_t at() const { return at_; }
  uint64_t left() const { return end_ - at_; }

 private:
  void need(uint64_t bytes) const {
    if (bytes > left()) corrupt("a structure is shorter than its content");
  }
  const Hdf5Image& image_;
  uint64_t at_;
  uint64_t end_;
};

// IV.A.1.a; a block is the first or one that a continuation message leads to.
void read_messages_v1(const Hdf5Image& image, uint64_t address, Hdf5Object& object) {
  const uint64_t count = image.number(address + 2, 2);
  std::vector<std::pair<uint64_t, uint64_t>> blocks = {
      {address + 16, image.number(address + 8, 4)}};
  for (size_t block = 0; block < blocks.size(); ++block) {
    Cursor cursor(image, blocks[block].first, blocks[block].second);
    while (cursor.left() >= 8 && object.messages.size() < count) {
      Hdf5Message message{};
      message.type = static_cast<uint16_t>(cursor.number(2));
      message.size = cursor.number(2);
      message.flags = static_cast<uint8_t>(cursor.number(1));
      cursor.skip(3);
      message.begin = cursor.at();
      cursor.skip(message.size);
      if (message.type == kContinuationMessage) {
        if (message.size < 16 || blocks.size() > kMostMessages) corrupt("a continued header");
        blocks.emplace_back(image.number(message.begin, 8), image.number(message.begin + 8, 8));
      }
      object.messages.push_back(message);
    }
  }
}

// IV.A.1.b
void read_messages_v2(const Hdf5Image& image, uint64_t address, Hdf5Object& object) {
  if (image.number(address + 4, 1) != 2) corrupt("an object header's version");
  const uint64_t flags = image.number(address + 5, 1);
  uint64_t at = address + 6 + ((flags & 0x20) != 0 ? 16 : 0) + ((flags & 0x10) != 0 ? 4 : 0);
  const unsigned size_bytes = 1u << (flags & 3);
  std::vector<std::pair<uint64_t, uint64_t>> blocks = {
      {at + size_bytes, image.number(at, size_bytes)}};
  for (size_t block = 0; block < blocks.size(); ++block) {
    Cursor cursor(image, blocks[block].first, blocks[block].second);
    const uint64_t head = (flags & 4) != 0 ? 6 : 4;
    while (cursor.left() >= head) {
      Hdf5Message message{};
      message.type = static_cast<uint16_t>(cursor.number(1));
      message.size = cursor.number(2);
      message.flags = static_cast<uint8_t>(cursor.number(1));
      cursor.skip(head - 4);
      message.begin = cursor.at();
      cursor.skip(message.size);
      if (message.type == kContinuationMessage) {
        const uint64_t next = image.number(message.begin, 8);
        const uint64_t size = image.number(message.begin + 8, 8);
        if (message.size < 16 || size < 8 || blocks.size() > kMostMessages)
          corrupt("a continued header");
        image.expect(next, "OCHK");
        blocks.emplace_back(next + 4, size - 8);  // without signature and checksum
      }
      object.messages.push_back(message);
      if (object.messages.size() > kMostMessages) corrupt("a header with too many parts");
    }
  }
}

// A text that ends with a zero byte, at this place of a local heap's data.
std::string heap_text(const Hdf5Image& image, uint64_t heap, uint64_t offset) {
  image.expect(heap, "HEAP");
  const uint64_t size = image.number(heap + 8, 8);
  const uint64_t data = image.number(heap + 24, 8);
  const std::string_view segment = image.bytes(data, size);
  if (offset >= segment.size()) corrupt("a name lies outside of its heap");
  const std::string_view text = segment.substr(offset);
  const size_t end = text.find('\0');
  if (end == std::string_view::npos) corrupt("a name without an end");
  return std::string(text.substr(0, end));
}

// III.A.1: the symbol table nodes under a version 1 tree.
void walk_group_tree(const Hdf5Image& image, uint64_t node, unsigned depth, uint64_t heap,
                     std::vector<Hdf5Link>& links) {
  if (depth > kDeepestTree) corrupt("a group's tree is too deep");
  image.expect(node, "TREE");
  if (image.number(node + 4, 1) != 0) corrupt("a group's tree is of another kind");
  const uint64_t level = image.number(node + 5, 1);
  const uint64_t entries = image.number(node + 6, 2);
  for (uint64_t i = 0; i < entries; ++i) {
    const uint64_t child = image.number(node + 24 + 16 * i + 8, 8);
    if (level > 0) {
      walk_group_tree(image, child, depth + 1, heap, links);
      continue;
    }
    image.expect(child, "SNOD");
    const uint64_t symbols = image.number(child + 6, 2);
    for (uint64_t symbol = 0; symbol < symbols; ++symbol) {
      const uint64_t entry = child + 8 + 40 * symbol;
      Hdf5Link link;
      link.name = heap_text(image, heap, image.number(entry, 8));
      link.address = image.number(entry + 8, 8);
      // Its scratch space says where it leads.
      if (image.number(entry + 16, 4) == 2) link.kind = Hdf5Link::Kind::kSoft;
      links.push_back(std::move(link));
      if (links.size() > kMostLinks) corrupt("a group with too many objects");
    }
  }
}

// IV.A.2.g
Hdf5Link read_link(const Hdf5Image& image, const Hdf5Message& message) {
  Cursor cursor(image, message.begin, message.size);
  if (cursor.number(1) != 1) corrupt("a link's version");
  const uint64_t flags = cursor.number(1);
  const uint64_t type = (flags & 8) != 0 ? cursor.number(1) : 0;
  if ((flags & 4) != 0) cursor.skip(8);
  if ((flags & 0x10) != 0) cursor.skip(1);
  Hdf5Link link;
  link.name = std::string(cursor.bytes(cursor.number(1u << (flags & 3))));
  link.kind = type == 0    ? Hdf5Link::Kind::kHard
              : type == 1  ? Hdf5Link::Kind::kSoft
              : type == 64 ? Hdf5Link::Kind::kExternal
                           : Hdf5Link::Kind::kOther;
  if (type == 0) link.address = cursor.number(8);
  return link;
}

// III.E: an object of a global heap collection.
std::string_view global_heap_object(const Hdf5Image& image, uint64_t collection, uint64_t index) {
  image.expect(collection, "GCOL");
  const uint64_t size = image.number(collection + 8, 8);
  if (size < 16) corrupt("a heap's size");
  Cursor cursor(image, collection, size);
  cursor.skip(16);
  while (cursor.left() >= 16) {
    const uint64_t number = cursor.number(2);
    cursor.skip(6);
    const uint64_t bytes = cursor.number(8);
    if (number == 0) break;  // free space
    if (number == index) return cursor.bytes(bytes);
    if (bytes > cursor.left()) break;
    cursor.skip(std::min(cursor.left(), (bytes + 7) / 8 * 8));
  }
  corrupt("a text is not in its heap");
}

std::string up_to_zero(std::string_view bytes) {
  return std::string(bytes.substr(0, std::min(bytes.find('\0'), bytes.size())));
}

std::vector<std::string> attribute_texts(const Hdf5Image& image, const Hdf5Type& type,
                                         uint64_t count, Cursor& data) {
  std::vector<std::string> texts;
  const bool variable = type.kind == Hdf5Type::Kind::kVariableText;
  if (count == 0) return texts;
  if (!variable && type.kind != Hdf5Type::Kind::kText) throw FileError("is no text");
  if (type.bytes == 0 || count > data.left() / type.bytes)
    throw FileError("claims to be larger than the file");
  if (variable && type.bytes != 16) corrupt("a text's reference");
  // Several may lie at one place; together they must not be more than the file.
  uint64_t left = image.size();
  for (uint64_t i = 0; i < count; ++i) {
    if (!variable) {
      texts.push_back(up_to_zero(data.bytes(type.bytes)));
      continue;
    }
    const uint64_t length = data.number(4);
    const uint64_t collection = data.number(8);
    const uint64_t index = data.number(4);
    if (length == 0) {
      texts.emplace_back();
      continue;
    }
    const std::string_view text = global_heap_object(image, collection, index);
    if (length > text.size() || length > left) corrupt("a text's length");
    left -= length;
    texts.push_back(up_to_zero(text.substr(0, length)));
  }
  return texts;
}

}  // namespace

std::string_view Hdf5Image::bytes(uint64_t at, uint64_t count) const {
  if (at > bytes_.size() || count > bytes_.size() - at)
    throw FileError(fmt::format("truncated or corrupt: {} bytes at {} lie beyond the end at {}",
                                count, at, bytes_.size()));
  return bytes_.substr(at, count);
}

uint64_t Hdf5Image::number(uint64_t at, unsigned count) const {
  uint64_t number = 0;
  const std::string_view little = bytes(at, count);
  for (unsigned i = count; i-- > 0;) number = number << 8 | static_cast<unsigned char>(little[i]);
  return number;
}

void Hdf5Image::expect(uint64_t at, std::string_view signature) const {
  if (bytes(at, signature.size()) != signature)
    throw FileError(fmt::format("truncated or corrupt: no structure {} at byte {}", signature, at));
}

const Hdf5Message* Hdf5Object::find(uint16_t type) const {
  for (const Hdf5Message& message : messages)
    if (message.type == type) return &message;
  return nullptr;
}

Hdf5Object read_object(const Hdf5Image& image, uint64_t address) {
  Hdf5Object object;
  if (image.bytes(address, 4) == "OHDR")
    read_messages_v2(image, address, object);
  else if (image.number(address, 1) == 1)
    read_messages_v1(image, address, object);
  else
    corrupt("no object where one should be");
  return object;
}

bool is_group(const Hdf5Object& object) {
  return object.find(kSymbolTableMessage) != nullptr || object.find(kLinkInfoMessage) != nullptr ||
         object.find(kLinkMessage) != nullptr;
}

std::vector<Hdf5Link> read_links(const Hdf5Image& image, const Hdf5Object& group) {
  std::vector<Hdf5Link> links;
  if (const Hdf5Message* table = group.find(kSymbolTableMessage)) {
    if (table->size < 16) corrupt("a group");
    walk_group_tree(image, image.number(table->begin, 8), 0, image.number(table->begin + 8, 8),
                    links);
  }
  for (const Hdf5Message& message : group.messages)
    if (message.type == kLinkMessage) links.push_back(read_link(image, message));
  if (const Hdf5Message* info = group.find(kLinkInfoMessage); info != nullptr) {
    // IV.A.2.c: many links are kept elsewhere.
    const uint64_t flags = image.number(info->begin + 1, 1);
    if (image.number(info->begin + 2 + ((flags & 1) != 0 ? 8 : 0), 8) != kHdf5Undefined)
      throw FileError(
          "is a group as only HDF5's latest format has it; write the file with h5py's "
          "default libver");
  }
  return links;
}

Hdf5Type read_type(const Hdf5Image& image, uint64_t at, uint64_t size) {
  Cursor cursor(image, at, size);
  const uint64_t head = cursor.number(1);
  const uint64_t bits = cursor.number(3);
  Hdf5Type type;
  type.bytes = static_cast<uint32_t>(cursor.number(4));
  type.big_endian = (bits & 1) != 0;
  switch (head & 15) {
    case 0:
      type.kind = Hdf5Type::Kind::kInteger;
      type.is_signed = (bits & 8) != 0;
      break;
    case 1: {
      // Bit offset and precision, exponent's place and size, mantissa's place and size, bias.
      static constexpr std::array<std::array<uint64_t, 8>, 3> kIeee = {
          {{2, 16, 10, 5, 0, 10, 15, 0},
           {4, 32, 23, 8, 0, 23, 127, 0},
           {8, 64, 52, 11, 0, 52, 1023, 0}}};
      const uint64_t offset = cursor.number(2), precision = cursor.number(2);
      const uint64_t exponent_at = cursor.number(1), exponent = cursor.number(1);
      const uint64_t mantissa_at = cursor.number(1), mantissa = cursor.number(1);
      const uint64_t bias = cursor.number(4);
      for (const auto& known : kIeee)
        if (known[0] == type.bytes && offset == 0 && precision == known[1] &&
            exponent_at == known[2] && exponent == known[3] && mantissa_at == known[4] &&
            mantissa == known[5] && bias == known[6])
          type.kind = Hdf5Type::Kind::kFloat;
      break;
    }
    case 3:
      type.kind = Hdf5Type::Kind::kText;
      break;
    case 5:
      type.kind = Hdf5Type::Kind::kOpaque;
      break;
    case 9:
      if ((bits & 15) == 1) type.kind = Hdf5Type::Kind::kVariableText;
      break;
    default:
      break;
  }
  return type;
}

std::optional<std::vector<uint64_t>> read_dataspace(const Hdf5Image& image, uint64_t at,
                                                    uint64_t size) {
  Cursor cursor(image, at, size);
  const uint64_t version = cursor.number(1);
  const uint64_t rank = cursor.number(1);
  cursor.skip(1);
  if ((version != 1 && version != 2) || rank > kMostAxes) corrupt("a shape");
  const uint64_t kind = cursor.number(1);
  if (version == 1) cursor.skip(4);
  if (version == 2 && kind == 2) return std::nullopt;
  std::vector<uint64_t> extents;
  for (uint64_t i = 0; i < rank; ++i) extents.push_back(cursor.number(8));
  return extents;
}

std::optional<std::vector<std::string>> read_text_attribute(const Hdf5Image& image,
                                                            const Hdf5Object& object,
                                                            std::string_view name) {
  for (const Hdf5Message& message : object.messages) {
    if (message.type == kAttributeInfoMessage) {
      const uint64_t flags = image.number(message.begin + 1, 1);
      if (image.number(message.begin + 2 + ((flags & 1) != 0 ? 2 : 0), 8) != kHdf5Undefined)
        throw FileError(
            "has attributes as only HDF5's latest format keeps them; write the file "
            "with h5py's default libver");
    }
    if (message.type != kAttributeMessage) continue;
    if ((message.flags & 2) != 0) throw FileError("has an attribute that lies elsewhere");
    // IV.A.2.m
    Cursor cursor(image, message.begin, message.size);
    const uint64_t version = cursor.number(1);
    const uint64_t flags = cursor.number(1);
    if (version < 1 || version > 3) corrupt("an attribute's version");
    const uint64_t name_bytes = cursor.number(2);
    const uint64_t type_bytes = cursor.number(2);
    const uint64_t space_bytes = cursor.number(2);
    if (version == 3) cursor.skip(1);
    const auto padded = [&](uint64_t bytes) { return version == 1 ? (bytes + 7) / 8 * 8 : bytes; };
    if (up_to_zero(cursor.bytes(padded(name_bytes))) != name) continue;
    if (version > 1 && (flags & 3) != 0) throw FileError("has a type that lies elsewhere");
    const Hdf5Type type = read_type(image, cursor.at(), type_bytes);
    cursor.skip(padded(type_bytes));
    const std::optional<std::vector<uint64_t>> extents =
        read_dataspace(image, cursor.at(), space_bytes);
    cursor.skip(padded(space_bytes));
    uint64_t count = extents ? 1 : 0;
    if (extents)
      for (const uint64_t extent : *extents)
        if (__builtin_mul_overflow(count, extent, &count)) corrupt("an attribute's shape");
    return attribute_texts(image, type, count, cursor);
  }
  return std::nullopt;
}

}  // namespace pronghorn::formats
