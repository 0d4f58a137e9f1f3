#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "checkpoint/mapped_checkpoint.hpp"

namespace sparsecim {

/// The container of llama.cpp's models: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, whose numbers
/// these are.
enum class GgufType : std::uint32_t {
  kUint8 = 0,
  kInt8 = 1,
  kUint16 = 2,
  kInt16 = 3,
  kUint32 = 4,
  kInt32 = 5,
  kFloat32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kUint64 = 10,
  kInt64 = 11,
  kFloat64 = 12,
};

/// A value of the metadata, as its bytes lie in the file: already known to be whole.
struct GgufValue {
  GgufType type = GgufType::kUint8;  // of the value, or of an array's elements
  bool is_array = false;
  std::uint64_t count = 1;
  std::span<const std::byte> bytes;
};

/// Bytes and text of a GGUF file, into which the values point.
struct Gguf {
  std::unordered_map<std::string, GgufValue> metadata;
  std::vector<StoredTensor> tensors;  // in the order of the file, under its own names; shapes outermost first

  /// The value of `key`, or null.
  const GgufValue* find(const std::string& key) const;
};

/// Errors: anything but little-endian version 2 or 3; counts, lengths, offsets and types that do not fit the file or
/// each other; a tensor type that is none of ours (storage.hpp).
Result<Gguf> parse_gguf(std::span<const std::byte> file);

// A value as what the reader needs. Errors: another type, out of range. Any integer type serves as an integer, any
// number as a number.
Result<std::int64_t> gguf_integer(const GgufValue& value);
Result<double> gguf_number(const GgufValue& value);
Result<bool> gguf_bool(const GgufValue& value);
Result<std::string> gguf_string(const GgufValue& value);
Result<std::vector<std::string>> gguf_strings(const GgufValue& value);
Result<std::vector<std::int64_t>> gguf_integers(const GgufValue& value);
Result<std::vector<double>> gguf_numbers(const GgufValue& value);

}  // namespace sparsecim
