#include "checkpoint/storage.hpp"

#include <fmt/ranges.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <ranges>

#include "base/bytes.hpp"
#include "base/check.hpp"
#include "checkpoint/ggml_blocks.hpp"
#include "checkpoint/half.hpp"

namespace sparsecim {
namespace {

// Block sizes: ggml's ggml-common.h (block_q8_0 .. block_q6_K).
constexpr std::array<StorageTraits, 11> kTraits = {{{"F32", 1, 4},
                                                    {"F16", 1, 2},
                                                    {"BF16", 1, 2},
                                                    {"Q8_0", 32, 34},
                                                    {"Q4_0", 32, 18},
                                                    {"Q4_1", 32, 20},
                                                    {"Q5_0", 32, 22},
                                                    {"Q5_1", 32, 24},
                                                    {"Q4_K", 256, 144},
                                                    {"Q5_K", 256, 176},
                                                    {"Q6_K", 256, 210}}};

float from_bfloat(std::uint16_t value) { return std::bit_cast<float>(static_cast<std::uint32_t>(value) << 16); }

template <auto Convert>
void widen(std::span<const std::byte> in, std::span<float> out) {
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = Convert(load<std::uint16_t>(in.data() + 2 * i));
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

std::string storage_names() {
  return fmt::format("{}", fmt::join(kTraits | std::views::transform(&StorageTraits::name), ", "));
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
    default:
      dequantise_blocks(storage, in, out);
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
