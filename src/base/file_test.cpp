#include "base/file.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <vector>

#include "base/test_directory.hpp"

namespace sparsecim {
namespace {

namespace fs = std::filesystem;

class Files : public test_files::TemporaryDirectory {
 protected:
  int entries() const { return static_cast<int>(std::distance(fs::directory_iterator(directory_), {})); }
};

TEST_F(Files, AnUnfinishedOutputFileLeavesNothingBehind) {
  {
    auto file = OutputFile::create(directory_ / "out.json");
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->write("half"));
    EXPECT_FALSE(fs::exists(directory_ / "out.json"));
  }
  EXPECT_EQ(entries(), 0);
}

TEST_F(Files, ACommittedOutputFileIsWhole) {
  ASSERT_TRUE(write_text_file(directory_ / "out.json", "all of it"));
  EXPECT_EQ(read_text_file(directory_ / "out.json").value(), "all of it");
  EXPECT_EQ(entries(), 1);
}

TEST_F(Files, APipeIsWrittenInPlaceAndStaysAPipe) {
  const fs::path pipe = directory_ / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const int reader = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_TRUE(write_text_file(pipe, "through"));
  char text[16];
  const ssize_t length = ::read(reader, text, sizeof text);
  ::close(reader);
  ASSERT_GT(length, 0);
  EXPECT_EQ(std::string(text, static_cast<std::size_t>(length)), "through");
  EXPECT_TRUE(fs::is_fifo(pipe));
  EXPECT_EQ(entries(), 1);
}

TEST_F(Files, ALinkStaysALinkWhenItsFileIsReplaced) {
  ASSERT_TRUE(write_text_file(directory_ / "file", "old"));
  fs::create_symlink("file", directory_ / "link");
  ASSERT_TRUE(write_text_file(directory_ / "link", "new"));
  EXPECT_TRUE(fs::is_symlink(directory_ / "link"));
  EXPECT_EQ(read_text_file(directory_ / "file").value(), "new");
}

TEST_F(Files, AFullDiskIsSaid) {
  fs::create_symlink("/dev/full", directory_ / "disk");  // by a link, so that no mistake of ours replaces the device
  const auto refused = write_text_file(directory_ / "disk", std::string(10000, 'x'));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().line().find("disk: cannot write: No space left"), std::string::npos);
}

TEST_F(Files, AnExistingOutputDirectoryIsKeptWithoutForce) {
  fs::create_directory(directory_ / "run");
  const auto refused = OutputDirectory::create(directory_ / "run", false);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().line().find("--force"), std::string::npos);
}

TEST_F(Files, ForceReplacesAnExistingDirectoryOnlyAtTheEnd) {
  fs::create_directory(directory_ / "run");
  ASSERT_TRUE(write_text_file(directory_ / "run" / "config.json", "{}"));
  ASSERT_TRUE(write_text_file(directory_ / "run" / "plan.json", R"({"provenance": {"verb": "prune"}})"));
  auto output = OutputDirectory::create(directory_ / "run/", true);
  ASSERT_TRUE(output);
  ASSERT_TRUE(write_text_file(output->path() / "new", "new"));
  EXPECT_TRUE(fs::exists(directory_ / "run" / "config.json"));
  ASSERT_TRUE(output->commit());
  EXPECT_FALSE(fs::exists(directory_ / "run" / "config.json"));
  EXPECT_TRUE(fs::exists(directory_ / "run" / "new"));
  EXPECT_EQ(entries(), 1);
}

TEST_F(Files, ForceSparesADirectoryThatIsNoOutputOfOurs) {
  fs::create_directory(directory_ / "home");
  ASSERT_TRUE(write_text_file(directory_ / "home" / "plan.json", "{}"));
  const auto plan_alone = OutputDirectory::create(directory_ / "home", true);
  ASSERT_FALSE(plan_alone);
  EXPECT_NE(plan_alone.error().line().find("no whole output"), std::string::npos) << plan_alone.error().line();
  ASSERT_TRUE(write_text_file(directory_ / "home" / "config.json", "{}"));
  for (const char* plan : {"{}", R"({"provenance": {"verb": "select"}})", "no JSON"}) {
    ASSERT_TRUE(write_text_file(directory_ / "home" / "plan.json", plan));
    EXPECT_FALSE(OutputDirectory::create(directory_ / "home", true)) << "a model, and a plan that was made for it";
  }
  ASSERT_TRUE(write_text_file(directory_ / "home" / "plan.json", R"({"provenance": {"verb": "prune"}})"));
  ASSERT_TRUE(write_text_file(directory_ / "home" / ".config.json.partial-0123456789abcdef-7", "{"));
  EXPECT_TRUE(OutputDirectory::create(directory_ / "home", true)) << "what a killed process left is ours, too";
}

TEST_F(Files, ForceSparesWhatAUserPutIntoAnOutputOfOurs) {
  fs::create_directories(directory_ / "run" / "model");
  for (const char* name : {"plan.json", "record.json", "report.html", "model/config.json", "model/model.safetensors"})
    ASSERT_TRUE(write_text_file(directory_ / "run" / name, "{}"));
  EXPECT_TRUE(OutputDirectory::create(directory_ / "run", true));
  for (const char* name : {"thesis.txt", "model/thesis.txt", "sub", "model/model"}) {
    const fs::path own = directory_ / "run" / name;
    ASSERT_TRUE(own.has_extension() ? write_text_file(own, "years of work").has_value() : fs::create_directory(own));
    const auto forced = OutputDirectory::create(directory_ / "run", true);
    ASSERT_FALSE(forced) << name;
    EXPECT_NE(forced.error().line().find(fmt::format("'{}'", name)), std::string::npos) << forced.error().line();
    const auto refused = OutputDirectory::create(directory_ / "run", false);
    ASSERT_FALSE(refused) << name;
    EXPECT_EQ(refused.error().line().find("--force"), std::string::npos) << refused.error().line();
    fs::remove_all(own);
  }
}

TEST_F(Files, AFileInPlaceOfAnOutputDirectoryIsNotForcedAway) {
  ASSERT_TRUE(write_text_file(directory_ / "thesis", "years of work"));
  for (const bool force : {false, true}) {
    const auto refused = OutputDirectory::create(directory_ / "thesis", force);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().remedy, "choose another name");
  }
}

TEST_F(Files, AnAbandonedOutputDirectoryLeavesNothingBehind) {
  {
    ASSERT_TRUE(OutputDirectory::create(directory_ / "run", false));
  }
  EXPECT_EQ(entries(), 0);
}

/// Whether each page of `part` is in this process's memory: proc(5), pagemap, bit 63.
std::vector<bool> resident_pages(std::span<const std::byte> part) {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto first = reinterpret_cast<std::uintptr_t>(part.data()) / page;
  std::vector<std::uint64_t> entries((part.size() + page - 1) / page);
  const int pagemap = ::open("/proc/self/pagemap", O_RDONLY);
  const auto bytes = static_cast<ssize_t>(entries.size() * sizeof entries[0]);
  EXPECT_EQ(::pread(pagemap, entries.data(), static_cast<std::size_t>(bytes), static_cast<off_t>(first * 8)), bytes);
  ::close(pagemap);
  std::vector<bool> resident;
  for (const std::uint64_t entry : entries) resident.push_back(entry >> 63);
  return resident;
}

TEST_F(Files, AMappedFileGivesBackTheWholePagesOfAPartAndReadsThemAgain) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  std::string text(8 * page, '\0');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 31 % 251);
  ASSERT_TRUE(write_text_file(directory_ / "file", text));
  const MappedFile file = MappedFile::open(directory_ / "file").value();
  const auto same = [&] { return std::memcmp(file.bytes().data(), text.data(), text.size()) == 0; };
  ASSERT_TRUE(same());
  EXPECT_EQ(resident_pages(file.bytes()), std::vector<bool>(8, true));
  file.release(file.bytes().subspan(page + 1, 4 * page));  // pages 2, 3, 4 whole, 1 and 5 in part
  EXPECT_EQ(resident_pages(file.bytes()), (std::vector<bool>{true, true, false, false, false, true, true, true}));
  EXPECT_TRUE(same());
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, page - 2}) file.release(file.bytes().subspan(1, size));
  EXPECT_EQ(resident_pages(file.bytes()), std::vector<bool>(8, true));
}

TEST_F(Files, ThatCanBeGoneOnWithStayAndAreCutWhereTheNextWriterGoesOn) {
  {
    auto file = OutputFile::resume(directory_ / "weights", 0);
    ASSERT_TRUE(file) << file.error().line();
    ASSERT_TRUE(file->write("block 0, half of blo"));
  }
  EXPECT_FALSE(fs::exists(directory_ / "weights"));
  EXPECT_FALSE(OutputFile::resume(directory_ / "weights", 100)) << "less is left than was promised";
  auto file = OutputFile::resume(directory_ / "weights", 8);
  ASSERT_TRUE(file) << file.error().line();
  ASSERT_TRUE(file->write("block 1"));
  ASSERT_TRUE(file->commit());
  EXPECT_EQ(read_text_file(directory_ / "weights").value(), "block 0,block 1");
  EXPECT_EQ(entries(), 1);
}

TEST_F(Files, AnOutputDirectoryThatCanBeGoneOnWithStaysOnlyWhereItWasKept) {
  {
    ASSERT_TRUE(OutputDirectory::resume(directory_ / "run", false));
  }
  EXPECT_EQ(entries(), 0);
  {
    auto output = OutputDirectory::resume(directory_ / "run", false).value();
    ASSERT_TRUE(write_text_file(output.path() / "block", "0"));
    output.keep();
  }
  {
    ASSERT_TRUE(OutputDirectory::resume(directory_ / "run", false));
  }
  EXPECT_EQ(read_text_file(directory_ / "run.partial" / "block").value(), "0") << "an earlier run's work is lost";
  auto output = OutputDirectory::resume(directory_ / "run", false).value();
  ASSERT_TRUE(output.commit());
  EXPECT_TRUE(fs::exists(directory_ / "run" / "block"));
  EXPECT_EQ(entries(), 1);
}

TEST_F(Files, AnOutputDirectoryIsFilledByOneProcessAtATime) {
  const auto first = OutputDirectory::resume(directory_ / "run", false);
  ASSERT_TRUE(first);
  const auto second = OutputDirectory::resume(directory_ / "run", false);
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().line().find("another sparsecim"), std::string::npos);
  EXPECT_TRUE(fs::exists(first->path()));
}

TEST_F(Files, AnEmptyMissingOrWrongKindOfFileIsRefusedByName) {
  std::ofstream(directory_ / "empty").close();
  for (const auto& path : {directory_ / "empty", directory_ / "missing", directory_}) {
    const auto file = MappedFile::open(path);
    ASSERT_FALSE(file) << path;
    EXPECT_NE(file.error().what.find(path.string()), std::string::npos);
  }
}

}  // namespace
}  // namespace sparsecim
