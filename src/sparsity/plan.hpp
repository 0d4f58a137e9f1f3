#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "sparsity/pattern.hpp"

namespace sparsecim {

/// What was decided and measured for one linear matrix.
struct PlannedMatrix {
  std::string name;        // "model.layers.3.mlp.up_proj"
  std::int64_t block = 0;  // 3
  std::int64_t n_out = 0, n_in = 0;
  Pattern pattern = {};
  std::optional<double> outlier_share = {};         // O, of the matrix itself
  std::optional<double> outlier_distribution = {};  // ND, of the matrix itself
  std::optional<double> outlier_crowding = {};      // of the matrix itself
  std::optional<double> error = {};                 // what the pattern costs it, by the method's measure
  std::int64_t weights() const { return n_out * n_in; }
  std::int64_t kept() const { return n_out * kept_per_row(pattern, n_in); }
  /// As an accelerator with 8-bit weights stores it: 8 bits per kept weight and, where it is sparse, ceil(log2(M)) bits
  /// for its place in its group.
  std::int64_t stored_bits() const;
};

inline constexpr int kStoredWeightBits = 8;

/// How a plan was proven to be the best one that meets the request.
struct Proof {
  std::string solver;  // "exact dynamic program"
  double cost = 0;     // of the plan, by the method's objective
  double gap = 0;      // proven: no plan costs less than cost * (1 - gap)
};

/// A pattern for every linear matrix of the decoder blocks (`plan.json`, docs/formats/plan.md).
struct Plan {
  std::string method;  // "uniform", "flow", ...: as --method names it
  double requested_sparsity = 0;
  std::vector<PlannedMatrix> matrices;  // in the order of computing
  std::int64_t other_weights = 0;       // of the model, outside the decoder blocks' linear matrices
  Json provenance;                      // base/provenance.hpp; null where there is none
  std::vector<std::string> notes;       // what a reader must know: fallbacks taken, slack
  std::optional<Proof> proof;           // none where there was nothing to optimise

  /// Of the planned matrices.
  std::int64_t weights() const;
  std::int64_t kept() const;
  /// Share of zeros over the planned matrices; over the whole model. 0 where there are no weights.
  double sparsity() const;
  double whole_model_sparsity() const;
  /// Of the whole model, rounded up: stored_bits() of the matrices, and 8 bits per weight outside them.
  std::int64_t stored_bytes() const;
  const PlannedMatrix* find(std::string_view name) const;
};

/// Whether both give every matrix the same pattern, in the order of computing.
bool same_patterns(const Plan& a, const Plan& b);

Json to_json(const Plan& plan);
/// Errors: another schema, a missing key, a matrix twice, sizes out of range, counts that contradict the patterns.
Result<Plan> plan_from_json(const Json& json);
/// Errors also: the file's, with its path in front.
Result<Plan> read_plan(const std::filesystem::path& path);
/// Complete or not at all.
Result<void> write_plan(const std::filesystem::path& path, const Plan& plan);

}  // namespace sparsecim
