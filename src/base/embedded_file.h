#pragma once

#include <string_view>

namespace pronghorn {

// A file that is compiled into the library (cmake/embed_files.cmake): it is there wherever the
// program is.
struct EmbeddedFile {
  std::string_view name;  // without its folder: "mnist-mlp.json"
  std::string_view text;
};

}  // namespace pronghorn
