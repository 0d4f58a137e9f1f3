#include "cosimulation.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "checkpoint/checkpoint.hpp"
#include "checkpoint/test_files.hpp"
#include "hardware/dcim/closed_form.hpp"
#include "hardware/dcim/cycle_model.hpp"
#include "kernels/quantise.hpp"
#include "random_tiles.hpp"
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

/// The largest N of every M weights of a row.
void prune(std::span<std::int8_t> weights, std::int64_t n_inputs, Pattern pattern) {
  for (std::int64_t row = 0; row < std::ssize(weights); row += n_inputs)
    for (std::int64_t first = 0; first < n_inputs; first += pattern.m) {
      const auto size = std::min<std::int64_t>(pattern.m, n_inputs - first);
      const auto block = weights.subspan(static_cast<std::size_t>(row + first), static_cast<std::size_t>(size));
      std::vector<std::int8_t*> order;
      for (std::int8_t& weight : block) order.push_back(&weight);
      std::ranges::stable_sort(order, [](const auto* a, const auto* b) { return std::abs(*a) > std::abs(*b); });
      for (std::size_t i = static_cast<std::size_t>(pattern.n); i < order.size(); ++i) *order[i] = 0;
    }
}

/// A matrix of a checkpoint in 8 bits, [n_outputs, n_inputs].
struct QuantisedMatrix {
  std::vector<std::int8_t> weights;
  std::int64_t n_inputs = 0;
};

QuantisedMatrix read_matrix(const Checkpoint& checkpoint, std::string_view name) {
  const TensorInfo* info = checkpoint.find(name);
  std::vector<float> values(static_cast<std::size_t>(info->elements()));
  EXPECT_TRUE(checkpoint.read(*info, values));
  QuantisedMatrix matrix{.weights = std::vector<std::int8_t>(values.size()), .n_inputs = info->shape[1]};
  std::vector<float> scales(static_cast<std::size_t>(info->shape[0]));
  EXPECT_TRUE(quantise_rows(values, matrix.n_inputs, matrix.weights, scales));
  return matrix;
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
  const QuantisedMatrix matrix = read_matrix(**checkpoint, "model.layers.1.mlp.up_proj.weight");
  compare_all([&](const RtlModel& model, Cosimulation& cosimulation, std::mt19937_64& random) {
    const std::int64_t outputs = std::min<std::int64_t>(model.parameters.array.columns, 40);
    const bool shared = model.parameters.pair_select == PairSelectKind::kSharedPairs;
    for (const Pattern pattern : patterns_for(model.parameters.array, model.parameters.any_n)) {
      if (shared && !pattern.dense() && pattern.m > 2) continue;  // no such mask shares its pairs
      auto weights = std::vector(matrix.weights.begin(), matrix.weights.begin() + outputs * matrix.n_inputs);
      if (!pattern.dense()) prune(weights, matrix.n_inputs, pattern);
      const auto activations = random_values(matrix.n_inputs, Values::kRandom, random);
      compare_matrix(cosimulation, {model, pattern, weights, activations, matrix.n_inputs});
    }
  });
}

}  // namespace
}  // namespace sparsecim::rtl
