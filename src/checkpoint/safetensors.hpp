#pragma once

#include <map>

#include "checkpoint/mapped_checkpoint.hpp"

namespace sparsecim {

/// The tensors of a safetensors file, in the order of their bytes. Errors: a header that is longer than the file or not
/// JSON of the right form, a type that is not F32, F16 or BF16, offsets that do not cover the data exactly, one tensor
/// after the other.
Result<std::vector<StoredTensor>> parse_safetensors(std::span<const std::byte> file);

/// The bytes in front of the data: length and JSON, padded to a multiple of 8, for tensors written in this order.
/// REQUIRES: `storage` of each is F32, F16 or BF16.
std::string safetensors_header(std::span<const TensorInfo> tensors, const std::map<std::string, std::string>& metadata);

}  // namespace sparsecim
