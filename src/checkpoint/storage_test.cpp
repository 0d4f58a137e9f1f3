#include "checkpoint/storage.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cfloat>
#include <cmath>

#include "checkpoint/test_files.hpp"

namespace sparsecim {
namespace {

using test_files::bytes_of;
using test_files::little_endian;
using testing::HasSubstr;

constexpr std::uint16_t kHalfOfOneHalf = 0x3800;  // 0.5 as binary16: exponent 14, fraction 0
constexpr std::uint16_t kHalfOfMinusThree = 0xc200;

std::vector<float> dequantised(Storage storage, const std::string& bytes, std::size_t n) {
  std::vector<float> values(n);
  dequantise(storage, bytes_of(bytes), values);
  return values;
}

/// IEEE 754-2008, 3.4, by the definition of its fields.
double half_by_definition(std::uint16_t half) {
  const int exponent = (half >> 10) & 31, fraction = half & 1023;
  const double magnitude = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  return half & 0x8000 ? -magnitude : magnitude;
}

TEST(Dequantise, OfF16IsWhatItsFieldsMeanForEveryNumber) {
  for (std::uint32_t half = 0; half < 0x10000; ++half) {
    const float value = dequantised(Storage::kF16, little_endian(static_cast<std::uint16_t>(half)), 1)[0];
    if ((half & 0x7c00) == 0x7c00) {
      EXPECT_EQ(std::isnan(value), (half & 0x3ff) != 0) << half;
      EXPECT_FALSE(std::isfinite(value)) << half;
    } else {
      EXPECT_EQ(value, half_by_definition(static_cast<std::uint16_t>(half))) << half;
      EXPECT_EQ(std::signbit(value), half >= 0x8000) << half;
    }
  }
}

TEST(Dequantise, OfBf16IsTheUpperHalfOfAFloat32) {
  EXPECT_EQ(dequantised(Storage::kBF16, little_endian<std::uint16_t>(0x3fc0), 1)[0], 1.5f);
  EXPECT_EQ(dequantised(Storage::kBF16, little_endian<std::uint16_t>(0xc0a0), 1)[0], -5.0f);
  EXPECT_TRUE(std::isnan(dequantised(Storage::kBF16, little_endian<std::uint16_t>(0x7fc0), 1)[0]));
}

TEST(Dequantise, OfQ8_0IsScaleTimesSignedByte) {
  std::string block = little_endian(kHalfOfOneHalf);
  for (int i = 0; i < 32; ++i) block += static_cast<char>(i * 8 - 128);
  const auto values = dequantised(Storage::kQ8_0, block, 32);
  EXPECT_EQ(values[0], -64);
  EXPECT_EQ(values[1], -60);
  EXPECT_EQ(values[16], 0);
  EXPECT_EQ(values[31], 60);
}

TEST(Dequantise, OfQ4_0TakesTheLowNibblesFirstAndCountsFromMinusEight) {
  std::string block = little_endian(kHalfOfOneHalf) + std::string(16, '\x88');
  block[2] = '\x0f';   // element 0: 15, element 16: 0
  block[17] = '\x71';  // element 15: 1, element 31: 7
  const auto values = dequantised(Storage::kQ4_0, block, 32);
  EXPECT_EQ(values[0], 3.5f);
  EXPECT_EQ(values[16], -4);
  EXPECT_EQ(values[15], -3.5f);
  EXPECT_EQ(values[31], -0.5f);
  EXPECT_EQ(values[7], 0);
}

TEST(Dequantise, OfQ4_1AddsTheMinimum) {
  std::string block = little_endian(kHalfOfOneHalf) + little_endian(kHalfOfMinusThree) + std::string(16, '\0');
  block[4] = '\xf1';  // element 0: 1, element 16: 15
  const auto values = dequantised(Storage::kQ4_1, block, 32);
  EXPECT_EQ(values[0], -2.5f);
  EXPECT_EQ(values[16], 4.5f);
  EXPECT_EQ(values[31], -3);
}

TEST(Dequantise, OfQ5TypesTakesTheFifthBitsFromAWordOfTheirOwn) {
  std::string block = little_endian(kHalfOfOneHalf) + little_endian<std::uint32_t>(0x80000001u) + std::string(16, '\0');
  block[6] = '\x23';  // elements 0: 3, 16: 2
  auto values = dequantised(Storage::kQ5_0, block, 32);
  EXPECT_EQ(values[0], 1.5f);  // 16 + 3 - 16
  EXPECT_EQ(values[16], -7);   // 2 - 16
  EXPECT_EQ(values[31], 0);    // 16 - 16
  EXPECT_EQ(values[1], -8);
  values = dequantised(Storage::kQ5_1, block.substr(0, 2) + little_endian(kHalfOfMinusThree) + block.substr(2), 32);
  EXPECT_EQ(values[0], 6.5f);  // 19 / 2 - 3
  EXPECT_EQ(values[16], -2);
  EXPECT_EQ(values[31], 5);
  EXPECT_EQ(values[1], -3);
}

/// Scales of 0.5 and minima of -3 in eight sub-blocks: of 1 .. 4 the scale is 1, of 5 it is 16 + 32 + 2, of the others
/// 0; of 8 the minimum is 48 + 1, of the others 0.
std::string super_block_scales() {
  std::string scales = {'\xc1', 1, 1, 1, 0, 0, 0, '\xc0', 2, 0, 0, '\x10'};
  return little_endian(kHalfOfOneHalf) + little_endian(kHalfOfMinusThree) + scales;
}

TEST(Dequantise, OfQ4_KScalesEachSubBlockOf32ByItsSixBits) {
  std::string block = super_block_scales() + std::string(128, '\0');
  block[16] = '\x51';           // sub-block 0: 1, sub-block 1: 5
  block[16 + 2 * 32] = '\x03';  // sub-block 4: 3
  const auto values = dequantised(Storage::kQ4_K, block, 256);
  EXPECT_EQ(values[0], 0.5f);
  EXPECT_EQ(values[32], 2.5f);
  EXPECT_EQ(values[128], 75);      // 3 * 0.5 * 50
  EXPECT_EQ(values[255], 3 * 49);  // 0 - -3 * 49
  EXPECT_EQ(values[254 - 32], 0);
}

TEST(Dequantise, OfQ5_KAddsAFifthBitPerSubBlock) {
  std::string block = super_block_scales() + std::string(32 + 128, '\0');
  block[16] = '\x12';  // element 0 of sub-blocks 1 and 4
  block[48] = '\x51';
  const auto values = dequantised(Storage::kQ5_K, block, 256);
  EXPECT_EQ(values[0], 0.5f);
  EXPECT_EQ(values[32], 10.5f);  // 0.5 * (16 + 5)
  EXPECT_EQ(values[64], 0);
  EXPECT_EQ(values[128], 400);  // 16 * 0.5 * 50
  EXPECT_EQ(values[255], 3 * 49);
}

TEST(Dequantise, OfQ6_KCountsFromMinus32AndScales16AtATime) {
  std::string block(208, '\0');
  block[0] = '\x21';         // low bits of elements 0 and 64
  block[128] = '\x30';       // upper bits: element 64 has 3, elements 0, 32 and 96 have 0
  block[192] = 1;            // of elements 0 .. 15
  block[192 + 4] = '\xfe';   // -2, of elements 64 .. 79
  block[192 + 15] = '\x7f';  // of elements 240 .. 255
  const auto values = dequantised(Storage::kQ6_K, block + little_endian(kHalfOfOneHalf), 256);
  EXPECT_EQ(values[0], -15.5f);  // 0.5 * (1 - 32)
  EXPECT_EQ(values[64], -18);    // -1 * (48 + 2 - 32)
  EXPECT_EQ(values[255], -16 * 127);
  EXPECT_EQ(values[16], 0);
}

TEST(Dequantise, ReadsBlocksOneAfterTheOtherFromAnyAddress) {
  for (const Storage storage : {Storage::kQ8_0, Storage::kQ4_0, Storage::kQ4_1, Storage::kQ5_0, Storage::kQ5_1,
                                Storage::kQ4_K, Storage::kQ5_K, Storage::kQ6_K}) {
    const auto bytes = static_cast<std::size_t>(traits(storage).block_bytes);
    const auto elements = static_cast<std::size_t>(traits(storage).block_elements);
    std::string blocks = "x";  // puts them at an odd address
    for (std::size_t i = 0; i < 3 * bytes; ++i) blocks += static_cast<char>(i * 7 % 60);
    const auto all = dequantised(storage, blocks.substr(1), 3 * elements);
    std::vector<float> shifted(3 * elements);
    dequantise(storage, bytes_of(blocks).subspan(1), shifted);
    EXPECT_EQ(all, shifted);
    for (std::size_t block = 0; block < 3; ++block) {
      const auto one = dequantised(storage, blocks.substr(1 + block * bytes, bytes), elements);
      EXPECT_TRUE(std::equal(one.begin(), one.end(), all.begin() + static_cast<std::ptrdiff_t>(block * elements)));
    }
  }
}

TEST(Narrow, GivesBackEveryFinite16BitNumber) {
  for (const Storage storage : {Storage::kF16, Storage::kBF16}) {
    for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
      const std::string stored = little_endian(static_cast<std::uint16_t>(bits));
      const auto value = dequantised(storage, stored, 1);
      if (!std::isfinite(value[0])) continue;
      std::string again(2, '\0');
      narrow(storage, value, std::as_writable_bytes(std::span(again)));
      EXPECT_EQ(again, stored) << traits(storage).name << " " << bits;
    }
  }
}

TEST(FindNonFinite, FindsTheFirstOfAnyKindAndNothingAmongExtremes) {
  std::vector<float> values = {0, -0.0f, FLT_MAX, -FLT_MAX, FLT_MIN, std::bit_cast<float>(1u)};
  EXPECT_FALSE(find_non_finite(values));
  EXPECT_FALSE(find_non_finite({}));
  values.resize(1000);
  values[800] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(find_non_finite(values), 800u);
  values[799] = -std::numeric_limits<float>::infinity();
  EXPECT_EQ(find_non_finite(values), 799u);
}

TEST(StoredBytes, CountsWholeBlocksAndRefusesWhatOverflows) {
  const auto bytes = [](Storage storage, std::vector<std::int64_t> shape) { return stored_bytes(storage, shape); };
  EXPECT_EQ(bytes(Storage::kF32, {3, 5}), 60u);
  EXPECT_EQ(bytes(Storage::kBF16, {}), 2u);
  EXPECT_EQ(bytes(Storage::kQ4_1, {3, 64}), 120u);
  EXPECT_EQ(bytes(Storage::kQ8_0, {2, 32}), 68u);
  EXPECT_EQ(bytes(Storage::kQ4_0, {32}), 18u);
  EXPECT_THAT(bytes(Storage::kQ4_0, {32, 3}).error().line(), HasSubstr("not whole blocks of 32"));
  EXPECT_FALSE(bytes(Storage::kQ4_0, {}));
  EXPECT_FALSE(bytes(Storage::kF32, {-1, -4}));
  EXPECT_FALSE(bytes(Storage::kF32, {INT64_MAX, INT64_MAX}));
  EXPECT_FALSE(bytes(Storage::kF32, {std::int64_t{1} << 32, std::int64_t{1} << 32}));
  EXPECT_FALSE(bytes(Storage::kF32, {std::int64_t{1} << 59}));
  EXPECT_TRUE(bytes(Storage::kF32, {std::int64_t{1} << 58}));
}

TEST(Storage, IsKnownByTheNamesThatFilesUse) {
  for (const char* name : {"F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q4_K", "Q5_K", "Q6_K"})
    EXPECT_EQ(traits(storage_by_name(name).value()).name, name);
  EXPECT_FALSE(storage_by_name("F64"));
  EXPECT_FALSE(storage_by_name(""));
}

}  // namespace
}  // namespace sparsecim
