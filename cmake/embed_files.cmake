# Files whose texts are compiled into the library. Included, this defines
#   pronghorn_embed(NAME HEADER h NAMESPACE n FUNCTION f FILES files...)
# which writes a source that defines `f`, declared in `h` as
#   std::span<const EmbeddedFile> f();        (base/embedded_file.h)
# and adds it to the library. Run by `cmake -P`, it writes that source.

if(NOT CMAKE_SCRIPT_MODE_FILE)
  set(PRONGHORN_EMBED_SCRIPT ${CMAKE_CURRENT_LIST_FILE})
  function(pronghorn_embed name)
    cmake_parse_arguments(arg "" "HEADER;NAMESPACE;FUNCTION" "FILES" ${ARGN})
    set(source ${CMAKE_CURRENT_BINARY_DIR}/${name}.cc)
    list(JOIN arg_FILES "|" files)
    add_custom_command(
      OUTPUT ${source}
      COMMAND ${CMAKE_COMMAND} -D OUTPUT=${source} -D HEADER=${arg_HEADER}
              -D NAMESPACE=${arg_NAMESPACE} -D FUNCTION=${arg_FUNCTION} -D FILES=${files}
              -P ${PRONGHORN_EMBED_SCRIPT}
      DEPENDS ${arg_FILES} ${PRONGHORN_EMBED_SCRIPT}
      VERBATIM)
    # The library is a target of another folder, so its dependence on the file is said by a target
    # of its own.
    add_custom_target(pronghorn_${name} DEPENDS ${source})
    add_dependencies(pronghorn pronghorn_${name})
    # Clang warns of texts that are longer than what the standard promises; no compiler has the limit.
    set_source_files_properties(${source} TARGET_DIRECTORY pronghorn PROPERTIES
      GENERATED TRUE COMPILE_OPTIONS -Wno-overlength-strings)
    target_sources(pronghorn PRIVATE ${source})
  endfunction()
  return()
endif()

string(REPLACE "|" ";" FILES "${FILES}")
set(entries "")
foreach(file IN LISTS FILES)
  get_filename_component(name ${file} NAME)
  file(READ ${file} text)
  string(FIND "${text}" ")embedded\"" end)
  if(NOT end EQUAL -1)
    message(FATAL_ERROR "${file} contains )embedded\", which ends the literal that would hold it")
  endif()
  string(APPEND entries "    {\"${name}\", R\"embedded(${text})embedded\"sv},\n")
endforeach()
list(LENGTH FILES count)
file(WRITE ${OUTPUT} "#include <array>
#include <string_view>

#include \"${HEADER}\"

namespace ${NAMESPACE} {
namespace {

using namespace std::literals;

constexpr std::array<EmbeddedFile, ${count}> kFiles = {{
${entries}}};

}  // namespace

std::span<const EmbeddedFile> ${FUNCTION}() { return kFiles; }

}  // namespace ${NAMESPACE}
")
