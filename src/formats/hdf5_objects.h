#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pronghorn::formats {

// The lower half of Hdf5Reader: bytes to objects. Chapters are those of the "HDF5 File Format
// Specification Version 3.0". All throw FileError, without the file's name.

// The bytes of a file; every access is checked.
class Hdf5Image {
 public:
  explicit Hdf5Image(std::string_view bytes) : bytes_(bytes) {}

  uint64_t size() const { return bytes_.size(); }
  std::string_view bytes(uint64_t at, uint64_t count) const;
  // Little-endian, of 1 to 8 bytes.
  uint64_t number(uint64_t at, unsigned bytes) const;
  void expect(uint64_t at, std::string_view signature) const;

 private:
  std::string_view bytes_;
};

// "No address" in a file.
inline constexpr uint64_t kHdf5Undefined = ~uint64_t{0};

// IV.A.2: one piece of an object's header.
struct Hdf5Message {
  uint16_t type;
  uint8_t flags;
  uint64_t begin;  // in the file
  uint64_t size;
};

struct Hdf5Object {
  std::vector<Hdf5Message> messages;

  // The first of this type, or null.
  const Hdf5Message* find(uint16_t type) const;
};

// IV.A.2.a to IV.A.2.y, those that are read.
enum Hdf5MessageType : uint16_t {
  kDataspaceMessage = 0x01,
  kLinkInfoMessage = 0x02,
  kDatatypeMessage = 0x03,
  kLinkMessage = 0x06,
  kExternalFilesMessage = 0x07,
  kLayoutMessage = 0x08,
  kFiltersMessage = 0x0B,
  kAttributeMessage = 0x0C,
  kContinuationMessage = 0x10,
  kSymbolTableMessage = 0x11,
  kAttributeInfoMessage = 0x15,
};

Hdf5Object read_object(const Hdf5Image& image, uint64_t address);

struct Hdf5Link {
  enum class Kind : uint8_t { kHard, kSoft, kExternal, kOther };
  std::string name;
  Kind kind = Kind::kHard;
  uint64_t address = 0;  // of a hard link's object
};
bool is_group(const Hdf5Object& object);
std::vector<Hdf5Link> read_links(const Hdf5Image& image, const Hdf5Object& group);

// IV.A.2.d; in place, so that `begin` and `size` say where it lies.
struct Hdf5Type {
  enum class Kind : uint8_t { kInteger, kFloat, kText, kVariableText, kOpaque, kOther };
  Kind kind = Kind::kOther;
  uint32_t bytes = 0;  // of an element
  bool is_signed = false;
  bool big_endian = false;
};
Hdf5Type read_type(const Hdf5Image& image, uint64_t at, uint64_t size);
// IV.A.2.b; no shape for a null dataspace.
std::optional<std::vector<uint64_t>> read_dataspace(const Hdf5Image& image, uint64_t at,
                                                    uint64_t size);

// A list of texts, of which the scalar one is a list of one; none where there is no such attribute.
std::optional<std::vector<std::string>> read_text_attribute(const Hdf5Image& image,
                                                            const Hdf5Object& object,
                                                            std::string_view name);

}  // namespace pronghorn::formats
