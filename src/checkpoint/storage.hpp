#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace sparsecim {

/// How a file stores numbers. The quantised ones are ggml's: blocks of 32 weights with a scale (and a minimum), or (K)
/// of 256 with a scale for every 16 or 32 of them.
enum class Storage : std::uint8_t { kF32, kF16, kBF16, kQ8_0, kQ4_0, kQ4_1, kQ5_0, kQ5_1, kQ4_K, kQ5_K, kQ6_K };

struct StorageTraits {
  std::string_view name;        // "Q4_1"
  std::int64_t block_elements;  // 1, 32 or 256
  std::int64_t block_bytes;
};
const StorageTraits& traits(Storage storage);
std::optional<Storage> storage_by_name(std::string_view name);
/// "F32, F16, BF16, Q8_0, ...", for errors.
std::string storage_names();

/// What a tensor of this shape takes. Errors: a negative size, a product beyond 2^58, rows that are no whole blocks.
Result<std::uint64_t> stored_bytes(Storage storage, std::span<const std::int64_t> shape);

/// Little-endian blocks to float32, exactly. REQUIRES: out.size() is a multiple of the block's elements, and `in` holds
/// exactly that many blocks; `in` need not be aligned.
void dequantise(Storage storage, std::span<const std::byte> in, std::span<float> out);

/// The index of the first value that is not finite, or nothing.
std::optional<std::size_t> find_non_finite(std::span<const float> values);

/// float32 to the 16-bit types. REQUIRES: `storage` is F16 or BF16 and every value is one that it holds exactly, as a
/// value read from it is.
void narrow(Storage storage, std::span<const float> in, std::span<std::byte> out);

}  // namespace sparsecim
