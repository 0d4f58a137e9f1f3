#include "monarch/monarch.hpp"

#include <algorithm>
#include <cmath>

namespace sparsecim {
namespace {

/// Every product of three sizes is then exact as a double and cannot overflow.
constexpr std::int64_t kLargestSide = std::int64_t{1} << 24;
constexpr std::int64_t kLargestPaddedSide = 2 * kLargestSide;  // blocks of one channel pad by less than the side
constexpr std::int64_t kMostParameters = std::int64_t{1} << 53;

constexpr std::int64_t divided_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

Result<void> check_sides(std::int64_t n_out, std::int64_t n_in) {
  for (const auto& [name, size] : {std::pair{"outputs", n_out}, {"inputs", n_in}})
    if (size < 1 || size > kLargestSide)
      return fail("a Monarch matrix of {} {} is outside 1 .. {}", size, name, kLargestSide);
  return {};
}

/// The smallest b with b^2 >= n.
std::int64_t square_root_up(std::int64_t n) {
  auto root = static_cast<std::int64_t>(std::sqrt(static_cast<double>(n)));
  while (root * root < n) ++root;
  while ((root - 1) * (root - 1) >= n) --root;
  return root;
}

/// Real inputs of a block of the right factor, or real outputs of one of the left with strided = true.
std::int64_t real_channels(std::int64_t n, std::int64_t blocks, std::int64_t size, std::int64_t block, bool strided) {
  const std::int64_t real = strided ? divided_up(n - block, blocks) : n - block * size;
  return std::clamp<std::int64_t>(real, 0, size);
}

}  // namespace

std::int64_t MonarchShape::slice_rank(std::int64_t b, std::int64_t k) const {
  // Channels k * middle .. (k + 1) * middle - 1 that are b modulo `blocks`.
  const auto below = [&](std::int64_t channel) { return divided_up(channel - b, blocks); };
  const std::int64_t first = k * middle, end = first + middle;
  return std::max<std::int64_t>(0, below(end)) - std::max<std::int64_t>(0, below(first));
}

std::int64_t MonarchShape::useful_parameters() const {
  std::vector<std::int64_t> inputs_of_block, outputs_of_block;
  for (std::int64_t k = 0; k < blocks; ++k) {
    inputs_of_block.push_back(real_channels(n_in, blocks, inputs, k, strided_inputs));
    outputs_of_block.push_back(real_channels(n_out, blocks, outputs, k, true));
  }
  std::int64_t useful = 0;
  for (std::int64_t channel = 0; channel < middle_channels(); ++channel) {
    const std::int64_t read = inputs_of_block[static_cast<std::size_t>(channel / middle)];
    const std::int64_t written = outputs_of_block[static_cast<std::size_t>(channel % blocks)];
    if (read > 0 && written > 0) useful += read + written;
  }
  return useful;
}

Result<MonarchShape> monarch_of_blocks(std::int64_t n_out, std::int64_t n_in, std::int64_t blocks) {
  SC_TRY(check_sides(n_out, n_in));
  const std::int64_t narrower = std::min(n_out, n_in);
  if (blocks < 1 || blocks > narrower)
    return fail(Remedy{fmt::format("choose 1 .. {} blocks", narrower)}, "a {} x {} matrix has no {} Monarch blocks",
                n_out, n_in, blocks);
  MonarchShape shape{.n_out = n_out, .n_in = n_in, .blocks = blocks};
  shape.inputs = divided_up(n_in, blocks);
  shape.outputs = divided_up(n_out, blocks);
  shape.middle = std::min(shape.inputs, shape.outputs);
  SC_TRY(validate(shape));
  return shape;
}

Result<MonarchShape> monarch_of_squares(std::int64_t n_out, std::int64_t n_in) {
  SC_TRY(check_sides(n_out, n_in));
  const std::int64_t b = square_root_up(std::max(n_out, n_in));
  const MonarchShape shape{
      .n_out = n_out, .n_in = n_in, .blocks = b, .inputs = b, .middle = b, .outputs = b, .strided_inputs = true};
  SC_TRY(validate(shape));
  return shape;
}

Result<void> validate(const MonarchShape& shape) {
  SC_TRY(check_sides(shape.n_out, shape.n_in));
  for (const auto& [name, size] : {std::pair{"blocks", shape.blocks},
                                   {"inputs per block", shape.inputs},
                                   {"middle channels per block", shape.middle},
                                   {"outputs per block", shape.outputs}})
    if (size < 1 || size > kLargestSide) return fail("{} {} are outside 1 .. {}", size, name, kLargestSide);
  for (const auto& [side, size, real] : {std::tuple{"inputs", shape.inputs, shape.n_in},
                                         {"middle channels", shape.middle, std::int64_t{1}},
                                         {"outputs", shape.outputs, shape.n_out}}) {
    if (shape.blocks * size < real)
      return fail(Remedy{fmt::format("blocks of {} would", divided_up(real, shape.blocks))},
                  "{} blocks of {} do not hold {} {}", shape.blocks, size, real, side);
    if (shape.blocks * size > kLargestPaddedSide)
      return fail("{} blocks of {} {} are more than {}", shape.blocks, size, side, kLargestPaddedSide);
  }
  const double parameters = 1.0 * static_cast<double>(shape.blocks) * static_cast<double>(shape.middle) *
                            static_cast<double>(shape.inputs + shape.outputs);
  if (parameters > static_cast<double>(kMostParameters))
    return fail("{:.3g} parameters are more than the {:.3g} counted", parameters, static_cast<double>(kMostParameters));
  return {};
}

Json to_json(const MonarchShape& shape) {
  return {{"shape", {shape.n_out, shape.n_in}},
          {"blocks", shape.blocks},
          {"block", {shape.outputs, shape.middle, shape.inputs}},
          {"inputs", shape.strided_inputs ? "strided" : "in a row"}};
}

namespace {

/// The list `key` of `size` integers.
Result<std::vector<std::int64_t>> get_sizes(const Json& json, const std::string& key, std::size_t size) {
  if (!json.is_object() || !json.contains(key) || !json[key].is_array() || json[key].size() != size)
    return fail("'{}' must be a list of {} integers", key, size);
  std::vector<std::int64_t> sizes;
  for (const Json& value : json[key]) {
    if (!value.is_number_integer()) return fail("'{}' must be a list of {} integers", key, size);
    const bool fits = !value.is_number_unsigned() || value.get<std::uint64_t>() <= std::uint64_t{kLargestSide};
    sizes.push_back(fits ? value.get<std::int64_t>() : kLargestSide + 1);
  }
  return sizes;
}

}  // namespace

Result<MonarchShape> monarch_shape_from_json(const Json& json) {
  SC_TRY_ASSIGN(const auto sides, get_sizes(json, "shape", 2));
  SC_TRY_ASSIGN(const auto block, get_sizes(json, "block", 3));
  SC_TRY_ASSIGN(const std::int64_t blocks, get_integer(json, "blocks", 1, kLargestSide));
  SC_TRY_ASSIGN(const std::string inputs, get_string(json, "inputs"));
  if (inputs != "strided" && inputs != "in a row")
    return fail(Remedy{"allowed: strided | in a row"}, "'inputs' is '{}'", inputs);
  const MonarchShape shape{.n_out = sides[0],
                           .n_in = sides[1],
                           .blocks = blocks,
                           .inputs = block[2],
                           .middle = block[1],
                           .outputs = block[0],
                           .strided_inputs = inputs == "strided"};
  SC_TRY(validate(shape));
  return shape;
}

}  // namespace sparsecim
