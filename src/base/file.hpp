#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace sparsecim {

/// A file's bytes, mapped read-only. An empty file is an error: nothing that we read can be empty.
class MappedFile {
 public:
  static Result<MappedFile> open(const std::filesystem::path& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return bytes_; }
  const std::filesystem::path& path() const { return path_; }

  /// Gives the memory of the whole pages inside `part` back to the system: pages that were read count as this process's
  /// memory until then. Reading them again is as before, from the system's cache or the disk. REQUIRES: `part` lies in
  /// bytes().
  void release(std::span<const std::byte> part) const;

 private:
  MappedFile(std::filesystem::path path, std::span<const std::byte> bytes) : path_(std::move(path)), bytes_(bytes) {}
  std::filesystem::path path_;
  std::span<const std::byte> bytes_;
};

/// The whole of a text file. Errors: missing, a directory, unreadable, larger than `limit_bytes`.
Result<std::string> read_text_file(const std::filesystem::path& path, std::uint64_t limit_bytes = 1ull << 32);

/// A file that appears under its name only when it is complete: written beside it and renamed by commit(); a writer
/// that goes away before (an error, Ctrl-C) leaves nothing behind.
class OutputFile {
 public:
  static Result<OutputFile> create(const std::filesystem::path& path);
  /// A file that a later process can go on with: it is written as PATH.partial, which stays when the writer goes away.
  /// What is there is cut to `size_bytes`, behind which writing goes on. Errors: it is shorter than that.
  static Result<OutputFile> resume(const std::filesystem::path& path, std::uint64_t size_bytes);
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;
  ~OutputFile();

  Result<void> write(std::span<const std::byte> bytes);
  Result<void> write(std::string_view text) { return write(std::as_bytes(std::span(text))); }
  /// Waits until what was written is on the disk.
  Result<void> flush();
  /// Flushes, closes and renames. REQUIRES: not committed before.
  Result<void> commit();

 private:
  OutputFile(std::filesystem::path path, std::filesystem::path temporary, int descriptor, bool stays = false);
  std::filesystem::path path_, temporary_;
  int descriptor_;
  bool stays_;
};

/// Writes `text` as the whole of `path`, by way of an OutputFile.
Result<void> write_text_file(const std::filesystem::path& path, std::string_view text);

/// A directory that appears under its name only when everything in it is complete: fill path(), then commit().
class OutputDirectory {
 public:
  /// Errors: `target` exists and `force` is false; with force, it holds something that no verb writes, or too little to
  /// be an output of ours (`-o ~ --force` must not cost a home); its parent is missing or not writable.
  static Result<OutputDirectory> create(const std::filesystem::path& target, bool force);
  /// A directory that a later process can go on filling: it is filled as TARGET.partial, and taken up again where it is
  /// there. It stays when the process is killed, after keep(), and if an earlier process left it, until keep(false).
  /// Errors also: another process is filling it.
  static Result<OutputDirectory> resume(const std::filesystem::path& target, bool force);
  OutputDirectory(OutputDirectory&& other) noexcept;
  OutputDirectory& operator=(OutputDirectory&&) = delete;
  ~OutputDirectory();

  const std::filesystem::path& path() const { return temporary_; }
  /// Whether what is there stays where it is not committed. REQUIRES: from resume().
  void keep(bool stays = true) { stays_ = stays; }
  /// Renames the filled directory to its target; with force, what was there is removed only now.
  Result<void> commit();

 private:
  OutputDirectory(std::filesystem::path target, std::filesystem::path temporary, int lock = -1);
  std::filesystem::path target_, temporary_;
  int lock_;  // a descriptor of the directory, locked; -1: none
  bool stays_ = false;
};

}  // namespace sparsecim
