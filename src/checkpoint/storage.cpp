#include "checkpoint/storage.hpp"

#include <fmt/ranges.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "base/check.hpp"

namespace sparsecim {
namespace {

static_assert(std::endian::native == std::endian::little, "files are little-endian and are read as they are");

// Block sizes: ggml's ggml-common.h (block_q8_0, block_q4_0, block_q4_1).
constexpr std::size_t kBlock = 32;
constexpr std::array<StorageTraits, 6> kTraits = {
    {{"F32", 1, 4}, {"F16", 1, 2}, {"BF16", 1, 2}, {"Q8_0", 32, 34}, {"Q4_0", 32, 18}, {"Q4_1", 32, 20}}};

/// IEEE 754 binary16 to binary32, without branches so that loops over it become vector code.
float from_half(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000u) << 16;
  const std::uint32_t exponent = half & 0x7c00u;
  const std::uint32_t magnitude = static_cast<std::uint32_t>(half & 0x7fffu) << 13;
  const std::uint32_t normal = magnitude + ((127u - 15u) << 23);
  const std::uint32_t special = magnitude | 0x7f800000u;  // infinity, NaN
  // A subnormal half is fraction * 2^-24: put the fraction below an implicit one of weight 2^-14 and take that away.
  const float subnormal = std::bit_cast<float>(magnitude + (113u << 23)) - 0x1p-14f;
  std::uint32_t bits = exponent == 0 ? std::bit_cast<std::uint32_t>(subnormal) : normal;
  bits = exponent == 0x7c00u ? special : bits;
  return std::bit_cast<float>(bits | sign);
}

float from_bfloat(std::uint16_t value) { return std::bit_cast<float>(static_cast<std::uint32_t>(value) << 16); }

template <class T>
T load(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

// Each of the following reads one block of 32 at `in`.

void dequantise_q8_0(const std::byte* in, float* out) {  // scale, 32 x int8
  const float scale = from_half(load<std::uint16_t>(in));
  for (std::size_t i = 0; i < kBlock; ++i) out[i] = scale * static_cast<float>(static_cast<std::int8_t>(in[2 + i]));
}

void dequantise_q4_0(const std::byte* in, float* out) {  // scale, 16 bytes: low nibbles first, then the high ones
  const float scale = from_half(load<std::uint16_t>(in));
  for (std::size_t i = 0; i < kBlock / 2; ++i) {
    const auto pair = static_cast<int>(in[2 + i]);
    out[i] = scale * static_cast<float>((pair & 15) - 8);
    out[i + kBlock / 2] = scale * static_cast<float>((pair >> 4) - 8);
  }
}

void dequantise_q4_1(const std::byte* in, float* out) {  // scale, minimum, 16 bytes as Q4_0's
  const float scale = from_half(load<std::uint16_t>(in));
  const float minimum = from_half(load<std::uint16_t>(in + 2));
  for (std::size_t i = 0; i < kBlock / 2; ++i) {
    const auto pair = static_cast<int>(in[4 + i]);
    out[i] = scale * static_cast<float>(pair & 15) + minimum;
    out[i + kBlock / 2] = scale * static_cast<float>(pair >> 4) + minimum;
  }
}

template <auto Convert>
void widen(std::span<const std::byte> in, std::span<float> out) {
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = Convert(load<std::uint16_t>(in.data() + 2 * i));
}

template <auto Block>
void for_each_block(std::span<const std::byte> in, std::span<float> out) {
  const std::size_t blocks = out.size() / kBlock, bytes = in.size() / (blocks ? blocks : 1);
  for (std::size_t i = 0; i < blocks; ++i) Block(in.data() + i * bytes, out.data() + i * kBlock);
}

bool not_finite(float value) { return (std::bit_cast<std::uint32_t>(value) & 0x7f800000u) == 0x7f800000u; }

/// The exact inverse of from_half on what from_half gives.
std::uint16_t to_half(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 16) & 0x8000u, magnitude = bits & 0x7fffffffu;
  if (magnitude >= (113u << 23)) return static_cast<std::uint16_t>(sign | ((magnitude - (112u << 23)) >> 13));
  return static_cast<std::uint16_t>(sign | static_cast<std::uint32_t>(std::fabs(value) * 0x1p24f));
}

}  // namespace

const StorageTraits& traits(Storage storage) { return kTraits.at(static_cast<std::size_t>(storage)); }

std::optional<Storage> storage_by_name(std::string_view name) {
  for (std::size_t i = 0; i < kTraits.size(); ++i)
    if (kTraits[i].name == name) return static_cast<Storage>(i);
  return std::nullopt;
}

Result<std::uint64_t> stored_bytes(Storage storage, std::span<const std::int64_t> shape) {
  constexpr std::int64_t kMost = std::int64_t{1} << 58;  // elements: of 4 bytes each, still far from 2^64
  std::int64_t elements = 1;
  for (const std::int64_t size : shape) {
    if (size < 0) return fail("shape [{}] has a negative size", fmt::join(shape, ","));
    if (__builtin_mul_overflow(elements, size, &elements) || elements > kMost)
      return fail("shape [{}] is larger than any file", fmt::join(shape, ","));
  }
  const auto& [name, block_elements, block_bytes] = traits(storage);
  if (block_elements > 1 && (shape.empty() || shape.back() % block_elements != 0))
    return fail("shape [{}]: rows of {} are not whole blocks of {}", fmt::join(shape, ","), name, block_elements);
  return static_cast<std::uint64_t>(elements / block_elements * block_bytes);
}

void dequantise(Storage storage, std::span<const std::byte> in, std::span<float> out) {
  const auto& [name, block_elements, block_bytes] = traits(storage);
  const auto n = static_cast<std::int64_t>(out.size());
  SC_CHECK(n % block_elements == 0 && static_cast<std::int64_t>(in.size()) == n / block_elements * block_bytes);
  switch (storage) {
    case Storage::kF32:
      std::memcpy(out.data(), in.data(), in.size());
      break;
    case Storage::kF16:
      widen<from_half>(in, out);
      break;
    case Storage::kBF16:
      widen<from_bfloat>(in, out);
      break;
    case Storage::kQ8_0:
      for_each_block<dequantise_q8_0>(in, out);
      break;
    case Storage::kQ4_0:
      for_each_block<dequantise_q4_0>(in, out);
      break;
    case Storage::kQ4_1:
      for_each_block<dequantise_q4_1>(in, out);
      break;
  }
}

std::optional<std::size_t> find_non_finite(std::span<const float> values) {
  std::uint32_t any = 0;  // first whether there is one, as vector code: there almost never is
  for (const float value : values) any |= static_cast<std::uint32_t>(not_finite(value));
  if (!any) return std::nullopt;
  for (std::size_t i = 0; i < values.size(); ++i)
    if (not_finite(values[i])) return i;
  return std::nullopt;
}

void narrow(Storage storage, std::span<const float> in, std::span<std::byte> out) {
  SC_CHECK((storage == Storage::kF16 || storage == Storage::kBF16) && out.size() == 2 * in.size());
  for (std::size_t i = 0; i < in.size(); ++i) {
    const auto bits = std::bit_cast<std::uint32_t>(in[i]);
    const std::uint16_t value = storage == Storage::kF16 ? to_half(in[i]) : static_cast<std::uint16_t>(bits >> 16);
    std::memcpy(out.data() + 2 * i, &value, 2);
  }
}

}  // namespace sparsecim
