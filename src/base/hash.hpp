#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace sparsecim {

/// SHA-256 in lower-case hexadecimal.
std::string sha256(std::string_view bytes);
Result<std::string> sha256_file(const std::filesystem::path& path);

/// Of each file, several at a time. Keeps no file in memory, and does not read again what this process has hashed and
/// nobody has changed since (by inode, size and times): a model's gigabytes count once for a command. Errors: a file
/// that cannot be read.
Result<std::vector<std::string>> sha256_files(std::span<const std::filesystem::path> paths);

}  // namespace sparsecim
