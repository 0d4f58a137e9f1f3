#include "sparsity/plan.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "sparsity/fields.hpp"

namespace sparsecim {
namespace {

constexpr const char* kPlanFormat = "sparsecim plan";
constexpr std::int64_t kPlanVersion = 1;
constexpr double kLargestNumber = std::numeric_limits<double>::max();
constexpr double kShareTolerance = 1e-6;  // of shares that were rounded by whoever wrote them
const Remedy kLeaveCountsOut{"leave the counts out if you change a plan by hand"};

double share(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

Json to_json(const PlannedMatrix& matrix) {
  Json json = {{"name", matrix.name},
               {"block", matrix.block},
               {"shape", {matrix.n_out, matrix.n_in}},
               {"pattern", matrix.pattern.name()},
               {"weights", matrix.weights()},
               {"kept", matrix.kept()}};
  if (matrix.outlier_share) json["outlier_share"] = *matrix.outlier_share;
  if (matrix.outlier_distribution) json["outlier_distribution"] = *matrix.outlier_distribution;
  if (matrix.outlier_crowding) json["outlier_crowding"] = *matrix.outlier_crowding;
  if (matrix.error) json["error"] = *matrix.error;
  return json;
}

/// Counts are there for readers; where they are given they must be those that shape and pattern imply.
Result<void> check_count(const Json& json, const std::string& key, std::int64_t expected) {
  if (!has(json, key)) return {};
  SC_TRY_ASSIGN(const std::int64_t given, get_integer(json, key, 0, INT64_MAX));
  if (given != expected)
    return fail(kLeaveCountsOut, "'{}' is {}, but shapes and patterns give {}", key, given, expected);
  return {};
}

Result<std::optional<double>> optional_number(const Json& json, const std::string& key, double low, double high) {
  if (!has(json, key)) return std::nullopt;
  return get_number_within(json, key, low, high);
}

Result<PlannedMatrix> matrix_from_json(const Json& json) {
  PlannedMatrix matrix;
  SC_TRY_ASSIGN(matrix.block, get_integer(json, "block", 0, kLargestDimension));
  SC_TRY_ASSIGN(const MatrixShape shape, get_shape(json));
  matrix.n_out = shape.n_out;
  matrix.n_in = shape.n_in;
  SC_TRY_ASSIGN(const std::string pattern, get_string(json, "pattern"));
  SC_TRY_ASSIGN(matrix.pattern, within("'pattern'", parse_pattern(pattern)));
  SC_TRY(check_count(json, "weights", matrix.weights()));
  SC_TRY(check_count(json, "kept", matrix.kept()));
  SC_TRY_ASSIGN(matrix.outlier_share, optional_number(json, "outlier_share", 0, 1));
  SC_TRY_ASSIGN(matrix.outlier_distribution, optional_number(json, "outlier_distribution", 0, 1e6));
  SC_TRY_ASSIGN(matrix.outlier_crowding,
                optional_number(json, "outlier_crowding", 0, static_cast<double>(kMostWeights)));
  SC_TRY_ASSIGN(matrix.error, optional_number(json, "error", -kLargestNumber, kLargestNumber));
  return matrix;
}

Result<void> read_matrices(const Json& json, Plan& plan) {
  SC_TRY_ASSIGN(const Json* matrices, get_list(json, "matrices"));
  std::set<std::string> names;
  std::int64_t weights = plan.other_weights;
  for (const Json& item : *matrices) {
    SC_TRY_ASSIGN(std::string name, within(fmt::format("matrix {}", plan.matrices.size()), get_string(item, "name")));
    const std::string place = fmt::format("matrix '{}'", name);
    SC_TRY_ASSIGN(PlannedMatrix matrix, within(place, matrix_from_json(item)));
    if (!names.insert(name).second) return fail("{} is there twice", place);
    weights += matrix.weights();
    if (weights > kMostWeights) return fail("{}: the model has more than 2^53 weights", place);
    matrix.name = std::move(name);
    plan.matrices.push_back(std::move(matrix));
  }
  if (plan.matrices.empty()) return fail("'matrices' is empty");
  return {};
}

Result<void> read_notes(const Json& json, Plan& plan) {
  if (!has(json, "notes")) return {};
  SC_TRY_ASSIGN(const Json* notes, get_list(json, "notes"));
  for (const Json& note : *notes) {
    if (!note.is_string()) return fail("'notes' holds something that is not a string");
    plan.notes.push_back(note.get<std::string>());
  }
  return {};
}

Result<void> read_proof(const Json& json, Plan& plan) {
  if (!has(json, "proof")) return {};
  Proof proof;
  SC_TRY_ASSIGN(proof.solver, get_string(json["proof"], "solver"));
  SC_TRY_ASSIGN(proof.cost, get_number(json["proof"], "cost"));
  SC_TRY_ASSIGN(proof.gap, get_number_within(json["proof"], "gap", 0, kLargestNumber));
  plan.proof = std::move(proof);
  return {};
}

Result<void> check_share(const Json& json, const std::string& key, double expected) {
  SC_TRY_ASSIGN(const auto given, optional_number(json, key, 0, 1));
  if (given && std::abs(*given - expected) > kShareTolerance)
    return fail(kLeaveCountsOut, "'{}' is {}, but shapes and patterns give {}", key, *given, expected);
  return {};
}

Result<void> check_totals(const Json& json, const Plan& plan) {
  if (!has(json, "totals")) return {};
  const Json& totals = json["totals"];
  SC_TRY(check_count(totals, "weights", plan.weights()));
  SC_TRY(check_count(totals, "kept", plan.kept()));
  SC_TRY(check_share(totals, "sparsity", plan.sparsity()));
  SC_TRY(check_share(totals, "whole_model_sparsity", plan.whole_model_sparsity()));
  return check_count(totals, "stored_bytes", plan.stored_bytes());
}

}  // namespace

std::int64_t PlannedMatrix::stored_bits() const {
  const int place_bits = pattern.dense() ? 0 : static_cast<int>(std::bit_width(static_cast<unsigned>(pattern.m - 1)));
  return kept() * (kStoredWeightBits + place_bits);
}

std::int64_t Plan::weights() const {
  return std::transform_reduce(matrices.begin(), matrices.end(), std::int64_t{0}, std::plus<>(),
                               [](const PlannedMatrix& matrix) { return matrix.weights(); });
}

std::int64_t Plan::kept() const {
  return std::transform_reduce(matrices.begin(), matrices.end(), std::int64_t{0}, std::plus<>(),
                               [](const PlannedMatrix& matrix) { return matrix.kept(); });
}

double Plan::sparsity() const { return share(weights() - kept(), weights()); }
double Plan::whole_model_sparsity() const { return share(weights() - kept(), weights() + other_weights); }

std::int64_t Plan::stored_bytes() const {
  std::int64_t bits = other_weights * kStoredWeightBits;
  for (const PlannedMatrix& matrix : matrices) bits += matrix.stored_bits();
  return (bits + 7) / 8;
}

const PlannedMatrix* Plan::find(std::string_view name) const {
  const auto found = std::ranges::find(matrices, name, &PlannedMatrix::name);
  return found == matrices.end() ? nullptr : &*found;
}

bool same_patterns(const Plan& a, const Plan& b) {
  return std::ranges::equal(a.matrices, b.matrices, {}, &PlannedMatrix::pattern, &PlannedMatrix::pattern);
}

Json to_json(const Plan& plan) {
  Json matrices = Json::array();
  for (const PlannedMatrix& matrix : plan.matrices) matrices.push_back(to_json(matrix));
  Json json = {{"format", kPlanFormat},
               {"schema_version", kPlanVersion},
               {"method", plan.method},
               {"requested_sparsity", plan.requested_sparsity},
               {"totals",
                {{"weights", plan.weights()},
                 {"kept", plan.kept()},
                 {"sparsity", plan.sparsity()},
                 {"whole_model_sparsity", plan.whole_model_sparsity()},
                 {"stored_bytes", plan.stored_bytes()}}},
               {"other_weights", plan.other_weights}};
  if (plan.proof)
    json["proof"] = {{"solver", plan.proof->solver}, {"cost", plan.proof->cost}, {"gap", plan.proof->gap}};
  json["notes"] = plan.notes;
  json["matrices"] = std::move(matrices);
  json["provenance"] = plan.provenance;
  return json;
}

Result<Plan> plan_from_json(const Json& json) {
  SC_TRY(check_schema(json, kPlanFormat, kPlanVersion));
  Plan plan;
  SC_TRY_ASSIGN(plan.method, get_string(json, "method"));
  SC_TRY_ASSIGN(plan.requested_sparsity, get_number_within(json, "requested_sparsity", 0, 1));
  SC_TRY_ASSIGN(plan.other_weights, get_integer(json, "other_weights", 0, kMostWeights));
  SC_TRY(read_matrices(json, plan));
  SC_TRY(read_notes(json, plan));
  SC_TRY(within("'proof'", read_proof(json, plan)));
  SC_TRY(within("'totals'", check_totals(json, plan)));
  if (has(json, "provenance")) plan.provenance = json["provenance"];
  return plan;
}

Result<Plan> read_plan(const std::filesystem::path& path) {
  SC_TRY_ASSIGN(const Json json, read_json_file(path));
  return within(path.string(), plan_from_json(json));
}

Result<void> write_plan(const std::filesystem::path& path, const Plan& plan) {
  return write_json_file(path, to_json(plan));
}

}  // namespace sparsecim
