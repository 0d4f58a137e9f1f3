#pragma once

#include <span>
#include <string_view>

namespace sparsecim {

/// A data file compiled into the library.
struct EmbeddedFile {
  std::string_view path;  // "arch/flexcim.yaml"
  std::string_view content;
};

/// Every file of arch/, shapes/ and comparisons/, and the RTL with its bench: folder by folder, in order of path.
std::span<const EmbeddedFile> embedded_files();

}  // namespace sparsecim
