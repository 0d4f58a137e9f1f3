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
constexpr std::int64_t kStatisticsVersion = 2;

Json to_json(const InputStatistics& input);
Json to_json(const Outliers& outliers);
Json to_json(const MatrixStatistics& matrix);
Json to_json(const Threshold& threshold);
Json to_json(const LossRise& rise);

Json to_json(const InputStatistics& input) { return {{"name", input.name}, {"mean_squares", input.mean_squares}}; }

template <class T>
Json list_of(const std::vector<T>& items) {
  Json list = Json::array();
  for (const T& item : items) list.push_back(to_json(item));
  return list;
}

Json to_json(const Outliers& outliers) {
  return {{"count", outliers.count},
          {"mean_score", outliers.mean_score},
          {"distribution", outliers.distribution},
          {"crowding", outliers.crowding}};
}

Json to_json(const MatrixStatistics& matrix) {
  return {{"name", matrix.name},
          {"block", matrix.block},
          {"shape", {matrix.n_out, matrix.n_in}},
          {"input", matrix.input},
          {"outliers", list_of(matrix.outliers)},
          {"dropped", matrix.dropped},
          {"errors", matrix.errors},
          {"rises", list_of(matrix.rises)}};
}

Json to_json(const LossRise& rise) { return {{"nats", rise.nats}, {"standard_error", rise.standard_error}}; }

Json to_json(const Threshold& threshold) {
  return {{"tau", threshold.tau}, {"granularity", name(threshold.granularity)}};
}

Json pattern_names(const std::vector<Pattern>& patterns) {
  Json names = Json::array();
  for (const Pattern& pattern : patterns) names.push_back(pattern.name());
  return names;
}

Result<Threshold> threshold_from_json(const Json& json) {
  Threshold threshold;
  SC_TRY_ASSIGN(threshold.tau, get_number_within(json, "tau", 1e-6, 1e6));
  SC_TRY_ASSIGN(const std::string text, get_string(json, "granularity"));
  SC_TRY_ASSIGN(threshold.granularity, within("'granularity'", parse_granularity(text)));
  return threshold;
}

Result<std::vector<Pattern>> patterns_from_json(const Json& json, const std::string& key) {
  std::vector<Pattern> patterns;
  SC_TRY_ASSIGN(const Json* list, get_list(json, key));
  for (const Json& item : *list) {
    if (!item.is_string()) return fail("'{}' holds something that is not a string", key);
    SC_TRY_ASSIGN(patterns.emplace_back(), within(fmt::format("'{}'", key), parse_pattern(item.get<std::string>())));
  }
  return patterns;
}

Json to_json(const LossScope& losses) {
  return {{"reference", losses.reference.name()},
          {"anchors", pattern_names({LossScope::kAnchors.begin(), LossScope::kAnchors.end()})},
          {"tokens", losses.tokens}};
}

Result<LossScope> losses_from_json(const Json& json) {
  LossScope losses;
  SC_TRY_ASSIGN(const std::string reference, get_string(json, "reference"));
  SC_TRY_ASSIGN(losses.reference, within("'reference'", parse_pattern(reference)));
  SC_TRY_ASSIGN(const auto anchors, patterns_from_json(json, "anchors"));
  if (!std::ranges::equal(anchors, LossScope::kAnchors))
    return fail("'anchors' are not {}", to_string(LossScope::kAnchors));
  SC_TRY_ASSIGN(losses.tokens, get_integer(json, "tokens", 1, kMostWeights));
  return losses;
}

Result<StatisticsScope> scope_from_json(const Json& json) {
  StatisticsScope scope;
  SC_TRY_ASSIGN(const Json* thresholds, get_list(json, "thresholds"));
  for (const Json& item : *thresholds) {
    const std::string place = fmt::format("threshold {}", scope.thresholds.size());
    SC_TRY_ASSIGN(scope.thresholds.emplace_back(), within(place, threshold_from_json(item)));
  }
  SC_TRY_ASSIGN(scope.patterns, patterns_from_json(json, "patterns"));
  SC_TRY_ASSIGN(scope.error_patterns, patterns_from_json(json, "error_patterns"));
  if (has(json, "losses")) {
    SC_TRY_ASSIGN(scope.losses, within("'losses'", losses_from_json(json["losses"])));
  }
  return scope;
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
  SC_TRY_ASSIGN(outliers.crowding, get_number_within(json, "crowding", 0, static_cast<double>(kMostWeights)));
  return outliers;
}

Result<LossRise> rise_from_json(const Json& json) {
  LossRise rise;
  SC_TRY_ASSIGN(rise.nats, get_number_within(json, "nats", -1e6, 1e6));
  SC_TRY_ASSIGN(rise.standard_error, get_number_within(json, "standard_error", 0, 1e6));
  return rise;
}

/// The list `key`, one item for each of what the scope counts.
Result<const Json*> get_list_of(const Json& json, const std::string& key, std::size_t expected) {
  SC_TRY_ASSIGN(const Json* list, get_list(json, key));
  if (list->size() != expected) return fail("'{}' has {} items, not {}", key, list->size(), expected);
  return list;
}

Result<void> read_counts(const Json& json, const StatisticsScope& scope, MatrixStatistics& matrix) {
  SC_TRY_ASSIGN(const Json* outliers, get_list_of(json, "outliers", scope.thresholds.size()));
  for (const Json& item : *outliers) {
    const std::string place = fmt::format("outliers {}", matrix.outliers.size());
    SC_TRY_ASSIGN(matrix.outliers.emplace_back(), within(place, outliers_from_json(item, matrix.n_out * matrix.n_in)));
  }
  SC_TRY_ASSIGN(const Json* dropped, get_list_of(json, "dropped", scope.patterns.size()));
  for (const Json& item : *dropped) {
    if (!(item.is_number() && item.get<double>() >= 0 && item.get<double>() <= 1))
      return fail("'dropped' holds {}, no share", item.dump());
    matrix.dropped.push_back(item.get<double>());
  }
  SC_TRY_ASSIGN(const Json* errors, get_list_of(json, "errors", scope.error_patterns.size()));
  for (const Json& item : *errors) {
    if (!(item.is_number() && item.get<double>() >= 0 && std::isfinite(item.get<double>())))
      return fail("'errors' holds {}, no error", item.dump());
    matrix.errors.push_back(item.get<double>());
  }
  SC_TRY_ASSIGN(const Json* rises, get_list_of(json, "rises", scope.losses ? LossScope::kAnchors.size() : 0));
  for (const Json& item : *rises) {
    SC_TRY_ASSIGN(matrix.rises.emplace_back(), within("'rises'", rise_from_json(item)));
  }
  return {};
}

Result<MatrixStatistics> matrix_from_json(const Json& json, const Statistics& statistics) {
  const std::vector<InputStatistics>& inputs = statistics.inputs;
  MatrixStatistics matrix;
  SC_TRY_ASSIGN(matrix.block, get_integer(json, "block", 0, kLargestDimension));
  SC_TRY_ASSIGN(const MatrixShape shape, get_shape(json));
  matrix.n_out = shape.n_out;
  matrix.n_in = shape.n_in;
  SC_TRY_ASSIGN(matrix.input, get_integer(json, "input", 0, static_cast<std::int64_t>(inputs.size()) - 1));
  const std::size_t norms = inputs[static_cast<std::size_t>(matrix.input)].mean_squares.size();
  if (norms != static_cast<std::size_t>(matrix.n_in))
    return fail("it has {} inputs, but input {} has {} mean squares", matrix.n_in, matrix.input, norms);
  SC_TRY(read_counts(json, statistics.scope, matrix));
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
    SC_TRY_ASSIGN(MatrixStatistics matrix, within(place, matrix_from_json(item, statistics)));
    if (!names.insert(name).second) return fail("{} is there twice", place);
    weights += matrix.n_out * matrix.n_in;
    if (weights > kMostWeights) return fail("{}: the model has more than 2^53 weights", place);
    matrix.name = name;
    statistics.matrices.push_back(std::move(matrix));
  }
  return statistics.matrices.empty() ? fail("'matrices' is empty") : Result<void>();
}

template <class T>
void add_once(std::vector<T>& items, const T& item) {
  if (std::ranges::find(items, item) == items.end()) items.push_back(item);
}

constexpr const char* kMeasureAgain = "name another --statistics file, so that it is measured";

/// A member of each matrix, which holds a value for each of `measured`, in the order of `options`.
Result<std::vector<std::vector<double>>> by_option(const Statistics& statistics,
                                                   std::vector<double> MatrixStatistics::* member,
                                                   const std::vector<Pattern>& measured,
                                                   std::span<const Pattern> options, std::string_view what) {
  std::vector<std::vector<double>> result(statistics.matrices.size());
  for (const Pattern& option : options) {
    const auto found = std::ranges::find(measured, option);
    if (found == measured.end())
      return fail(Remedy{kMeasureAgain}, "the statistics do not say {}",
                  fmt::format(fmt::runtime(what), option.name()));
    for (std::size_t i = 0; i < result.size(); ++i)
      result[i].push_back((statistics.matrices[i].*member)[static_cast<std::size_t>(found - measured.begin())]);
  }
  return result;
}

}  // namespace

std::string_view name(Granularity granularity) { return granularity == Granularity::kBlock ? "block" : "matrix"; }

Result<Granularity> parse_granularity(std::string_view text) {
  for (const Granularity granularity : {Granularity::kBlock, Granularity::kMatrix})
    if (text == name(granularity)) return granularity;
  return fail("'{}' is neither block nor matrix", text);
}

StatisticsScope StatisticsScope::standard() {
  StatisticsScope scope;
  for (const double tau : {3.0, 5.0})
    for (const Granularity granularity : {Granularity::kBlock, Granularity::kMatrix}) scope.add({tau, granularity});
  for (const Pattern& pattern : hardware_patterns()) scope.add(pattern);
  for (const int m : {8, 16})
    for (const Pattern& pattern : every_n_of(m)) scope.add(pattern);
  return scope;
}

void StatisticsScope::add(Threshold threshold) { add_once(thresholds, threshold); }
void StatisticsScope::add(Pattern pattern) { add_once(patterns, pattern); }
void StatisticsScope::add_error(Pattern pattern) { add_once(error_patterns, pattern); }

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

Result<std::vector<Outliers>> Statistics::outliers(Threshold threshold) const {
  const auto found = std::ranges::find(scope.thresholds, threshold);
  if (found == scope.thresholds.end())
    return fail(Remedy{kMeasureAgain}, "the statistics count no outliers above {} times the mean of a {}",
                threshold.tau, name(threshold.granularity));
  std::vector<Outliers> result;
  for (const MatrixStatistics& matrix : matrices)
    result.push_back(matrix.outliers[static_cast<std::size_t>(found - scope.thresholds.begin())]);
  return result;
}

Result<std::vector<std::vector<double>>> Statistics::dropped(std::span<const Pattern> options) const {
  return by_option(*this, &MatrixStatistics::dropped, scope.patterns, options, "what {} drops");
}

Result<std::vector<std::vector<double>>> Statistics::errors(std::span<const Pattern> options) const {
  return by_option(*this, &MatrixStatistics::errors, scope.error_patterns, options, "the output errors of {}");
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
          {"thresholds", list_of(statistics.scope.thresholds)},
          {"patterns", pattern_names(statistics.scope.patterns)},
          {"error_patterns", pattern_names(statistics.scope.error_patterns)},
          {"losses", statistics.scope.losses ? to_json(*statistics.scope.losses) : Json()},
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
  SC_TRY_ASSIGN(statistics.scope, scope_from_json(json));
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
