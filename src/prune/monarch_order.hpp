#pragma once

#include <ATen/ATen.h>

#include "model/monarch_linear.hpp"

namespace sparsecim {

/// For every middle channel, in order: int64 [middle channels] each.
struct MiddleChannels {
  at::Tensor reader;          // the block of the left factor that reads it
  at::Tensor writer;          // the block of the right factor that writes it
  at::Tensor index_in_slice;  // how many channels of the same reader and writer stand in front of it
};
MiddleChannels middle_channels(const MonarchShape& shape);

/// A matrix [n_out, n_in], padded and ordered by the blocks that write its rows and read its columns: [blocks, outputs,
/// blocks, inputs]; [b, :, k, :] is slice (b, k).
at::Tensor in_slices(const at::Tensor& matrix, const MonarchShape& shape);

}  // namespace sparsecim
