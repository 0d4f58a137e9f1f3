#include "sparsity/statistics.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "base/hash.hpp"
#include "sparsity/fields.hpp"

namespace sparsecim {
namespace {

constexpr const char* kStatisticsFormat = "sparsecim statistics";
constexpr std::int64_t kStatisticsVersion = 1;

Json to_json(const InputStatistics& input) { return {{"name", input.name}, {"mean_squares", input.mean_squares}}; }

Json to_json(const MatrixStatistics& matrix) {
  return {{"name", matrix.name},
          {"block", matrix.block},
          {"shape", {matrix.n_out, matrix.n_in}},
          {"input", matrix.input},
          {"outliers",
           {{"count", matrix.outliers.count},
            {"mean_score", matrix.outliers.mean_score},
            {"distribution", matrix.outliers.distribution}}}};
}

template <class T>
Json list_of(const std::vector<T>& items) {
  Json list = Json::array();
  for (const T& item : items) list.push_back(to_json(item));
  return list;
}

Result<InputStatistics> input_from_json(const Json& json) {
  InputStatistics input;
  SC_TRY_ASSIGN(input.name, get_string(json, "name"));
  SC_TRY_ASSIGN(const Json* squares, get_list(json, "mean_squares"));
  for (const Json& square : *squares) {
    const double value = square.is_number() ? square.get<double>() : -1;
    if (!(value >= 0 && value <= std::numeric_limits<float>::max()))
      return fail("'mean_squares' holds {} at {}, no mean square", square.dump(), input.mean_squares.size());
    input.mean_squares.push_back(static_cast<float>(value));
  }
  return input;
}

Result<Outliers> outliers_from_json(const Json& json, std::int64_t weights) {
  Outliers outliers{.weights = weights};
  SC_TRY_ASSIGN(outliers.count, get_integer(json, "count", 0, weights));
  SC_TRY_ASSIGN(outliers.mean_score, get_number_within(json, "mean_score", 0, std::numeric_limits<double>::max()));
  SC_TRY_ASSIGN(outliers.distribution, get_number_within(json, "distribution", 0, 1e6));
  return outliers;
}

Result<MatrixStatistics> matrix_from_json(const Json& json, const std::vector<InputStatistics>& inputs) {
  MatrixStatistics matrix;
  SC_TRY_ASSIGN(matrix.block, get_integer(json, "block", 0, kLargestDimension));
  SC_TRY_ASSIGN(const MatrixShape shape, get_shape(json));
  matrix.n_out = shape.n_out;
  matrix.n_in = shape.n_in;
  SC_TRY_ASSIGN(matrix.input, get_integer(json, "input", 0, static_cast<std::int64_t>(inputs.size()) - 1));
  const std::size_t norms = inputs[static_cast<std::size_t>(matrix.input)].mean_squares.size();
  if (norms != static_cast<std::size_t>(matrix.n_in))
    return fail("it has {} inputs, but input {} has {} mean squares", matrix.n_in, matrix.input, norms);
  if (!has(json, "outliers")) return fail("'outliers' is missing");
  SC_TRY_ASSIGN(matrix.outliers,
                within("'outliers'", outliers_from_json(json["outliers"], matrix.n_out * matrix.n_in)));
  return matrix;
}

Result<void> read_inputs(const Json& json, Statistics& statistics) {
  SC_TRY_ASSIGN(const Json* inputs, get_list(json, "inputs"));
  for (const Json& item : *inputs) {
    const std::string place = fmt::format("input {}", statistics.inputs.size());
    SC_TRY_ASSIGN(InputStatistics input, within(place, input_from_json(item)));
    statistics.inputs.push_back(std::move(input));
  }
  return {};
}

Result<void> read_matrices(const Json& json, Statistics& statistics) {
  SC_TRY_ASSIGN(const Json* matrices, get_list(json, "matrices"));
  std::set<std::string> names;
  std::int64_t weights = statistics.other_weights;
  for (const Json& item : *matrices) {
    const std::string index = fmt::format("matrix {}", statistics.matrices.size());
    SC_TRY_ASSIGN(const std::string name, within(index, get_string(item, "name")));
    const std::string place = fmt::format("matrix '{}'", name);
    SC_TRY_ASSIGN(MatrixStatistics matrix, within(place, matrix_from_json(item, statistics.inputs)));
    if (!names.insert(name).second) return fail("{} is there twice", place);
    weights += matrix.outliers.weights;
    if (weights > kMostWeights) return fail("{}: the model has more than 2^53 weights", place);
    matrix.name = name;
    statistics.matrices.push_back(std::move(matrix));
  }
  return statistics.matrices.empty() ? fail("'matrices' is empty") : Result<void>();
}

Result<Granularity> get_granularity(const Json& json) {
  SC_TRY_ASSIGN(const std::string text, get_string(json, "granularity"));
  return within("'granularity'", parse_granularity(text));
}

}  // namespace

std::string_view name(Granularity granularity) { return granularity == Granularity::kBlock ? "block" : "matrix"; }

Result<Granularity> parse_granularity(std::string_view text) {
  for (const Granularity granularity : {Granularity::kBlock, Granularity::kMatrix})
    if (text == name(granularity)) return granularity;
  return fail("'{}' is neither block nor matrix", text);
}

std::vector<float> InputStatistics::column_norms() const {
  std::vector<float> norms;
  norms.reserve(mean_squares.size());
  for (const float square : mean_squares) norms.push_back(std::sqrt(square));
  return norms;
}

const MatrixStatistics* Statistics::find(std::string_view matrix) const {
  const auto found = std::ranges::find(matrices, matrix, &MatrixStatistics::name);
  return found == matrices.end() ? nullptr : &*found;
}

Result<std::string> fingerprint(const std::vector<std::filesystem::path>& files) {
  SC_TRY_ASSIGN(const std::vector<std::string> hashes, sha256_files(files));
  return sha256(fmt::format("{}", fmt::join(hashes, "")));
}

Json to_json(const Statistics& statistics) {
  return {{"format", kStatisticsFormat},
          {"schema_version", kStatisticsVersion},
          {"model_fingerprint", statistics.model_fingerprint},
          {"tokens", statistics.n_tokens},
          {"tau", statistics.tau},
          {"granularity", name(statistics.granularity)},
          {"other_weights", statistics.other_weights},
          {"matrices", list_of(statistics.matrices)},
          {"inputs", list_of(statistics.inputs)},
          {"provenance", statistics.provenance}};
}

Result<Statistics> statistics_from_json(const Json& json) {
  SC_TRY(check_schema(json, kStatisticsFormat, kStatisticsVersion));
  Statistics statistics;
  SC_TRY_ASSIGN(statistics.model_fingerprint, get_string(json, "model_fingerprint"));
  SC_TRY_ASSIGN(statistics.n_tokens, get_integer(json, "tokens", 1, kMostWeights));
  SC_TRY_ASSIGN(statistics.tau, get_number_within(json, "tau", 1e-6, 1e6));
  SC_TRY_ASSIGN(statistics.granularity, get_granularity(json));
  SC_TRY_ASSIGN(statistics.other_weights, get_integer(json, "other_weights", 0, kMostWeights));
  SC_TRY(read_inputs(json, statistics));
  SC_TRY(read_matrices(json, statistics));
  if (has(json, "provenance")) statistics.provenance = json["provenance"];
  return statistics;
}

Result<Statistics> read_statistics(const std::filesystem::path& path, const std::string& model_fingerprint) {
  SC_TRY_ASSIGN(const Json json, read_json_file(path));
  SC_TRY_ASSIGN(Statistics statistics, within(path.string(), statistics_from_json(json)));
  if (statistics.model_fingerprint != model_fingerprint)
    return fail(Remedy{"name another file, or remove this one to collect it again"},
                "{}: these are the statistics of another model ({:.12} instead of {:.12})", path.string(),
                statistics.model_fingerprint, model_fingerprint);
  return statistics;
}

Result<void> write_statistics(const std::filesystem::path& path, const Statistics& statistics) {
  return write_json_file(path, to_json(statistics));
}

}  // namespace sparsecim
