#pragma once

#include <memory>

#include "hardware/dcim/machine.hpp"

namespace sparsecim {

/// An engine after VEGETA (Jeong et al., HPCA 2023, arXiv 2302.08687): a systolic array that holds weights of N:4
/// sparsity and streams activations past them, a token a cycle. `rows` multipliers add up to each of `columns`
/// outputs; `multipliers_per_unit` of them share a processing unit (the paper's beta), whose inputs
/// `columns_per_element` units share (alpha). A tile holds rows kept weights of every output, so 4 * rows / N inputs.
struct SystolicArray {
  std::int64_t rows = 32, columns = 16;
  std::int64_t weight_bits = 8, activation_bits = 8;
  std::int64_t multipliers_per_unit = 2;
  std::int64_t columns_per_element = 2;
  std::int64_t tile_tokens = 16;  // of an instruction: how often the weights are read again from the tile registers

  std::int64_t words() const { return rows * columns; }
  std::int64_t unit_rows() const { return rows / multipliers_per_unit; }
  std::int64_t elements() const { return unit_rows() * divide_up(columns, columns_per_element); }
  std::int64_t units() const { return unit_rows() * columns; }
  std::int64_t product_bits() const { return weight_bits + activation_bits; }
  /// Of a sum over all rows.
  std::int64_t sum_bits() const;
};

struct VegetaParameters {
  SystolicArray array;
  std::vector<Pattern> patterns;
  /// What runs at one pattern: all of a layer, or every row of a tile.
  enum class Granularity { kLayer, kRow };
  Granularity granularity = Granularity::kRow;
  SystemParameters system;
};

const std::vector<Parameter<VegetaParameters>>& vegeta_parameters();

/// Errors: as read_parameters; sizes that contradict each other.
Result<std::unique_ptr<Machine>> make_vegeta(const std::string& path, const std::vector<Setting>& settings);

}  // namespace sparsecim
