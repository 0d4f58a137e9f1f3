#include "base/file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <random>

#include "base/check.hpp"
#include "base/json.hpp"

namespace sparsecim {
namespace fs = std::filesystem;
namespace {

/// What tells an output directory of ours: all of one line are in it. A plan alone may lie anywhere, and one that
/// `select` wrote beside a model does not make the model an output.
constexpr std::array<std::array<std::string_view, 2>, 3> kOutputMarkers = {
    {{"plan.json", "config.json"}, {"plan.json", "record.json"}, {"rtl.json", "parameters.svh"}}};

/// What the verbs write into their directories, beside flexcim_*.sv and states-*.safetensors: whatever has another name
/// is the user's.
constexpr std::array<std::string_view, 21> kOutputFiles = {"model.safetensors",
                                                           "config.json",
                                                           "generation_config.json",
                                                           "tokenizer.json",
                                                           "tokenizer.model",
                                                           "tokenizer_config.json",
                                                           "special_tokens_map.json",
                                                           "added_tokens.json",
                                                           "chat_template.jinja",
                                                           "plan.json",
                                                           "record.json",
                                                           "report.html",
                                                           "progress.json",
                                                           "rtl.json",
                                                           "parameters.svh",
                                                           "weights.hex",
                                                           "isel.hex",
                                                           "pairs.hex",
                                                           "words.hex",
                                                           "unit_words.hex",
                                                           "sums.hex"};
/// Directories in them: codesign's checkpoint; what prune removes last.
constexpr std::array<std::string_view, 2> kOutputFolders = {"model", "resume"};

/// The reason of a failed system call, with a remedy where the reason suggests one.
tl::unexpected<Error> system_failure(const fs::path& path, std::string_view action, int error) {
  std::string remedy;
  if (error == ENOSPC || error == EDQUOT) remedy = "free some space or choose another output directory";
  if (error == ENOENT) remedy = "check the path";
  if (error == EACCES || error == EROFS) remedy = "check the permissions or choose another place";
  return fail(Remedy{remedy}, "{}: cannot {}: {}", path.string(), action, std::strerror(error));
}

class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  int value() const { return value_; }

 private:
  int value_;
};

/// Opens a regular file and tells its size.
Result<std::uint64_t> regular_file_size(const fs::path& path, int descriptor) {
  struct stat status{};
  if (descriptor < 0 || ::fstat(descriptor, &status) != 0) return system_failure(path, "open", errno);
  if (S_ISDIR(status.st_mode)) return fail("{}: is a directory, not a file", path.string());
  if (!S_ISREG(status.st_mode)) return fail("{}: is not a regular file", path.string());
  return static_cast<std::uint64_t>(status.st_size);
}

/// A name beside `path` that no other process or call uses. Drawn, since process ids repeat from container to
/// container.
fs::path temporary_beside(const fs::path& path) {
  static const unsigned process = std::random_device()();
  static std::atomic<int> counter = 0;
  const auto name = fmt::format(".{}.partial-{:08x}-{}", path.filename().string(), process, counter++);
  return path.parent_path() / name;
}

/// Whether temporary_beside() names files so: of a killed process they are left.
bool is_temporary(std::string_view name) {
  return name.starts_with('.') && name.find(".partial-") != std::string_view::npos;
}

/// The name under which a file or directory that can be gone on with is filled.
fs::path partial_name(const fs::path& path) { return path.string() + ".partial"; }

/// "out/" and "out" name the same directory; "." has no name to put a temporary beside.
Result<fs::path> without_trailing_slash(const fs::path& path) {
  fs::path plain = path.lexically_normal();
  if (!plain.has_filename()) plain = plain.parent_path();
  if (plain.empty() || plain == "." || plain == ".." || plain == "/")
    return fail(Remedy{"name a directory that does not exist yet"}, "'{}' cannot be an output directory",
                path.string());
  return plain;
}

bool is_among(std::string_view name, std::span<const std::string_view> names) {
  return std::ranges::find(names, name) != names.end();
}

bool has_output_name(const fs::directory_entry& entry, int depth) {
  const std::string name = entry.path().filename().string();
  std::error_code error;
  if (entry.symlink_status(error).type() == fs::file_type::directory)
    return depth == 0 && is_among(name, kOutputFolders);
  return is_among(name, kOutputFiles) || (name.starts_with("flexcim_") && name.ends_with(".sv")) ||
         (name.starts_with("states-") && name.ends_with(".safetensors")) || is_temporary(name);
}

bool is_output(const fs::path& path) {
  std::error_code error;
  const auto there = [&](std::string_view name) { return fs::exists(path / name, error); };
  if (std::ranges::none_of(kOutputMarkers, [&](const auto& names) { return std::ranges::all_of(names, there); }))
    return false;
  if (there("rtl.json") || there("record.json")) return true;
  const auto plan = read_json_file(path / "plan.json");
  return plan && has(*plan, "provenance") && get_string((*plan)["provenance"], "verb").value_or("select") != "select";
}

/// That nothing of the user's goes with what is at `path`. Errors: it is no directory; it holds something that no verb
/// writes, or too little to be an output.
Result<void> check_replaceable(const fs::path& path) {
  std::error_code error;
  if (!fs::is_directory(path, error))
    return fail(Remedy{"choose another name"}, "{}: exists and is not a directory", path.string());
  if (fs::is_empty(path, error)) return {};
  const Remedy remedy{"choose another name, or remove it yourself"};
  for (auto entry = fs::recursive_directory_iterator(path, error); entry != end(entry); entry.increment(error))
    if (!has_output_name(*entry, entry.depth()))
      return fail(remedy, "{}: --force replaces only what sparsecim wrote, which '{}' is not", path.string(),
                  fs::relative(entry->path(), path, error).string());
  if (error) return system_failure(path, "read the directory", error.value());
  if (is_output(path)) return {};
  return fail(remedy, "{}: --force replaces only what sparsecim wrote, and this is no whole output of it",
              path.string());
}

/// Where an output directory may go. Errors: as OutputDirectory::create.
Result<fs::path> free_target(const fs::path& target, bool force) {
  SC_TRY_ASSIGN(const fs::path plain, without_trailing_slash(target));
  std::error_code error;
  if (!fs::exists(plain, error)) return plain;
  const auto replaceable = check_replaceable(plain);
  if (!force)
    return fail(Remedy{replaceable ? "choose another name or add --force" : "choose another name"},
                "{}: exists already", plain.string());
  SC_TRY(replaceable);
  return plain;
}

}  // namespace

Result<MappedFile> MappedFile::open(const fs::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  SC_TRY_ASSIGN(const std::uint64_t size, regular_file_size(path, file.value()));
  if (size == 0) return fail(Remedy{"get the file again"}, "{}: the file is empty", path.string());
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.value(), 0);
  if (data == MAP_FAILED) return system_failure(path, "map", errno);
  return MappedFile(path, std::span(static_cast<const std::byte*>(data), size));
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)), bytes_(std::exchange(other.bytes_, {})) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

void MappedFile::release(std::span<const std::byte> part) const {
  SC_CHECK(part.empty() || (part.data() >= bytes_.data() && part.size() <= bytes_.size() &&
                            static_cast<std::size_t>(part.data() - bytes_.data()) <= bytes_.size() - part.size()));
  static const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = (reinterpret_cast<std::uintptr_t>(part.data()) + page - 1) / page * page;
  const auto end = reinterpret_cast<std::uintptr_t>(part.data() + part.size()) / page * page;
  // NOLINTNEXTLINE(performance-no-int-to-ptr): the address of a page, through which nothing is read
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

Result<std::string> read_text_file(const fs::path& path, std::uint64_t limit_bytes) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  SC_TRY_ASSIGN(const std::uint64_t size, regular_file_size(path, file.value()));
  if (size > limit_bytes)
    return fail("{}: {} bytes, more than the {} that such a file may have", path.string(), size, limit_bytes);
  std::string text(size, '\0');
  std::size_t done = 0;
  while (done < size) {
    const ssize_t n = ::read(file.value(), text.data() + done, size - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_failure(path, "read", errno);
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  text.resize(done);
  return text;
}

Result<OutputFile> OutputFile::create(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (fs::is_directory(status)) return fail(Remedy{"name a file"}, "{}: is a directory", path.string());
  // Renaming over /dev/stdout or a pipe would take it away from everybody: what is no regular file is written in place.
  const bool in_place = fs::exists(status) && !fs::is_regular_file(status);
  const fs::path target = fs::is_regular_file(status) ? fs::canonical(path, error) : path;  // a link stays a link
  const fs::path temporary = in_place ? fs::path{} : temporary_beside(target);
  const int descriptor = in_place ? ::open(path.c_str(), O_WRONLY | O_CLOEXEC)
                                  : ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (descriptor < 0) return system_failure(path, "create", errno);
  return OutputFile(target, temporary, descriptor);
}

Result<OutputFile> OutputFile::resume(const fs::path& path, std::uint64_t size_bytes) {
  const fs::path temporary = partial_name(path);
  const int descriptor = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0) return system_failure(temporary, "create", errno);
  OutputFile file(path, temporary, descriptor, true);
  SC_TRY_ASSIGN(const std::uint64_t found_bytes, regular_file_size(temporary, descriptor));
  if (found_bytes < size_bytes)
    return fail(Remedy{"remove it and start again"}, "{}: {} bytes are left of at least {}", temporary.string(),
                found_bytes, size_bytes);
  if (::ftruncate(descriptor, static_cast<off_t>(size_bytes)) != 0 || ::lseek(descriptor, 0, SEEK_END) < 0)
    return system_failure(temporary, "cut", errno);
  return file;
}

OutputFile::OutputFile(fs::path path, fs::path temporary, int descriptor, bool stays)
    : path_(std::move(path)), temporary_(std::move(temporary)), descriptor_(descriptor), stays_(stays) {}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::move(other.temporary_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      stays_(other.stays_) {}

OutputFile::~OutputFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  if (!temporary_.empty() && !stays_) ::unlink(temporary_.c_str());
}

Result<void> OutputFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(descriptor_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_failure(path_, "write", errno);
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return {};
}

Result<void> OutputFile::flush() {
  SC_CHECK(descriptor_ >= 0);
  if (::fsync(descriptor_) != 0 && errno != EINVAL) return system_failure(path_, "write", errno);
  return {};
}

Result<void> OutputFile::commit() {
  SC_TRY(flush());
  const bool closed = ::close(std::exchange(descriptor_, -1)) == 0;
  if (closed && (temporary_.empty() || ::rename(temporary_.c_str(), path_.c_str()) == 0)) return {};
  const int error = errno;
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
  return system_failure(path_, "write", error);
}

Result<void> write_text_file(const fs::path& path, std::string_view text) {
  SC_TRY_ASSIGN(OutputFile file, OutputFile::create(path));
  SC_TRY(file.write(text));
  return file.commit();
}

Result<OutputDirectory> OutputDirectory::create(const fs::path& target, bool force) {
  SC_TRY_ASSIGN(const fs::path plain, free_target(target, force));
  std::error_code error;
  const fs::path temporary = temporary_beside(plain);
  if (!fs::create_directory(temporary, error))
    return system_failure(plain, "create the directory", error ? error.value() : EEXIST);
  return OutputDirectory(plain, temporary);
}

Result<OutputDirectory> OutputDirectory::resume(const fs::path& target, bool force) {
  SC_TRY_ASSIGN(const fs::path plain, free_target(target, force));
  const fs::path temporary = partial_name(plain);
  std::error_code error;
  const bool created = fs::create_directory(temporary, error);
  if (error) return system_failure(plain, "create the directory", error.value());
  const int lock = ::open(temporary.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (lock < 0) return system_failure(temporary, "open the directory", errno);
  OutputDirectory directory(plain, temporary, lock);
  directory.keep();  // while another may be writing there
  if (::flock(lock, LOCK_EX | LOCK_NB) != 0)
    return fail(Remedy{"wait for it or choose another name"}, "{}: another sparsecim is writing there",
                temporary.string());
  directory.stays_ = !created;
  return directory;
}

OutputDirectory::OutputDirectory(fs::path target, fs::path temporary, int lock)
    : target_(std::move(target)), temporary_(std::move(temporary)), lock_(lock) {}

OutputDirectory::OutputDirectory(OutputDirectory&& other) noexcept
    : target_(std::move(other.target_)),
      temporary_(std::exchange(other.temporary_, {})),
      lock_(std::exchange(other.lock_, -1)),
      stays_(other.stays_) {}

OutputDirectory::~OutputDirectory() {
  std::error_code ignored;
  if (!temporary_.empty() && !stays_) fs::remove_all(temporary_, ignored);
  if (lock_ >= 0) ::close(lock_);
}

Result<void> OutputDirectory::commit() {
  SC_CHECK(!temporary_.empty());
  std::error_code error;
  fs::path replaced;
  if (fs::exists(target_, error)) {
    replaced = temporary_beside(target_);
    fs::rename(target_, replaced, error);
    if (error) return system_failure(target_, "replace", error.value());
  }
  fs::rename(temporary_, target_, error);
  if (error) {
    std::error_code ignored;
    if (!replaced.empty()) fs::rename(replaced, target_, ignored);
    return system_failure(target_, "create", error.value());
  }
  temporary_.clear();
  if (!replaced.empty()) fs::remove_all(replaced, error);
  return {};
}

}  // namespace sparsecim
