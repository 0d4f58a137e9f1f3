#include "prune/monarch_order.hpp"

#include <vector>

namespace sparsecim {

MiddleChannels middle_channels(const MonarchShape& shape) {
  std::vector<std::int64_t> reader, writer, index;
  std::vector<std::int64_t> met(static_cast<std::size_t>(shape.blocks));  // channels of block k so far, by reader
  for (std::int64_t channel = 0; channel < shape.middle_channels(); ++channel) {
    if (channel % shape.middle == 0) met.assign(met.size(), 0);
    writer.push_back(channel / shape.middle);  // written_middle(k, j) = k * middle + j
    reader.push_back(channel % shape.blocks);  // read_middle(b, r) = r * blocks + b
    index.push_back(met[static_cast<std::size_t>(reader.back())]++);
  }
  return {at::tensor(reader, at::kLong), at::tensor(writer, at::kLong), at::tensor(index, at::kLong)};
}

at::Tensor in_slices(const at::Tensor& matrix, const MonarchShape& shape) {
  const at::Tensor columns = in_blocks_of_inputs(matrix, shape);  // [n_out, blocks, inputs]
  const at::Tensor padded = at::constant_pad_nd(columns, {0, 0, 0, 0, 0, shape.padded_outputs() - shape.n_out});
  return padded.unflatten(0, {shape.outputs, shape.blocks}).transpose(0, 1);  // output_of(b, i) = i * blocks + b
}

}  // namespace sparsecim
