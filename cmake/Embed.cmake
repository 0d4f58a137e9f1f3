# Compiles the files of some patterns into a library as `embedded_files()` (src/base/embedded.hpp): machine descriptions
# and model shapes are found without an installation, and a path given by the user overrides them; RTL goes with a bench.
function(sparsecim_embed target)
  set(generated ${CMAKE_BINARY_DIR}/embedded.cpp)
  set(entries "")
  foreach(pattern IN LISTS ARGN)
    file(GLOB files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${pattern})
    list(SORT files)
    foreach(file IN LISTS files)
      set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
      file(READ ${file} content)
      cmake_path(RELATIVE_PATH file BASE_DIRECTORY ${PROJECT_SOURCE_DIR} OUTPUT_VARIABLE name)
      string(APPEND entries "    {\"${name}\", R\"__file__(${content})__file__\"},\n")
    endforeach()
  endforeach()
  file(CONFIGURE OUTPUT ${generated} CONTENT [=[
#include "base/embedded.hpp"

namespace sparsecim {

std::span<const EmbeddedFile> embedded_files() {
  static constexpr EmbeddedFile kFiles[] = {
@entries@    {"", ""},
  };
  return {kFiles, std::size(kFiles) - 1};
}

}  // namespace sparsecim
]=] @ONLY)
  target_sources(${target} PRIVATE ${generated})
endfunction()
