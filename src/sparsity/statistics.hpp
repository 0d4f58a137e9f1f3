#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "sparsity/outliers.hpp"

namespace sparsecim {

/// What patterns are chosen for at once: all matrices of a decoder block together, or each by itself.
enum class Granularity { kBlock, kMatrix };
std::string_view name(Granularity granularity);
/// "block" or "matrix". Errors: anything else.
Result<Granularity> parse_granularity(std::string_view text);

/// Activations that enter one or several matrices, over the calibration tokens.
struct InputStatistics {
  std::string name;                 // of the first matrix that it enters
  std::vector<float> mean_squares;  // [n_in]
  /// ||X[:,j]||_2 / sqrt(tokens): the scale is the same everywhere, and no score depends on it.
  std::vector<float> column_norms() const;
};

struct MatrixStatistics {
  std::string name;  // "model.layers.3.mlp.up_proj"
  std::int64_t block = 0;
  std::int64_t n_out = 0, n_in = 0;
  std::int64_t input = 0;  // index into Statistics::inputs
  Outliers outliers;
};

/// What calibration of the dense model gives to selection (docs/formats/statistics.md): norms for any threshold, and
/// the outliers for one, so that selecting again reads neither text nor weights.
struct Statistics {
  std::string model_fingerprint;  // fingerprint() of the model's files
  std::int64_t n_tokens = 0;      // that calibration saw
  double tau = 3;
  Granularity granularity = Granularity::kBlock;  // the layer over which the mean score was taken
  std::vector<InputStatistics> inputs;
  std::vector<MatrixStatistics> matrices;  // in the order of computing
  std::int64_t other_weights = 0;          // of the model, outside `matrices`
  Json provenance;                         // base/provenance.hpp of the calibration

  const MatrixStatistics* find(std::string_view name) const;
};

/// Says whether statistics belong to a model: a hash over its files' content, whatever their names.
Result<std::string> fingerprint(const std::vector<std::filesystem::path>& files);

Json to_json(const Statistics& statistics);
/// Errors: another schema, a missing key, sizes that contradict each other, values that are negative or not finite.
Result<Statistics> statistics_from_json(const Json& json);
/// Errors also: statistics of another model than that of `model_fingerprint`.
Result<Statistics> read_statistics(const std::filesystem::path& path, const std::string& model_fingerprint);
/// Complete or not at all.
Result<void> write_statistics(const std::filesystem::path& path, const Statistics& statistics);

}  // namespace sparsecim
