#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"

namespace sparsecim {

/// The structure of one Monarch matrix M [n_out, n_in] = P_out L P_middle R P_in (docs/monarch.md; Dao et al., arXiv
/// 2204.00595): `blocks` blocks on the diagonals of both factors, which exchange their values by the permutation
/// between them. Both sides are padded with zeros to whole blocks.
///   right factor R: blocks x [middle, inputs] row-major, reads the inputs
///   left factor L:  blocks x [outputs, middle] row-major, writes the outputs
struct MonarchShape {
  std::int64_t n_out = 0, n_in = 0;  // of the matrix
  std::int64_t blocks = 0;
  std::int64_t inputs = 0, middle = 0, outputs = 0;  // of one block
  /// P_in: block k reads x[l * blocks + k] (strided) or x[k * inputs + l] (in a row), l = 0 .. inputs - 1.
  bool strided_inputs = false;

  std::int64_t padded_inputs() const { return blocks * inputs; }
  std::int64_t middle_channels() const { return blocks * middle; }
  std::int64_t padded_outputs() const { return blocks * outputs; }

  /// Where block k of the right factor reads its input l: an index into x, n_in or more where that is padding.
  std::int64_t input_of(std::int64_t k, std::int64_t l) const {
    return strided_inputs ? l * blocks + k : k * inputs + l;
  }
  /// The middle channel that block k of the right factor writes from its row j.
  std::int64_t written_middle(std::int64_t k, std::int64_t j) const { return k * middle + j; }
  /// The middle channel that block b of the left factor reads as its input r.
  std::int64_t read_middle(std::int64_t b, std::int64_t r) const { return r * blocks + b; }
  /// Where block b of the left factor writes its row i: an index into y, n_out or more where that is padding.
  std::int64_t output_of(std::int64_t b, std::int64_t i) const { return i * blocks + b; }
  /// Middle channels that block k of the right factor and block b of the left share: the rank of slice (b, k).
  std::int64_t slice_rank(std::int64_t b, std::int64_t k) const;

  std::int64_t right_parameters() const { return blocks * middle * inputs; }
  std::int64_t left_parameters() const { return blocks * outputs * middle; }
  /// Stored, padding included.
  std::int64_t parameters() const { return right_parameters() + left_parameters(); }
  /// Those that a real input can reach and that reach a real output.
  std::int64_t useful_parameters() const;

  bool operator==(const MonarchShape&) const = default;
};

/// The rectangular form of arXiv 2204.00595 (its `nblocks`): each side in `blocks` blocks of ceil(n / blocks), the
/// middle as wide as the narrower side, inputs in a row. Errors: a side of less than `blocks`, sizes out of range.
Result<MonarchShape> monarch_of_blocks(std::int64_t n_out, std::int64_t n_in, std::int64_t blocks);

/// The square form M = P L P R P (arXiv 2510.11192): n = b^2 of b blocks of b x b, the larger side padded up to the
/// next square, the smaller one to the same; strided inputs. Errors: sizes out of range.
Result<MonarchShape> monarch_of_squares(std::int64_t n_out, std::int64_t n_in);

/// Errors: counts below 1 or beyond what counting holds; a side that its blocks do not cover.
Result<void> validate(const MonarchShape& shape);

/// {"shape": [n_out, n_in], "blocks": 32, "block": [outputs, middle, inputs], "inputs": "strided" | "in a row"}.
Json to_json(const MonarchShape& shape);
/// Errors: a missing key, another type, validate()'s.
Result<MonarchShape> monarch_shape_from_json(const Json& json);

/// The tensors that stand in a factored checkpoint for NAME.weight.
inline constexpr std::string_view kMonarchRight = ".monarch.right";  // NAME.monarch.right: [blocks, middle, inputs]
inline constexpr std::string_view kMonarchLeft = ".monarch.left";    // NAME.monarch.left: [blocks, outputs, middle]

/// y [n_out] = M x, the plain reference of every other way to compute it. Sums are in T, block by block. REQUIRES: the
/// factors' sizes are the shape's, x is [n_in].
template <class T>
std::vector<T> monarch_product(const MonarchShape& shape, std::span<const T> left, std::span<const T> right,
                               std::span<const T> x) {
  std::vector<T> middle(static_cast<std::size_t>(shape.middle_channels()));
  for (std::int64_t k = 0; k < shape.blocks; ++k)
    for (std::int64_t j = 0; j < shape.middle; ++j)
      for (std::int64_t l = 0; l < shape.inputs; ++l)
        if (const std::int64_t input = shape.input_of(k, l); input < shape.n_in)
          middle[static_cast<std::size_t>(shape.written_middle(k, j))] +=
              right[static_cast<std::size_t>((k * shape.middle + j) * shape.inputs + l)] *
              x[static_cast<std::size_t>(input)];
  std::vector<T> y(static_cast<std::size_t>(shape.n_out));
  for (std::int64_t b = 0; b < shape.blocks; ++b)
    for (std::int64_t i = 0; i < shape.outputs; ++i)
      for (std::int64_t r = 0; r < shape.middle && shape.output_of(b, i) < shape.n_out; ++r)
        y[static_cast<std::size_t>(shape.output_of(b, i))] +=
            left[static_cast<std::size_t>((b * shape.outputs + i) * shape.middle + r)] *
            middle[static_cast<std::size_t>(shape.read_middle(b, r))];
  return y;
}

}  // namespace sparsecim
