#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "sparsity/outliers.hpp"
#include "sparsity/pattern.hpp"

namespace sparsecim {

/// What patterns are chosen for at once: all matrices of a decoder block together, or each by itself.
enum class Granularity { kBlock, kMatrix };
std::string_view name(Granularity granularity);
/// "block" or "matrix". Errors: anything else.
Result<Granularity> parse_granularity(std::string_view text);

/// What makes a score an outlier: more than `tau` times the mean over its layer, a block or a matrix.
struct Threshold {
  double tau = 3;
  Granularity granularity = Granularity::kBlock;
  bool operator==(const Threshold&) const = default;
};

/// How losses are measured: one matrix at a time takes `base` and then each of the anchors, while all others have
/// `reference`. A loss is the cross-entropy against the dense model's own prediction.
struct LossScope {
  Pattern reference = {4, 8};
  std::int64_t tokens = 1024;  // at most, the first of the calibration
  static constexpr Pattern kBase = {};
  static constexpr std::array<Pattern, 2> kAnchors = {Pattern{4, 8}, Pattern{2, 8}};
  bool operator==(const LossScope&) const = default;
};

/// By how much a matrix raises the loss where it has an anchor's pattern instead of the base.
struct LossRise {
  double nats = 0;            // per token; negative where the loss falls
  double standard_error = 0;  // of that, taking tokens as independent
};

/// What is counted in the one pass over the dense model. Unless told otherwise, all that the methods want: FLOW's 3 and
/// OWL's 5 times the mean, by block and by matrix; the hardware's patterns, and every N of 8 and of 16.
struct StatisticsScope {
  std::vector<Threshold> thresholds;
  std::vector<Pattern> patterns;
  std::vector<Pattern> error_patterns;  // whose output errors are measured, which takes second moments
  std::optional<LossScope> losses;      // measured where it is there, which takes many passes over some tokens

  static StatisticsScope standard();
  /// Adds what is not in it yet.
  void add(Threshold threshold);
  void add(Pattern pattern);
  void add_error(Pattern pattern);
};

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
  std::int64_t input = 0;          // index into Statistics::inputs
  std::vector<Outliers> outliers;  // by threshold of the scope
  std::vector<double> dropped;     // by pattern of the scope: dropped_shares (sparsity/dropped.hpp)
  /// By error pattern of the scope: mean square of what its output changes by, over the output's mean square.
  std::vector<double> errors;
  std::vector<LossRise> rises;  // by anchor, where losses are in the scope
};

/// What calibration of the dense model gives to selection (docs/formats/statistics.md): by any method and for any
/// budget, choosing again reads neither text nor weights; only plans by loss are compared on the model.
struct Statistics {
  std::string model_fingerprint;  // fingerprint() of the model's files
  std::int64_t n_tokens = 0;      // that calibration saw
  StatisticsScope scope;
  std::vector<InputStatistics> inputs;
  std::vector<MatrixStatistics> matrices;  // in the order of computing
  std::int64_t other_weights = 0;          // of the model, outside `matrices`
  Json provenance;                         // base/provenance.hpp of the calibration

  const MatrixStatistics* find(std::string_view name) const;
  /// Of each matrix. Errors: a threshold that is not in the scope.
  Result<std::vector<Outliers>> outliers(Threshold threshold) const;
  /// Of each matrix, for each of `options`. Errors: a pattern that is not in the scope.
  Result<std::vector<std::vector<double>>> dropped(std::span<const Pattern> options) const;
  Result<std::vector<std::vector<double>>> errors(std::span<const Pattern> options) const;
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
