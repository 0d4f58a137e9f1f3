#include "checkpoint/ggml_blocks.hpp"

#include <array>

#include "base/bytes.hpp"
#include "base/check.hpp"
#include "checkpoint/half.hpp"

// Layouts: ggml's ggml-common.h (block_q4_0 .. block_q6_K). What is rounded to float32, and when: dequantize_row_* of
// ggml-quants.c. Every inner loop runs over 16 or 32 bytes without branches, so that it becomes vector code.

namespace sparsecim {
namespace {

constexpr std::size_t kSmall = 32;   // weights in a block of Q4_0 .. Q8_0
constexpr std::size_t kSuper = 256;  // in a block of Q4_K .. Q6_K: eight sub-blocks of 32
constexpr std::size_t kSubBlocks = kSuper / kSmall;

float half_at(const std::byte* at) { return from_half(load<std::uint16_t>(at)); }

/// scale * q + minimum of 32 weights.
using Quants = std::array<std::int8_t, kSmall>;
void scaled(const Quants& quants, float scale, float* out) {
  for (std::size_t i = 0; i < kSmall; ++i) out[i] = scale * static_cast<float>(quants[i]);
}
void scaled(const Quants& quants, float scale, float minimum, float* out) {
  for (std::size_t i = 0; i < kSmall; ++i) out[i] = scale * static_cast<float>(quants[i]) + minimum;
}

/// 16 bytes: the low nibbles are weights 0 .. 15, the high ones 16 .. 31.
Quants nibbles(const std::byte* in) {
  Quants quants;
  for (std::size_t i = 0; i < kSmall / 2; ++i) {
    const auto pair = static_cast<unsigned>(in[i]);
    quants[i] = static_cast<std::int8_t>(pair & 15u);
    quants[i + kSmall / 2] = static_cast<std::int8_t>(pair >> 4);
  }
  return quants;
}

/// nibbles() with a fifth bit each, in the bits of a uint32.
Quants five_bits(const std::byte* fifth, const std::byte* in) {
  Quants quants = nibbles(in);
  const auto bits = load<std::uint32_t>(fifth);
  for (unsigned i = 0; i < kSmall; ++i) quants[i] = static_cast<std::int8_t>(quants[i] | ((bits >> i & 1u) << 4));
  return quants;
}

void subtract(Quants& quants, int offset) {
  for (std::int8_t& quant : quants) quant = static_cast<std::int8_t>(quant - offset);
}

// Each of the following reads one block at `in`.

void read_q8_0(const std::byte* in, float* out) {  // scale, 32 x int8
  scaled(load<Quants>(in + 2), half_at(in), out);
}

void read_q4_0(const std::byte* in, float* out) {  // scale, nibbles
  Quants quants = nibbles(in + 2);
  subtract(quants, 8);
  scaled(quants, half_at(in), out);
}

void read_q4_1(const std::byte* in, float* out) {  // scale, minimum, nibbles
  scaled(nibbles(in + 4), half_at(in), half_at(in + 2), out);
}

void read_q5_0(const std::byte* in, float* out) {  // scale, fifth bits, nibbles
  Quants quants = five_bits(in + 2, in + 6);
  subtract(quants, 16);
  scaled(quants, half_at(in), out);
}

void read_q5_1(const std::byte* in, float* out) {  // scale, minimum, fifth bits, nibbles
  scaled(five_bits(in + 4, in + 8), half_at(in), half_at(in + 2), out);
}

/// Scales and minima of the eight sub-blocks, six bits each in 12 bytes: of the first four in the low six bits of bytes
/// 0 .. 3 and 4 .. 7; of the last four the low nibbles are in bytes 8 .. 11 (scale low, minimum high), the two upper
/// bits where bytes 0 .. 7 have theirs.
struct SubBlockScales {
  std::array<float, kSubBlocks> scale, minimum;
};

SubBlockScales sub_block_scales(const std::byte* in) {  // scale of the scales, scale of the minima, 12 bytes
  const float scale = half_at(in), minimum = half_at(in + 2);
  const auto byte = [&](std::size_t i) { return static_cast<unsigned>(in[4 + i]); };
  SubBlockScales scales;
  for (std::size_t i = 0; i < 4; ++i) {
    scales.scale[i] = scale * static_cast<float>(byte(i) & 63u);
    scales.minimum[i] = minimum * static_cast<float>(byte(i + 4) & 63u);
    scales.scale[i + 4] = scale * static_cast<float>((byte(i + 8) & 15u) | (byte(i) >> 6 << 4));
    scales.minimum[i + 4] = minimum * static_cast<float>((byte(i + 8) >> 4) | (byte(i + 4) >> 6 << 4));
  }
  return scales;
}

/// Sub-block `sub`: the low or (odd ones) the high nibbles of 32 bytes.
Quants sub_block_nibbles(const std::byte* in, std::size_t sub) {
  const unsigned shift = sub % 2 * 4;
  Quants quants;
  for (std::size_t i = 0; i < kSmall; ++i)
    quants[i] = static_cast<std::int8_t>(static_cast<unsigned>(in[sub / 2 * kSmall + i]) >> shift & 15u);
  return quants;
}

void read_q4_k(const std::byte* in, float* out) {  // scales, 128 bytes of nibbles
  const SubBlockScales scales = sub_block_scales(in);
  for (std::size_t sub = 0; sub < kSubBlocks; ++sub)
    scaled(sub_block_nibbles(in + 16, sub), scales.scale[sub], -scales.minimum[sub], out + sub * kSmall);
}

void read_q5_k(const std::byte* in, float* out) {  // scales, 32 bytes whose bit s is sub-block s's fifth, nibbles
  const SubBlockScales scales = sub_block_scales(in);
  for (unsigned sub = 0; sub < kSubBlocks; ++sub) {
    Quants quants = sub_block_nibbles(in + 48, sub);
    for (std::size_t i = 0; i < kSmall; ++i)
      quants[i] = static_cast<std::int8_t>(quants[i] | ((static_cast<unsigned>(in[16 + i]) >> sub & 1u) << 4));
    scaled(quants, scales.scale[sub], -scales.minimum[sub], out + sub * kSmall);
  }
}

/// Two halves of 128 weights. In each, weights 0 .. 63 are the low and 64 .. 127 the high nibbles of 64 bytes, and bits
/// 2k, 2k + 1 of 32 further bytes are the upper two of weights 32 k .. 32 k + 31.
Quants six_bits(const std::byte* low, const std::byte* high, std::size_t sub) {
  const std::size_t half = sub / 4, quarter = sub % 4;
  low += half * 64 + quarter % 2 * kSmall;
  high += half * kSmall;
  Quants quants;
  for (std::size_t i = 0; i < kSmall; ++i) {
    const unsigned lower = static_cast<unsigned>(low[i]) >> quarter / 2 * 4 & 15u;
    const unsigned upper = static_cast<unsigned>(high[i]) >> 2 * quarter & 3u;
    quants[i] = static_cast<std::int8_t>(static_cast<int>(lower | upper << 4) - 32);
  }
  return quants;
}

void read_q6_k(const std::byte* in, float* out) {  // 128 + 64 bytes of weights, an int8 per 16 weights, their scale
  const float scale = half_at(in + 208);
  for (std::size_t sub = 0; sub < kSubBlocks; ++sub) {
    const Quants quants = six_bits(in, in + 128, sub);
    for (std::size_t part = 0; part < 2; ++part) {
      const float part_scale = scale * static_cast<float>(load<std::int8_t>(in + 192 + 2 * sub + part));
      for (std::size_t i = part * 16; i < part * 16 + 16; ++i)
        out[sub * kSmall + i] = part_scale * static_cast<float>(quants[i]);
    }
  }
}

template <auto Read>
void for_each_block(Storage storage, std::span<const std::byte> in, std::span<float> out) {
  const auto elements = static_cast<std::size_t>(traits(storage).block_elements);
  const auto bytes = static_cast<std::size_t>(traits(storage).block_bytes);
  for (std::size_t i = 0; i < out.size() / elements; ++i) Read(in.data() + i * bytes, out.data() + i * elements);
}

}  // namespace

void dequantise_blocks(Storage storage, std::span<const std::byte> in, std::span<float> out) {
  switch (storage) {
    case Storage::kQ8_0:
      return for_each_block<read_q8_0>(storage, in, out);
    case Storage::kQ4_0:
      return for_each_block<read_q4_0>(storage, in, out);
    case Storage::kQ4_1:
      return for_each_block<read_q4_1>(storage, in, out);
    case Storage::kQ5_0:
      return for_each_block<read_q5_0>(storage, in, out);
    case Storage::kQ5_1:
      return for_each_block<read_q5_1>(storage, in, out);
    case Storage::kQ4_K:
      return for_each_block<read_q4_k>(storage, in, out);
    case Storage::kQ5_K:
      return for_each_block<read_q5_k>(storage, in, out);
    case Storage::kQ6_K:
      return for_each_block<read_q6_k>(storage, in, out);
    default:
      SC_CHECK(!"a quantised type");
  }
}

}  // namespace sparsecim
