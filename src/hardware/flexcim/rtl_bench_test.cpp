#include "hardware/flexcim/rtl_bench.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace sparsecim {
namespace {

using testing::HasSubstr;

FlexcimParameters small_parameters(PairSelectKind pair_select = PairSelectKind::kBitserialPerCell) {
  FlexcimParameters parameters;
  parameters.array = {.rows = 4, .columns = 2, .sub_macros = 2};
  parameters.patterns = {Pattern{}, {1, 2}, {2, 4}};
  parameters.pair_select = pair_select;
  parameters.columns_per_group = 2;
  parameters.system.activation_bandwidth_bits = 16;
  return parameters;
}

/// One output of a block of 2:4, weights 5 and -1 for inputs 1 and 2, and a second output that keeps inputs 0 and 3.
constexpr std::int8_t kWeights[] = {0, 5, -1, 0, 7, 0, 0, 2};
constexpr std::int8_t kActivations[] = {1, -2, 3, -128};
const RtlBenchWork kWork{.pattern = {2, 4}, .weights = kWeights, .activations = kActivations, .n_inputs = 4};

std::vector<std::string> lines_of(const RtlBench& bench, const std::string& name) {
  std::vector<std::string> lines;
  for (const RtlBench::File& file : bench.files)
    if (file.name == name) {
      std::istringstream text(file.text);
      for (std::string line; std::getline(text, line);) lines.push_back(line);
    }
  return lines;
}

TEST(RtlBench, HoldsATileAsTheMacroStoresIt) {
  const RtlBench bench = make_rtl_bench(small_parameters(), kWork).value();
  EXPECT_EQ(bench.tiles, 1);
  EXPECT_EQ(bench.passes, 1);
  // Rows: sub-macro 0 with its two row positions, then sub-macro 1. Column 1 stands above column 0.
  EXPECT_EQ(lines_of(bench, "weights.hex"), (std::vector<std::string>{"0705", "0000", "02ff", "0000"}));
  EXPECT_EQ(lines_of(bench, "isel.hex"), (std::vector<std::string>{"1", "0", "2", "0"}));
  EXPECT_EQ(lines_of(bench, "pairs.hex"), (std::vector<std::string>{"0", "0", "3", "0"}));
}

TEST(RtlBench, SendsPlanesFromTheSignOn) {
  const RtlBench bench = make_rtl_bench(small_parameters(), kWork).value();
  // 1 = 00000001, -2 = 11111110, 3 = 00000011, -128 = 10000000: input 0 is the lowest bit of a plane.
  EXPECT_EQ(lines_of(bench, "words.hex"),
            (std::vector<std::string>{"000a", "0002", "0002", "0002", "0002", "0002", "0006", "0005"}));
  EXPECT_EQ(lines_of(bench, "unit_words.hex"), std::vector<std::string>{"1"});
}

TEST(RtlBench, SendsWholeInputsWhereUnitsChoosePairs) {
  const RtlBench bench = make_rtl_bench(small_parameters(PairSelectKind::kPerColumn), kWork).value();
  EXPECT_EQ(lines_of(bench, "words.hex"), (std::vector<std::string>{"fe01", "8003"}));
  EXPECT_EQ(lines_of(bench, "unit_words.hex"), std::vector<std::string>{"2"});
}

TEST(RtlBench, ExpectsTheIntegerDotProduct) {
  const RtlBench bench = make_rtl_bench(small_parameters(), kWork).value();
  // 5 * -2 - 3 = -13 and 7 - 2 * 128 = -249, 18 bits each: two's complement, 36 bits.
  const std::uint64_t both = ((std::uint64_t{0} - 249) & 0x3ffff) << 18 | ((std::uint64_t{0} - 13) & 0x3ffff);
  EXPECT_EQ(lines_of(bench, "sums.hex"), std::vector<std::string>{fmt::format("{:09x}", both)});
}

TEST(RtlBench, KeepsPairsOnceAGroupWhereTheyAreShared) {
  const std::int8_t shared[] = {0, 5, -1, 0, 7, 0, 0, 2};  // both outputs keep one of each pair
  const RtlBenchWork work{.pattern = {2, 4}, .weights = shared, .activations = kActivations, .n_inputs = 4};
  const RtlBench bench = make_rtl_bench(small_parameters(PairSelectKind::kSharedPairs), work).value();
  EXPECT_EQ(lines_of(bench, "pairs.hex"), (std::vector<std::string>{"0", "0", "1", "0"}));
  EXPECT_THAT(bench.files.front().text, HasSubstr("ColumnsPerGroup = 2;"));
}

TEST(RtlBench, SendsPlanesAndKeepsPairsOnceAGroupWhereGroupsPickFromPlanes) {
  FlexcimParameters parameters = small_parameters(PairSelectKind::kBitserialPerGroup);
  parameters.array.accumulators = MacroArray::Accumulators::kShared;
  const RtlBench bench = make_rtl_bench(parameters, kWork).value();
  const RtlBench per_cell = make_rtl_bench(small_parameters(), kWork).value();
  EXPECT_EQ(lines_of(bench, "pairs.hex"), (std::vector<std::string>{"0", "0", "1", "0"}));
  EXPECT_EQ(lines_of(bench, "words.hex"), lines_of(per_cell, "words.hex"));
  EXPECT_EQ(lines_of(bench, "sums.hex"), lines_of(per_cell, "sums.hex"));
  EXPECT_THAT(bench.files.front().text, HasSubstr("PairSelect = 4;"));
  EXPECT_THAT(bench.files.front().text, HasSubstr("SharedAccumulators = 1'b1;"));
  EXPECT_THAT(per_cell.files.front().text, HasSubstr("SharedAccumulators = 1'b0;"));
}

TEST(RtlBench, TakesStripsOfOutputsAndAllTheirInputs) {
  const std::vector<std::int8_t> weights(5 * 9, 1);
  const std::vector<std::int8_t> activations(3 * 9, 1);
  const RtlBenchWork work{.pattern = {}, .weights = weights, .activations = activations, .n_inputs = 9, .strips = 2};
  const RtlBench bench = make_rtl_bench(small_parameters(), work).value();
  EXPECT_EQ(bench.tiles, 2 * 3);  // of three strips; nine inputs in tiles of four
  EXPECT_EQ(bench.passes, 6 * 3);
  EXPECT_EQ(lines_of(bench, "sums.hex").size(), 18U);
  EXPECT_EQ(lines_of(bench, "weights.hex").size(), 6U * 4);
}

TEST(RtlBench, RefusesWhatTheRtlDoesNotHave) {
  FlexcimParameters holding = small_parameters();
  holding.array.zero_planes = MacroArray::ZeroPlanes::kHold;
  FlexcimParameters narrow = small_parameters(PairSelectKind::kPerColumn);
  narrow.system.activation_bandwidth_bits = 12;
  FlexcimParameters wide = small_parameters();
  wide.array.weight_bits = 4;
  for (const auto& [parameters, words] : {std::pair(holding, "zero planes"), {narrow, "choose 16"}, {wide, "4 bits"}}) {
    const auto bench = make_rtl_bench(parameters, kWork);
    ASSERT_FALSE(bench);
    EXPECT_THAT(bench.error().line(), HasSubstr(words));
  }
  const std::int8_t crowded[] = {1, 1, 1, 0};
  const auto bench = make_rtl_bench(
      small_parameters(), {.pattern = {2, 4}, .weights = crowded, .activations = kActivations, .n_inputs = 4});
  ASSERT_FALSE(bench);
  EXPECT_THAT(bench.error().line(), HasSubstr("keep more than 2 weights"));
}

TEST(RtlBench, ComesWithTheMacroAndItsBench) {
  std::vector<std::string> names;
  for (const RtlBench::File& file : rtl_sources()) {
    names.push_back(file.name);
    EXPECT_FALSE(file.text.empty()) << file.name;
  }
  EXPECT_THAT(names, testing::IsSupersetOf({"flexcim_pkg.sv", "flexcim_macro.sv", "flexcim_tb.sv"}));
}

}  // namespace
}  // namespace sparsecim
