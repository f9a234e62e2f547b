#include "pronghorn/saving.h"

#include "base/file.h"
#include "formats/npy.h"

namespace pronghorn {

void save_npy(const std::string& path, const Array& array) { formats::write_npy(path, array); }

void save_text(const std::string& path, std::string_view text) {
  write_file_atomically(path, text);
}

void check_writable(const std::string& path) {
  // Makes its temporary file as a real write would, and removes it.
  const AtomicFile probe(path);
}

}  // namespace pronghorn
