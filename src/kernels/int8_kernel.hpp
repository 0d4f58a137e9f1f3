#pragma once

#include <cstdint>

// Included by files that are compiled for one instruction set: an inline function of the standard library that is
// instantiated there may be the copy that the linker keeps for everybody, so nothing but plain types is named here.

namespace sparsecim {

/// What one call of a kernel's inner loop multiplies.
struct Int8Tile {
  const void* activations;      // [n_steps][n_tokens][group], of activation_bytes each
  const std::uint8_t* weights;  // [n_steps][panel_outputs][group]
  std::int64_t n_steps;         // groups of inputs
  std::int64_t n_tokens;        // 1 .. block_tokens
  const std::int32_t* start;    // [n_tokens]: what the sums of a token begin with; null: with what `sums` holds
  std::int32_t* sums;           // [n_tokens, panel_outputs], rows `stride` apart
  std::int64_t stride;
};

/// One instruction set's way of multiplying int8 matrices into int32, exactly modulo 2^32. The sums of block_tokens x
/// panel_outputs stay in registers over a run of inputs.
struct Int8Kernel {
  const char* name;
  bool (*runs_here)();  // whether this processor and operating system have the instructions
  std::int64_t block_tokens, panel_outputs;
  std::int64_t group;          // consecutive inputs of a token (and of an output) that one instruction takes together
  std::int32_t weight_offset;  // added to stored weights, for instructions that want one operand unsigned
  std::int64_t activation_bytes;  // 1: int8; 2: int16
  void (*multiply)(const Int8Tile&);
  /// See quantise_row.hpp.
  float (*quantise_row)(const float* values, std::int64_t n, std::int8_t* quantised);
};

extern const Int8Kernel kPortableInt8;
#ifdef __x86_64__
extern const Int8Kernel kAvx2Int8;
extern const Int8Kernel kAvxVnniInt8;
extern const Int8Kernel kAvx512VnniInt8;
#endif

}  // namespace sparsecim
