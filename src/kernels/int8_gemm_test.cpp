#include "kernels/int8_gemm.hpp"

#include <fmt/format.h>

#include "base/threads.hpp"
#include "kernels/test_kernels.hpp"

namespace sparsecim {
namespace {

struct Shape {
  std::int64_t tokens, inputs, outputs;
};

void expect_equal_to_plain_loops(const Int8Kernel& kernel, Shape shape, Bytes weight_kind, Bytes activation_kind,
                                 std::mt19937_64& random) {
  const auto [tokens, inputs, outputs] = shape;
  SCOPED_TRACE(fmt::format("{} tokens, {} inputs, {} outputs", tokens, inputs, outputs));
  const auto weights = some_bytes(outputs * inputs, weight_kind, random);
  // One byte behind an aligned address, so that nothing may count on alignment.
  const auto shifted = some_bytes(tokens * inputs + 1, activation_kind, random);
  const std::span<const std::int8_t> activations = std::span(shifted).subspan(1);
  std::vector<std::int32_t> sums(static_cast<std::size_t>(tokens * outputs), -1), expected = sums;
  PackedInt8(weights, inputs, kernel).multiply(activations, sums);
  multiply_int8_plainly(weights, activations, inputs, expected);
  EXPECT_EQ(sums, expected);
}

TEST_P(Int8KernelTest, EqualsPlainLoopsAroundEveryWidthOfItsRegistersAndBlocks) {
  const Int8Kernel& kernel = *GetParam();
  std::mt19937_64 random(1);
  const auto around = [](std::int64_t width) { return std::vector<std::int64_t>{1, width - 1, width, width + 1}; };
  for (const std::int64_t tokens : around(kernel.block_tokens))
    for (const std::int64_t outputs : around(kernel.panel_outputs))
      for (const std::int64_t inputs : {kernel.group - 1, kernel.group, kernel.group + 1, 5 * kernel.group + 1})
        if (inputs > 0 && tokens > 0 && outputs > 0)
          expect_equal_to_plain_loops(kernel, {tokens, inputs, outputs}, Bytes::kRandom, Bytes::kRandom, random);
}

TEST_P(Int8KernelTest, EqualsPlainLoopsOnRandomShapes) {
  std::mt19937_64 random(2);
  const auto up_to = [&](std::uint64_t most) { return static_cast<std::int64_t>(1 + random() % most); };
  for (int trial = 0; trial < 60; ++trial)
    expect_equal_to_plain_loops(*GetParam(), {up_to(30), up_to(300), up_to(150)}, Bytes::kRandom, Bytes::kRandom,
                                random);
}

TEST_P(Int8KernelTest, GoesOnFromOneRunOfInputsToTheNextAndFromOneRunOfTokensToTheNext) {
  std::mt19937_64 random(3);
  for (const std::int64_t inputs : {1023, 1024, 1025, 3000})
    expect_equal_to_plain_loops(*GetParam(), {3, inputs, 70}, Bytes::kRandom, Bytes::kRandom, random);
  for (const std::int64_t tokens : {95, 96, 97, 200})
    expect_equal_to_plain_loops(*GetParam(), {tokens, 40, 70}, Bytes::kRandom, Bytes::kRandom, random);
}

TEST_P(Int8KernelTest, NeitherSaturatesNorOverflowsOnExtremes) {
  std::mt19937_64 random(4);
  for (const Bytes weights : {Bytes::kLowest, Bytes::kHighest, Bytes::kExtremes})
    for (const Bytes activations : {Bytes::kLowest, Bytes::kHighest, Bytes::kExtremes})
      for (const std::int64_t inputs : {std::int64_t{7}, std::int64_t{256}, kMostInt8Inputs})
        expect_equal_to_plain_loops(*GetParam(), {2, inputs, 3}, weights, activations, random);
}

TEST_P(Int8KernelTest, GivesTheSameOnAnyNumberOfThreads) {
  std::mt19937_64 random(5);
  const int before = thread_count();
  for (const int threads : {1, 2, 5}) {
    set_thread_count(threads);
    expect_equal_to_plain_loops(*GetParam(), {130, 300, 200}, Bytes::kRandom, Bytes::kRandom, random);
  }
  set_thread_count(before);
}

TEST_P(Int8KernelTest, TakesMatricesWithoutOutputsOrTokens) {
  std::vector<std::int32_t> none;
  PackedInt8(std::vector<std::int8_t>{}, 5, *GetParam()).multiply(std::vector<std::int8_t>(10), none);
  PackedInt8(std::vector<std::int8_t>(10), 5, *GetParam()).multiply({}, none);
}

INSTANTIATE_TEST_SUITE_P(Kernels, Int8KernelTest, ::testing::ValuesIn(kernels_that_run_here()), kernel_name);

TEST(Int8Kernels, EndWithOneThatRunsEverywhereAndNameEachOnce) {
  EXPECT_STREQ(int8_kernels().back()->name, "portable");
  EXPECT_TRUE(int8_kernels().back()->runs_here());
  for (const Int8Kernel* kernel : int8_kernels())
    for (const Int8Kernel* other : int8_kernels())
      EXPECT_TRUE(kernel == other || std::string(kernel->name) != other->name);
  EXPECT_EQ(&fastest_int8_kernel(), kernels_that_run_here().front());
}

}  // namespace
}  // namespace sparsecim
