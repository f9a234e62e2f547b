// Broken files of every format: each is read or refused with pronghorn::Error, and none makes a
// reader ask for much more memory than a file of its size can need. The mutations are a fixed
// sequence, so a failure repeats; its message has the number of the mutation.

#include <gmock/gmock.h>

#include <cstdlib>
#include <functional>
#include <new>

#include "base/philox.h"
#include "formats/csv.h"
#include "formats/fixtures.h"
#include "formats/gzip.h"
#include "formats/hdf5_reader.h"
#include "formats/idx.h"
#include "formats/keras_archive.h"
#include "formats/keras_config.h"
#include "formats/keras_legacy_weights.h"
#include "formats/keras_weights.h"
#include "formats/npy.h"
#include "formats/npz.h"
#include "formats/safetensors.h"
#include "formats/zip_archive.h"

namespace {
size_t largest_allocation = 0;
}  // namespace

// Replace the program's, together: remember the largest request. Not inlined, since GCC warns of a
// free() that it sees without its malloc().
[[gnu::noinline]] void* operator new(size_t bytes, const std::nothrow_t&) noexcept {
  largest_allocation = std::max(largest_allocation, bytes);
  return std::malloc(bytes ? bytes : 1);
}
[[gnu::noinline]] void* operator new(size_t bytes) {
  if (void* memory = operator new(bytes, std::nothrow)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace pronghorn::formats {
namespace {

using namespace pronghorn::testing;

// The inputs have less than 5 KB; deflate may expand them 1032 times.
constexpr size_t kMaxAllocation = size_t{8} << 20;
constexpr int kMutations = 5000;

class Mutator {
 public:
  explicit Mutator(uint64_t seed) : stream_(seed, 0, 0) {}

  // One to four changes: a flipped bit, another byte, an extreme byte, a piece cut out, doubled, or
  // the end cut off. Half of them in the first 128 bytes, where headers are.
  std::string mutate(std::string bytes) {
    for (uint32_t change = 0, changes = 1 + below(4); change < changes && !bytes.empty();
         ++change) {
      const auto size = static_cast<uint32_t>(bytes.size());
      const size_t at = below(2) ? below(size) : below(std::min(size, 128u));
      const size_t length = 1 + below(16);
      switch (below(6)) {
        case 0:
          bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
          break;
        case 1:
          bytes[at] = static_cast<char>(below(256));
          break;
        case 2:
          bytes[at] = below(2) ? '\xff' : '\0';
          break;
        case 3:
          bytes.erase(at, length);
          break;
        case 4:
          bytes.insert(at, bytes.substr(at, length));
          break;
        default:
          bytes.resize(at);
      }
    }
    return bytes;
  }

 private:
  uint32_t below(uint32_t bound) {
    return static_cast<uint32_t>(uint64_t{stream_.word(used_++)} * bound >> 32);
  }
  RandomStream stream_;
  uint64_t used_ = 0;
};

// Of the mutations one in `rarest` or more is refused; else the readers were not reached.
void fuzz(const std::string& valid, const std::function<void(const std::string&)>& read,
          int rarest = 4) {
  read(valid);
  Mutator mutator(valid.size());
  int refused = 0;
  for (int mutation = 0; mutation < kMutations; ++mutation) {
    const std::string bytes = mutator.mutate(valid);
    largest_allocation = 0;
    try {
      read(bytes);
    } catch (const Error& error) {
      ++refused;
      EXPECT_EQ(std::string_view(error.what()).find('\n'), std::string_view::npos) << error.what();
    } catch (const std::exception& error) {
      ADD_FAILURE() << "mutation " << mutation << ": " << error.what();
    }
    EXPECT_LT(largest_allocation, kMaxAllocation) << "mutation " << mutation;
  }
  EXPECT_GT(refused, kMutations / rarest);
}

TEST(Fuzz, Idx) {
  fuzz(idx({3, 5, 7}), [](const std::string& bytes) { parse_idx(bytes, "f"); });
}

TEST(Fuzz, CompressedIdx) {
  fuzz(gzip(idx({3, 28, 28})), [](const std::string& bytes) { parse_idx(bytes, "f"); });
}

TEST(Fuzz, Gzip) {
  fuzz(gzip(std::string(60000, 'x')),
       [](const std::string& bytes) { gunzip(bytes, "f", expansion_limit(bytes.size())); });
}

TEST(Fuzz, Npy) {
  for (const char* name : {"f4.npy", "fortran_order.npy", "f4_version3.npy", "f8_big_endian.npy"})
    fuzz(file_bytes(fixture(name)), [](const std::string& bytes) { parse_npy(bytes, "f"); });
}

TEST(Fuzz, Npz) {
  for (const char* name : {"keras_stored.npz", "keras_deflated.npz", "xy.npz"}) {
    fuzz(file_bytes(fixture(name)), [&](const std::string& bytes) {
      NpzFile file(bytes, "f");
      for (const std::string& member : file.names()) file.read(member);
    });
  }
}

TEST(Fuzz, Csv) {
  fuzz("label,\"a \"\"b\"\"\",c\r\n1,2.5,-3e4\r\n0,\"7\",8\r\n2,.5,+6\n",
       [](const std::string& bytes) { parse_csv(bytes, "f"); });
}

TEST(Fuzz, Safetensors) {
  fuzz(file_bytes(fixture("reference.safetensors")),
       [](const std::string& bytes) { parse_safetensors(bytes, "f"); });
}

std::string keras_file(const std::string& name) {
  return file_bytes(PRONGHORN_SOURCE_DIR "/tests/formats/keras_files/" + name);
}

TEST(Fuzz, KerasArchive) {
  // Deflated as it is, and stored, so that mutations reach the members.
  const std::string deflated = keras_file("keras_3.15.0_graph.keras");
  fuzz(deflated, [](const std::string& bytes) { read_keras_archive(bytes, "f"); });
  ZipReader zip(deflated, "f", ".keras");
  const std::string config = zip.read("config.json");
  const std::string weights = zip.read("model.weights.h5");
  fuzz(config, [](const std::string& bytes) { read_keras_config(bytes); });
  // Half of an HDF5 file is room for more, so less is refused.
  const std::unique_ptr<model::Model> model = read_keras_config(config);
  fuzz(
      weights,
      [&](const std::string& bytes) { read_keras_weights(Hdf5Reader(bytes, "f"), *model); }, 100);
}

TEST(Fuzz, LegacyFile) {
  for (const char* name : {"keras_1.2.2_theano.h5", "keras_2.0.2_tensorflow.h5"})
    fuzz(
        keras_file(name),
        [](const std::string& bytes) { read_legacy_model(Hdf5Reader(bytes, "f")); }, 100);
}

}  // namespace
}  // namespace pronghorn::formats
