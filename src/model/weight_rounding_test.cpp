#include "model/weight_rounding.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "checkpoint/random_checkpoint.hpp"
#include "model/decoder_block.hpp"
#include "sparsity/mask.hpp"

namespace sparsecim {
namespace {

class WeightsInFewBits : public testing::Test {
 protected:
  const c10::InferenceMode no_gradients_;
};

TEST_F(WeightsInFewBits, AreWholeNumbersOfTheirGroupsScaleAndTheNearest) {
  at::manual_seed(1);
  const at::Tensor weight = at::randn({5, 70});
  for (const WeightRounding rounding : {WeightRounding{4, 32}, {8, 16}, {2, 70}, {3, 8}}) {
    const at::Tensor result = rounded(weight, rounding).value();
    const int levels = 1 << (rounding.bits - 1);
    for (std::int64_t row = 0; row < 5; ++row)
      for (std::int64_t begin = 0; begin < 70; begin += rounding.group) {
        float extreme = 0;
        const std::int64_t end = std::min<std::int64_t>(70, begin + rounding.group);
        for (std::int64_t j = begin; j < end; ++j)
          if (const float value = weight[row][j].item<float>(); std::abs(value) > std::abs(extreme)) extreme = value;
        const double scale = at::tensor(-extreme / static_cast<float>(levels)).to(at::kHalf).item<double>();
        for (std::int64_t j = begin; j < end; ++j) {
          const double steps = result[row][j].item<double>() / scale, wanted = weight[row][j].item<double>() / scale;
          EXPECT_NEAR(steps, std::round(steps), 1e-4);
          EXPECT_GE(steps, -levels - 1e-4);
          EXPECT_LE(steps, levels - 1 + 1e-4);
          EXPECT_LE(std::abs(steps - std::min(wanted, levels - 1.0)), 0.5 + 1e-3) << row << ", " << j;
        }
      }
  }
}

TEST_F(WeightsInFewBits, LeaveZerosAndGroupsOfZerosAsTheyAre) {
  at::Tensor weight = at::zeros({2, 40});
  weight[0][3] = 1.5;
  const at::Tensor result = rounded(weight, {4, 8}).value();
  EXPECT_EQ(result.count_nonzero().item<std::int64_t>(), 1);
  EXPECT_EQ(result[0][3].item<float>(), 1.5f) << "the largest of its group is met exactly";
}

TEST_F(WeightsInFewBits, AreRefusedWhereFloat16HoldsNoScale) {
  EXPECT_FALSE(rounded(at::full({1, 8}, 1e7), {4, 8}));
  EXPECT_TRUE(rounded(at::full({1, 8}, 1e-12), {4, 8})) << "too small becomes zero";
}

TEST_F(WeightsInFewBits, AreWhatABlockIsReadWith) {
  const RandomCheckpoint checkpoint(RandomCheckpoint::tiny());
  const WeightRounding rounding{4, 8};
  const DecoderBlock plain = read_block(checkpoint, 0, {}).value();
  const DecoderBlock block = read_block(checkpoint, 0, {.rounding = rounding}).value();
  for (std::size_t i = 0; i < 7; ++i) {
    EXPECT_TRUE(at::equal(block.linears[i], rounded(plain.linears[i], rounding).value()));
    EXPECT_FALSE(at::equal(block.linears[i], plain.linears[i]));
  }
  EXPECT_TRUE(at::equal(block.attention_norm, plain.attention_norm));
}

TEST_F(WeightsInFewBits, AreCountedWithScalesAndOfASparseMatrixWithPositions) {
  RandomCheckpoint checkpoint(RandomCheckpoint::tiny());
  const auto linears = block_linears(checkpoint.config());
  const WeightRounding rounding{4, 16};
  std::int64_t bits = 0, weights = 0, all = 0;
  for (const TensorInfo& info : checkpoint.tensors()) all += info.elements();
  for (std::int64_t block = 0; block < checkpoint.config().n_layers; ++block)
    for (const LinearShape& linear : linears) {
      weights += linear.n_out * linear.n_in;
      bits += linear.n_out * (4 * linear.n_in + 16 * ((linear.n_in + 15) / 16));
    }
  const StoredSize dense = stored_size(checkpoint, rounding).value();
  EXPECT_EQ(dense.matrix_bits, bits);
  EXPECT_EQ(dense.matrix_weights, weights);
  EXPECT_EQ(dense.other_weights, all - weights);
  EXPECT_EQ(dense.bytes(), (bits + 7) / 8 + all - weights);
  // 2:8 in one matrix: a quarter of the values, with 3 bits of position each.
  auto& values = checkpoint.values(matrix_name(1, linears[5].name) + ".weight");
  ASSERT_TRUE(apply_nm(values, linears[5].n_in, {}, {2, 8}));
  const std::int64_t size = linears[5].n_out * linears[5].n_in;
  EXPECT_EQ(stored_size(checkpoint, rounding)->matrix_bits, bits - 4 * size + 7 * size / 4);
}

TEST_F(WeightsInFewBits, AreReadAsTheyAreWritten) {
  EXPECT_EQ(name(parse_weight_rounding("3:64").value()), "3:64");
  for (const char* text : {"", "4", "4:", ":32", "1:32", "9:32", "4:7", "4:65537", "4:32x", "x:32", "-4:32", "4:-32"})
    EXPECT_FALSE(parse_weight_rounding(text)) << text;
}

}  // namespace
}  // namespace sparsecim
