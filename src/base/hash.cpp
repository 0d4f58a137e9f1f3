#include "base/hash.hpp"

#include <openssl/evp.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "base/check.hpp"
#include "base/file.hpp"
#include "base/interrupt.hpp"
#include "base/progress.hpp"
#include "base/threads.hpp"

namespace sparsecim {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSliceBytes = 8 << 20;  // hashed, then given back: small beside any memory, large beside a call

/// SHA-256 over bytes that come in parts.
class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new()) { SC_CHECK(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1); }
  void add(std::span<const std::byte> bytes) {
    SC_CHECK(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1);
  }
  std::string hex() {
    std::array<unsigned char, 32> digest{};
    SC_CHECK(EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) == 1);
    std::string text;
    for (const unsigned char byte : digest) text += fmt::format("{:02x}", byte);
    return text;
  }

 private:
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context_;
};

/// What a file is known by as long as nobody writes to it: device, inode, size, and the times of its content and of its
/// inode, which no program can set back.
using Identity = std::array<std::uint64_t, 7>;

std::optional<Identity> identity_of(const fs::path& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  const auto number = [](auto value) { return static_cast<std::uint64_t>(value); };
  return Identity{number(status.st_dev),         number(status.st_ino),          number(status.st_size),
                  number(status.st_mtim.tv_sec), number(status.st_mtim.tv_nsec), number(status.st_ctim.tv_sec),
                  number(status.st_ctim.tv_nsec)};
}

std::mutex g_known_mutex;
std::map<Identity, std::string> g_known;  // digests of this process

std::optional<std::string> known_digest(const std::optional<Identity>& identity) {
  const std::scoped_lock lock(g_known_mutex);
  const auto found = identity ? g_known.find(*identity) : g_known.end();
  return found == g_known.end() ? std::nullopt : std::optional(found->second);
}

void remember(const Identity& identity, const std::string& digest) {
  const std::scoped_lock lock(g_known_mutex);
  g_known.emplace(identity, digest);
}

/// A file by what is to be read of it: nothing if its digest is known.
struct Sized {
  std::uint64_t bytes;
  std::size_t index;
};

/// The files, largest first, so that no thread is left with a large one at the end.
std::vector<Sized> largest_first(std::span<const fs::path> paths) {
  std::vector<Sized> sized;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    std::error_code error;
    const auto size = fs::file_size(paths[i], error);
    sized.push_back({error || known_digest(identity_of(paths[i])) ? 0 : size, i});
  }
  std::ranges::stable_sort(sized, std::greater<>(), &Sized::bytes);
  return sized;
}

std::uint64_t total_bytes(std::span<const Sized> files) {
  std::uint64_t bytes = 0;
  for (const Sized& file : files) bytes += file.bytes;
  return bytes;
}

}  // namespace

std::string sha256(std::string_view bytes) {
  Sha256 hash;
  hash.add(std::as_bytes(std::span(bytes)));
  return hash.hex();
}

Result<std::string> sha256_file(const fs::path& path, const std::function<void(std::uint64_t)>& on_bytes) {
  const auto identity = identity_of(path);
  if (auto digest = known_digest(identity)) return *std::move(digest);
  SC_TRY_ASSIGN(const MappedFile file, MappedFile::open(path));
  Sha256 hash;
  for (std::size_t at = 0; at < file.bytes().size(); at += kSliceBytes) {
    const auto slice = file.bytes().subspan(at, std::min(kSliceBytes, file.bytes().size() - at));
    hash.add(slice);
    file.release(slice);
    if (on_bytes) on_bytes(slice.size());
    SC_TRY(check_interrupt());
  }
  std::string digest = hash.hex();
  if (identity && identity == identity_of(path)) remember(*identity, digest);
  return digest;
}

Result<std::vector<std::string>> sha256_files(std::span<const fs::path> paths) {
  constexpr std::int64_t kMiB = 1 << 20;
  const std::vector<Sized> files = largest_first(paths);
  Progress progress("hashing", static_cast<std::int64_t>(total_bytes(files)) / kMiB, "MiB", kMiB);
  std::mutex advancing;
  const auto advance = [&](std::uint64_t bytes) {
    const std::scoped_lock lock(advancing);
    progress.advance(static_cast<std::int64_t>(bytes));
  };
  std::vector<Result<std::string>> digests(paths.size());
  std::atomic<std::size_t> next = 0;
  parallel_for(std::ssize(paths), [&](std::int64_t, std::int64_t) {
    for (std::size_t i = next++; i < files.size(); i = next++)
      digests[files[i].index] = sha256_file(paths[files[i].index], advance);
  });
  std::vector<std::string> all;
  for (Result<std::string>& digest : digests) {
    SC_TRY_ASSIGN(std::string text, std::move(digest));
    all.push_back(std::move(text));
  }
  return all;
}

}  // namespace sparsecim
