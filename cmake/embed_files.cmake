# cmake -D OUTPUT=zoo_files.cc -D FILES=a.json|b.json -P embed_files.cmake
# Writes a C++ file with the files' texts (src/formats/zoo.h).
string(REPLACE "|" ";" FILES "${FILES}")
set(entries "")
foreach(file IN LISTS FILES)
  get_filename_component(name ${file} NAME)
  file(READ ${file} text)
  string(APPEND entries "    {\"${name}\", R\"embedded(${text})embedded\"},\n")
endforeach()
list(LENGTH FILES count)
file(WRITE ${OUTPUT} "#include \"formats/zoo.h\"

#include <array>

namespace pronghorn::formats {
namespace {

constexpr std::array<ZooFile, ${count}> kFiles = {{
${entries}}};

}  // namespace

std::span<const ZooFile> zoo_files() { return kFiles; }

}  // namespace pronghorn::formats
")
