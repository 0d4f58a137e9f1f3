// replay_seeds TARGET [FILE...]: runs a target (targets.hpp) over its seeds, made and in seeds/TARGET, and over what
// becomes of each when it is cut off or bytes of it change; or over the files alone. Any build and compiler will do: it
// keeps what libFuzzer has found from coming back.
// replay_seeds --write FOLDER: puts all seeds into FOLDER/TARGET, where libFuzzer looks for them.

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <random>

#include "base/check.hpp"
#include "base/file.hpp"
#include "seeds.hpp"
#include "targets.hpp"

namespace sparsecim::fuzz {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> all_seeds(std::string_view target) {
  std::vector<std::string> seeds = made_seeds(target);
  std::error_code none;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(fs::path(SPARSECIM_SEEDS) / target, none)) files.push_back(entry);
  std::ranges::sort(files);
  for (const fs::path& file : files) seeds.push_back(read_text_file(file).value());
  return seeds;
}

/// `seed` cut off at `cuts` places, and `changes` times with a few bytes changed.
std::vector<std::string> damaged(const std::string& seed, std::size_t cuts, int changes) {
  std::vector<std::string> results;
  for (std::size_t cut = 0; cut < std::min(cuts, seed.size()); ++cut)
    results.push_back(seed.substr(0, cut * seed.size() / std::min(cuts, seed.size())));
  std::mt19937 random(1);
  for (int change = 0; change < changes && !seed.empty(); ++change) {
    std::string& result = results.emplace_back(seed);
    const std::size_t window =
        change % 2 ? seed.size() : std::min<std::size_t>(seed.size(), 256);  // headers are in front
    for (int byte = 0; byte <= change % 3; ++byte) result[random() % window] = static_cast<char>(random());
  }
  return results;
}

int replay(const Target& target) {
  const auto seeds = all_seeds(target.name);
  SC_CHECK(!seeds.empty());
  std::size_t runs = 0;
  for (const std::string& seed : seeds) {
    target.run(seed);
    const auto inputs = damaged(seed, 64, 256);
    for (const std::string& input : inputs) target.run(input);
    runs += 1 + inputs.size();
  }
  fmt::print("{}: {} seeds, {} inputs\n", target.name, seeds.size(), runs);
  return 0;
}

int run_files(const Target& target, std::span<char*> files) {
  for (const char* file : files) {
    const auto input = read_text_file(file);
    if (!input) return fmt::print(stderr, "error: {}\n", input.error().line()), 1;
    target.run(*input);
  }
  return 0;
}

int write(const fs::path& folder) {
  for (const Target& target : kTargets) {
    const auto seeds = all_seeds(target.name);
    fs::create_directories(folder / target.name);
    for (std::size_t i = 0; i < seeds.size(); ++i)
      SC_CHECK(write_text_file(folder / target.name / fmt::format("seed-{}", i), seeds[i]));
  }
  return 0;
}

int run(std::span<char*> arguments) {
  if (arguments.size() == 2 && std::string_view(arguments[0]) == "--write") return write(arguments[1]);
  for (const Target& target : kTargets)
    if (!arguments.empty() && target.name == arguments[0])
      return arguments.size() > 1 ? run_files(target, arguments.subspan(1)) : replay(target);
  fmt::print(stderr, "usage: replay_seeds TARGET [FILE...] | --write FOLDER\n");
  return 2;
}

}  // namespace
}  // namespace sparsecim::fuzz

int main(int argc, char** argv) {
  return sparsecim::fuzz::run(std::span(argv, static_cast<std::size_t>(argc)).subspan(1));
}
