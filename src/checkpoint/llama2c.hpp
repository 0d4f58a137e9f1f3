#pragma once

#include "checkpoint/mapped_checkpoint.hpp"

namespace sparsecim {

/// The model in a llama2.c file of the first version: a header of seven int32, then float32. Errors: a later version,
/// sizes that contradict each other, a file that is not exactly as long as they say.
Result<Contents> parse_llama2c(std::span<const std::byte> file);

}  // namespace sparsecim
