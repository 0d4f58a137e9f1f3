#include "base/hash.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "base/file.hpp"
#include "base/test_directory.hpp"

namespace sparsecim {
namespace {

namespace fs = std::filesystem;

class Hashes : public test_files::TemporaryDirectory {
 protected:
  fs::path write(const std::string& name, const std::string& text) const {
    std::ofstream(directory_ / name, std::ios::binary) << text;
    return directory_ / name;
  }
};

/// Bytes that differ from slice to slice.
std::string long_text(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>((i * 2654435761u) >> 13);
  return text;
}

TEST(Sha256, IsFips180sOwnExamples) {  // FIPS 180-4's test vectors
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_F(Hashes, OfAFileAreThoseOfItsBytesOnEitherSideOfASlice) {
  constexpr std::size_t kSlice = 8 << 20;
  for (const std::size_t size : {std::size_t{1}, kSlice - 1, kSlice, kSlice + 1, 2 * kSlice + 4095}) {
    const std::string text = long_text(size);
    EXPECT_EQ(sha256_file(write(fmt::format("{}", size), text)).value(), sha256(text)) << size;
  }
}

TEST_F(Hashes, OfFilesComeInTheOrderOfTheFiles) {
  std::vector<fs::path> paths;
  for (int i = 0; i < 20; ++i) paths.push_back(write(fmt::format("{}", i), std::string(1 + i * 37 % 20, 'x')));
  const auto hashes = sha256_files(paths).value();
  ASSERT_EQ(hashes.size(), 20u);
  for (std::size_t i = 0; i < 20; ++i) EXPECT_EQ(hashes[i], sha256(read_text_file(paths[i]).value()));
  EXPECT_TRUE(sha256_files({}).value().empty());
  paths.push_back(directory_ / "missing");
  EXPECT_NE(sha256_files(paths).error().line().find("missing"), std::string::npos);
}

TEST_F(Hashes, OfAFileThatChangesChange) {
  const fs::path path = write("file", "before");
  EXPECT_EQ(sha256_file(path).value(), sha256("before"));
  EXPECT_EQ(sha256_file(path).value(), sha256("before"));
  const auto time = fs::last_write_time(path);
  usleep(20'000);  // more than the clock of a file system counts in
  write("file", "beFore");
  fs::last_write_time(path, time);  // a program that hides its change
  EXPECT_EQ(sha256_file(path).value(), sha256("beFore"));
}

TEST_F(Hashes, TellOfEachSliceThatIsReadAndOfNoneThatIsKnown) {
  constexpr std::size_t kSlice = 8 << 20;
  const fs::path path = write("file", long_text(2 * kSlice + 7));
  std::vector<std::uint64_t> heard;
  const auto hear = [&](std::uint64_t bytes) { heard.push_back(bytes); };
  ASSERT_TRUE(sha256_file(path, hear));
  ASSERT_TRUE(sha256_file(path, hear));
  EXPECT_EQ(heard, (std::vector<std::uint64_t>{kSlice, kSlice, 7}));
}

TEST_F(Hashes, KeepNoFileInMemory) {
  const fs::path path = write("large", long_text(64 << 20));
  const auto resident_pages = [] {  // of files: proc(5), statm
    std::ifstream statm("/proc/self/statm");
    long total = 0, resident = 0, shared = 0;
    statm >> total >> resident >> shared;
    return shared;
  };
  ASSERT_FALSE(sha256("").empty());  // libcrypto's own pages are in memory from here on
  const long before = resident_pages();
  ASSERT_TRUE(sha256_file(path));
  EXPECT_LT((resident_pages() - before) * sysconf(_SC_PAGESIZE), 1 << 20);
}

}  // namespace
}  // namespace sparsecim
