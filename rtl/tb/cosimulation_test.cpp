#include "cosimulation.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/cache.hpp"
#include "checkpoint/checkpoint.hpp"
#include "checkpoint/test_files.hpp"
#include "hardware/dcim/closed_form.hpp"
#include "hardware/dcim/cycle_model.hpp"
#include "kernels/quantise.hpp"
#include "random_tiles.hpp"
#include "sparsity/mask.hpp"
#include "tiled_matrix.hpp"

namespace sparsecim::rtl {
namespace {

/// Holds every model to its macro, one after the other, and says how much was compared.
template <class Runs>  // runs(model, cosimulation, random)
void compare_all(Runs runs) {
  std::mt19937_64 random(2504);
  for (const RtlModel& model : rtl_models()) {
    const auto macro = model.make();
    Cosimulation cosimulation(model, *macro, random());
    runs(model, cosimulation, random);
    const Tally& tally = cosimulation.tally();
    EXPECT_GT(tally.passes, 0);
    EXPECT_EQ(tally.mismatches(), 0) << tally.first_mismatch << "; " << tally.wrong_sums << " sums and "
                                     << tally.wrong_cycles << " cycles differ";
    fmt::print("{:26} {:6} passes, {:8} sums, {:6} cycles compared: {} mismatches\n", model.name, tally.passes,
               tally.sums, tally.cycles, tally.mismatches());
  }
}

TEST(FlexcimRtl, GivesTheModelsSumsInTheModelsCyclesForEveryPatternAndPairSelection) {
  compare_all([](const RtlModel& model, Cosimulation& cosimulation, std::mt19937_64& random) {
    cosimulation.run(tiles_of_every_pattern(model, Values::kRandom, 5, random), {});
  });
}

TEST(FlexcimRtl, IsExactOnTheMostExtremeOperands) {
  compare_all([](const RtlModel& model, Cosimulation& cosimulation, std::mt19937_64& random) {
    for (const Values values : {Values::kLowest, Values::kHighest, Values::kExtremes, Values::kSmall})
      cosimulation.run(tiles_of_every_pattern(model, values, 1, random), {});
  });
}

TEST(FlexcimRtl, KeepsEverySumAndItsPlaceWhenPortsWait) {
  compare_all([](const RtlModel& model, Cosimulation& cosimulation, std::mt19937_64& random) {
    for (const Stalls& stalls : {Stalls{.sums = 50}, Stalls{.sums = 95}, Stalls{.passes = 50}, Stalls{.rows = 20},
                                 Stalls{.rows = 10, .passes = 20, .sums = 70}})
      cosimulation.run(tiles_of_every_pattern(model, Values::kRandom, 3, random), stalls);
  });
}

TEST(FlexcimRtl, KeepsEverySumWhenAnyWordComesLate) {
  compare_all([](const RtlModel& model, Cosimulation& cosimulation, std::mt19937_64& random) {
    cosimulation.run(tiles_of_every_pattern(model, Values::kRandom, 3, random), {.rows = 5, .words = 30, .sums = 30});
  });
}

TEST(FlexcimRtl, ForgetsWhatWasUnderWayAtAReset) {
  compare_all([](const RtlModel& model, Cosimulation& cosimulation, std::mt19937_64& random) {
    const auto tiles = tiles_of_every_pattern(model, Values::kRandom, 2, random);
    const std::int64_t rows = model.parameters.array.rows;
    for (int run = 0; run < 12; ++run) {
      const auto reset_after = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(4 * rows)) + 1;
      cosimulation.run(std::span(tiles).first(std::min<std::size_t>(tiles.size(), 3)), {.sums = 30}, reset_after);
    }
    cosimulation.run(std::span(tiles).first(2), {});
  });
}

void compare_matrix(Cosimulation& cosimulation, const TiledMatrix& matrix) {
  cosimulation.run(matrix.tiles, {});
  EXPECT_EQ(cosimulation.tally().last_result_cycle, CycleModel().linear(matrix.work).cycles);
  EXPECT_EQ(cosimulation.tally().last_result_cycle, ClosedForm().linear(matrix.work).cycles);
}

TEST(FlexcimRtl, TakesTheCyclesOfTheCycleModelForWholeMatricesWithPartialTiles) {
  compare_all([](const RtlModel& model, Cosimulation& cosimulation, std::mt19937_64& random) {
    if (model.parameters.array.words() > 1024)
      return cosimulation.run(std::vector{random_tile(model, {}, Values::kRandom, 1, random)}, {});
    for (const Pattern pattern : patterns_for(model.parameters.array, model.parameters.any_n))
      for (const std::int64_t tokens : {1, 3}) {
        const FlexcimLayout layout = FlexcimLayout::of(model.parameters, pattern);
        const std::int64_t inputs = 2 * layout.inputs() + 3, outputs = layout.columns + 1;
        const auto weights = random_matrix(layout, outputs, inputs, Values::kRandom, random);
        const auto activations = random_values(tokens * inputs, Values::kRandom, random);
        compare_matrix(cosimulation, {model, pattern, weights, activations, inputs});
      }
  });
}

/// Outputs of a matrix of a checkpoint, pruned by magnitude and rounded to 8 bits, [n_outputs, n_inputs].
std::vector<std::int8_t> pruned_slice(std::span<const float> matrix, std::int64_t n_inputs,
                                      const FlexcimLayout& layout) {
  std::vector<float> values(matrix.begin(), matrix.begin() + layout.columns * n_inputs);
  MaskSharing sharing;
  if (layout.shares_pairs()) sharing = {MaskSharing::Kind::kPairs, layout.columns_per_group};
  const bool masked = layout.pattern.dense() || apply_nm(values, n_inputs, {}, layout.pattern, sharing).has_value();
  EXPECT_TRUE(masked);
  std::vector<std::int8_t> integers(values.size());
  std::vector<float> scales(static_cast<std::size_t>(layout.columns));
  EXPECT_TRUE(quantise_rows(values, n_inputs, integers, scales));
  return integers;
}

/// The first outputs of up_proj in block 1, pruned to every pattern of every macro.
void compare_slices(const Checkpoint& checkpoint) {
  const TensorInfo& info = *checkpoint.find("model.layers.1.mlp.up_proj.weight");
  std::vector<float> matrix(static_cast<std::size_t>(info.elements()));
  ASSERT_TRUE(checkpoint.read(info, matrix));
  const std::int64_t n_inputs = info.shape[1];
  compare_all([&](const RtlModel& model, Cosimulation& cosimulation, std::mt19937_64& random) {
    for (const Pattern pattern : patterns_for(model.parameters.array, model.parameters.any_n)) {
      const auto weights = pruned_slice(matrix, n_inputs, FlexcimLayout::of(model.parameters, pattern));
      const auto activations = random_values(n_inputs, Values::kRandom, random);
      compare_matrix(cosimulation, {model, pattern, weights, activations, n_inputs});
    }
  });
}

TEST(FlexcimRtl, MultipliesSlicesOfAPrunedModel) {
  const test_files::fs::path directory = testing::TempDir() + "/rtl_model";
  test_files::fs::create_directories(directory);
  const char* data = std::getenv("SPARSECIM_DATA");
  if (data == nullptr)
    test_files::write_hugging_face(directory, test_files::tiny_config_json(),
                                   test_files::random_tensors(test_files::tiny_config()));
  const auto checkpoint =
      open_checkpoint(data != nullptr ? test_files::fs::path(data) / "models/stories15M/stories15M.bin" : directory);
  ASSERT_TRUE(checkpoint) << checkpoint.error().line();
  compare_slices(**checkpoint);
}

TEST(FlexcimRtl, MultipliesSlicesOfPrunedSmolLM2) {
  if (!test_files::fs::is_directory(cache_directory() / "models/smollm2-135m"))
    GTEST_SKIP() << "SmolLM2 is not in the cache: tools/fetch-model smollm2-135m gets it";
  const auto checkpoint = open_checkpoint("smollm2-135m");
  ASSERT_TRUE(checkpoint) << checkpoint.error().line();
  compare_slices(**checkpoint);
}

}  // namespace
}  // namespace sparsecim::rtl
