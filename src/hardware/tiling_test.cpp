#include "hardware/tiling.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

namespace sparsecim {
namespace {

struct Walked {
  std::int64_t joins = 0, joins_of_last_output = 0, local_sums = 0;
  Multicasts multicasts;
  std::int64_t macros_used = 0, most_tiles = 0, longest_chain = 0;
};

/// Deals the tiles out one by one and looks at every neighbour.
Walked walk(const Tiling& tiling) {
  Walked walked;
  std::map<std::int64_t, std::int64_t> tiles_of_macro;
  std::set<std::pair<std::int64_t, std::int64_t>> steps_of_input_tile;
  std::map<std::int64_t, std::int64_t> joins_of_output;
  for (std::int64_t q = 0; q < tiling.output_tiles; ++q)
    for (std::int64_t k = 0; k < tiling.input_tiles; ++k) {
      const std::int64_t number = q * tiling.input_tiles + k;
      const std::int64_t macro = number / tiling.tiles_per_macro;
      const auto position = static_cast<std::size_t>(tiles_of_macro[macro]++);
      steps_of_input_tile.insert({k, tiling.steps_of(macro).at(position)});
      if (k == 0) continue;
      const bool same_macro = (number - 1) / tiling.tiles_per_macro == macro;
      walked.local_sums += same_macro;
      walked.joins += !same_macro;
      if (!same_macro) walked.longest_chain = std::max(walked.longest_chain, ++joins_of_output[q]);
      walked.joins_of_last_output += !same_macro && q == tiling.output_tiles - 1;
    }
  walked.macros_used = static_cast<std::int64_t>(tiles_of_macro.size());
  for (const auto& [macro, tiles] : tiles_of_macro) walked.most_tiles = std::max(walked.most_tiles, tiles);
  walked.multicasts.all = static_cast<std::int64_t>(steps_of_input_tile.size());
  for (const auto& [k, step] : steps_of_input_tile) walked.multicasts.last_input += k == tiling.input_tiles - 1;
  return walked;
}

TEST(Tiling, CountsWhatAWalkOverEveryTileCounts) {
  for (std::int64_t inputs = 1; inputs <= 13; ++inputs)
    for (std::int64_t outputs = 1; outputs <= 13; ++outputs)
      for (const std::int64_t macros : {1, 2, 3, 7, 64, 169}) {
        const Tiling tiling = Tiling::over(inputs, outputs, macros);
        const Walked walked = walk(tiling);
        SCOPED_TRACE(testing::Message() << inputs << " x " << outputs << " tiles on " << macros);
        EXPECT_EQ(tiling.joins(), walked.joins);
        EXPECT_EQ(tiling.longest_chain(), walked.longest_chain);
        EXPECT_EQ(tiling.joins_of_last_output(), walked.joins_of_last_output);
        EXPECT_EQ(tiling.local_sums(), walked.local_sums);
        EXPECT_EQ(tiling.multicasts().all, walked.multicasts.all);
        EXPECT_EQ(tiling.multicasts().last_input, walked.multicasts.last_input);
        EXPECT_EQ(tiling.macros_used(), walked.macros_used);
        EXPECT_EQ(tiling.tiles_per_macro, walked.most_tiles);
        EXPECT_LE(tiling.macros_used(), macros);
      }
}

TEST(Tiling, LetsAMacroTakeItsTilesInTheFirstSteps) {
  for (std::int64_t inputs = 1; inputs <= 13; ++inputs)
    for (std::int64_t macros = 1; macros <= 13; ++macros) {
      const Tiling tiling = Tiling::over(inputs, 13, macros);
      for (std::int64_t macro = 0; macro < tiling.macros_used(); ++macro) {
        std::vector<std::int64_t> steps = tiling.steps_of(macro);
        std::ranges::sort(steps);
        for (std::size_t i = 0; i < steps.size(); ++i) EXPECT_EQ(steps[i], static_cast<std::int64_t>(i));
      }
    }
}

TEST(Tiling, ReadsInputsHardlyMoreOftenWhereMacrosAndInputsDoNotDivideEachOther) {
  // 112 x 128 tiles: 64 macros of 224 tiles, which every input tile meets twice each; 59 macros of 243.
  EXPECT_EQ(Tiling::over(112, 128, 64).multicasts().all, 2 * 112);
  EXPECT_LT(Tiling::over(112, 128, 59).multicasts().all, 4 * 112);
}

}  // namespace
}  // namespace sparsecim
