#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace sparsecim {

/// SHA-256 in lower-case hexadecimal.
std::string sha256(std::string_view bytes);
/// `on_bytes`, if given, hears of the bytes of each slice that was read: of none where the digest is known already.
/// Errors: a file that cannot be read; the user has asked to stop.
Result<std::string> sha256_file(const std::filesystem::path& path,
                                const std::function<void(std::uint64_t bytes)>& on_bytes = nullptr);

/// Of each file, several at a time, with its progress on stderr. Keeps no file in memory, and does not read again what
/// this process has hashed and nobody has changed since (by inode, size and times): a model's gigabytes count once for
/// a command. Errors as sha256_file.
Result<std::vector<std::string>> sha256_files(std::span<const std::filesystem::path> paths);

}  // namespace sparsecim
