#pragma once

#include <span>

#include "hardware/flexcim/storage.hpp"
#include "rtl_macro.hpp"

namespace sparsecim::rtl {

/// A tile and the tokens that go through it, each of image.n_inputs inputs.
struct TileRun {
  FlexcimImage image;
  std::vector<std::vector<std::int8_t>> tokens;
  std::int64_t fetched_inputs = 0;  // those of an operation's largest tile; 0: the image's own
};

/// The rows of a tile as the load port takes them.
std::vector<LoadRow> load_rows(const RtlModel& model, const FlexcimImage& image);

/// A pass as the input port takes it: plane after plane with bitserial_per_cell, each from a word of its own on; else
/// the inputs one after the other.
std::vector<IactWord> iact_words(const RtlModel& model, const TileRun& tile, std::size_t token);

/// A pass's way through the models of time, by the macro alone: without partial sums in SRAM, and without a link.
PassPath macro_path(const RtlModel& model, const TileRun& tile);

}  // namespace sparsecim::rtl
