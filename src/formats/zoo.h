#pragma once

#include <span>
#include <string_view>

namespace pronghorn::formats {

// A file of zoo/, compiled into the library: the models are there wherever the program is.
struct ZooFile {
  std::string_view name;  // "mnist-mlp.json"
  std::string_view text;
};

// Defined in a file that CMake writes from zoo/*.json (cmake/embed_files.cmake).
std::span<const ZooFile> zoo_files();

}  // namespace pronghorn::formats
