#pragma once

#include <map>

#include "checkpoint/mapped_checkpoint.hpp"

namespace sparsecim {

/// A tensor of any type, as a safetensors file has it.
struct SafetensorsEntry {
  std::string name, dtype;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;
};

/// All tensors of a safetensors file, in the order of their bytes. Errors: a header that is longer than the file or not
/// JSON of the right form, offsets that do not cover the data exactly, one tensor after the other. Whether the bytes
/// are as many as type and shape want is not looked at.
Result<std::vector<SafetensorsEntry>> safetensors_entries(std::span<const std::byte> file);

/// The tensors of a safetensors file, in the order of their bytes. Errors: those of safetensors_entries; a type
/// that is not F32, F16 or BF16; bytes that are too many or too few for the shape.
Result<std::vector<StoredTensor>> parse_safetensors(std::span<const std::byte> file);

/// The bytes in front of the data: length and JSON, padded to a multiple of 8, for tensors written in this order.
/// REQUIRES: `storage` of each is F32, F16 or BF16.
std::string safetensors_header(std::span<const TensorInfo> tensors, const std::map<std::string, std::string>& metadata);

}  // namespace sparsecim
