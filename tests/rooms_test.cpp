// Which room may look at which (docs/architecture.md): reads every #include of src/ and fails on an arrow that points
// back, so that the torch-free rooms stay torch-free and the hardware never learns what a checkpoint is.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>

namespace {

namespace fs = std::filesystem;
using Rooms = std::set<std::string>;

const std::map<std::string, Rooms> kMayInclude = {
    {"base", {}},
    {"text", {"base"}},
    {"sparsity", {"base"}},
    {"monarch", {"base"}},
    {"checkpoint", {"base", "text", "monarch"}},
    {"hardware", {"base", "sparsity", "monarch"}},
    {"kernels", {"base", "sparsity"}},
    {"report", {"base"}},
    {"workload", {"base", "checkpoint", "sparsity", "monarch", "hardware"}},
    {"model", {"base", "text", "checkpoint", "sparsity", "monarch", "hardware", "kernels", "workload", "report"}},
    {"prune",
     {"base", "text", "checkpoint", "sparsity", "monarch", "hardware", "kernels", "workload", "report", "model"}},
    {"evaluate",
     {"base", "text", "checkpoint", "sparsity", "monarch", "hardware", "kernels", "workload", "report", "model",
      "prune"}},
    {"codesign",
     {"base", "text", "checkpoint", "sparsity", "monarch", "hardware", "kernels", "workload", "report", "model",
      "prune", "evaluate"}},
    {"cli",
     {"base", "text", "checkpoint", "sparsity", "monarch", "hardware", "kernels", "workload", "report", "model",
      "prune", "evaluate", "codesign"}},
};
const Rooms kTensorRooms = {"model", "prune", "evaluate", "codesign"};

/// The text between the quotes or brackets of an #include line; empty for any other line.
std::string included(const std::string& line) {
  if (line.rfind("#include ", 0) != 0) return {};
  const auto end = line.find_first_of("\">", 10);
  return end == std::string::npos ? std::string{} : line.substr(10, end - 10);
}

template <class Visit>  // visit(room, file, included name)
void for_each_include(Visit visit) {
  for (const auto& entry : fs::recursive_directory_iterator(SPARSECIM_SOURCE)) {
    if (entry.path().extension() != ".cpp" && entry.path().extension() != ".hpp") continue;
    const fs::path file = fs::relative(entry.path(), SPARSECIM_SOURCE);
    std::ifstream stream(entry.path());
    for (std::string line; std::getline(stream, line);)
      if (const auto name = included(line); !name.empty()) visit(file.begin()->string(), file, name);
  }
}

TEST(Rooms, EveryFolderOfSrcIsARoom) {
  for (const auto& entry : fs::directory_iterator(SPARSECIM_SOURCE))
    EXPECT_TRUE(kMayInclude.contains(entry.path().filename().string())) << entry.path();
}

TEST(Rooms, NoArrowPointsBack) {
  int arrows = 0;
  for_each_include([&](const std::string& room, const fs::path& file, const std::string& name) {
    const std::string target = name.substr(0, name.find('/'));
    if (!kMayInclude.contains(target) || target == room) return;
    EXPECT_TRUE(kMayInclude.at(room).contains(target)) << file << " includes " << name;
    ++arrows;
  });
  EXPECT_GT(arrows, 10) << "the test no longer reads the sources";
}

TEST(Rooms, LibTorchIsIncludedOnlyInTheTensorRooms) {
  for_each_include([](const std::string& room, const fs::path& file, const std::string& name) {
    const bool torch = name.starts_with("ATen/") || name.starts_with("c10/") || name.starts_with("torch/");
    const bool tensor_room = kTensorRooms.contains(room) || file.string().starts_with("cli/tensor/");
    EXPECT_TRUE(!torch || tensor_room) << file << " includes " << name;
    const bool includes_tensor_room = kTensorRooms.contains(name.substr(0, name.find('/')));
    EXPECT_TRUE(!includes_tensor_room || tensor_room) << file << " includes " << name;
  });
}

}  // namespace
