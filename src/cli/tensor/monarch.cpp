#include "prune/monarch.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/file.hpp"
#include "base/progress.hpp"
#include "base/provenance.hpp"
#include "cli/tensor/common.hpp"
#include "prune/measure.hpp"
#include "report/table.hpp"

namespace sparsecim {
namespace {

/// What all matrices of a model come to.
struct Totals {
  std::int64_t weights = 0, parameters = 0;  // of the matrices: dense, and of the factors
  std::int64_t other = 0;                    // of the model, beside the matrices
  std::int64_t head = 0;                     // multiplied with every token besides

  std::int64_t model_before() const { return weights + other; }
  std::int64_t model_after() const { return parameters + other; }
  /// Multiplications and additions for one token: two for each weight of a matrix, attention's products left out.
  std::int64_t flops_before() const { return 2 * (weights + head); }
  std::int64_t flops_after() const { return 2 * (parameters + head); }
};

Totals totals_of(const std::vector<FactoredMatrix>& matrices, const ModelConfig& config) {
  Totals totals{.other = dense_plan_of(config).other_weights, .head = config.vocab_size * config.hidden_size};
  for (const FactoredMatrix& matrix : matrices) {
    totals.weights += matrix.shape.n_out * matrix.shape.n_in;
    totals.parameters += matrix.shape.parameters();
  }
  return totals;
}

/// Root of the mean square over the matrices of one kind.
template <class Get>
double mean_error(const std::vector<const FactoredMatrix*>& matrices, Get get) {
  double sum = 0;
  for (const FactoredMatrix* matrix : matrices) sum += get(*matrix) * get(*matrix);
  return std::sqrt(sum / static_cast<double>(matrices.size()));
}

std::string percent(double share) { return fmt::format("{:.2f} %", 100 * share); }

std::string matrix_table(const std::vector<FactoredMatrix>& matrices, const ModelConfig& config, bool calibrated) {
  std::vector<std::string> titles = {"matrix", "shape", "blocks", "right", "left", "kept", "error"};
  if (calibrated) titles.insert(titles.end(), {"output", "calibrated"});
  Table table(titles);
  for (const LinearShape& linear : block_linears(config)) {
    std::vector<const FactoredMatrix*> kind;
    for (const FactoredMatrix& matrix : matrices)
      if (matrix.linear == linear.name) kind.push_back(&matrix);
    const MonarchShape& shape = kind.front()->shape;
    const double kept = static_cast<double>(shape.parameters()) / static_cast<double>(shape.n_out * shape.n_in);
    std::vector<std::string> row = {linear.name.substr(linear.name.find('.') + 1),
                                    fmt::format("{}x{}", shape.n_out, shape.n_in),
                                    fmt::format("{}", shape.blocks),
                                    fmt::format("{}x{}", shape.middle, shape.inputs),
                                    fmt::format("{}x{}", shape.outputs, shape.middle),
                                    fmt::format("{:.1f} %", 100 * kept),
                                    percent(mean_error(kind, [](const auto& m) { return m.error; }))};
    if (calibrated) {
      row.push_back(percent(mean_error(kind, [](const auto& m) { return m.output_errors.front(); })));
      row.push_back(percent(mean_error(kind, [](const auto& m) { return m.output_errors.back(); })));
    }
    table.row(std::move(row));
  }
  return table.text();
}

std::string totals_table(const Totals& totals) {
  Table table({"", "before", "after", "less"});
  const auto row = [&](const std::string& name, std::int64_t before, std::int64_t after) {
    table.row({name, format_count(before), format_count(after),
               fmt::format("{:.2f}x", static_cast<double>(before) / static_cast<double>(after))});
  };
  row("parameters of the matrices", totals.weights, totals.parameters);
  row("parameters of the model", totals.model_before(), totals.model_after());
  row("FLOPs per token, with the head", totals.flops_before(), totals.flops_after());
  return table.text();
}

Json plan_json(const std::vector<FactoredMatrix>& matrices, const Totals& totals, Json record) {
  Json json = {{"format", "sparsecim monarch plan"},
               {"schema_version", 1},
               {"totals",
                {{"weights", totals.weights},
                 {"parameters", totals.parameters},
                 {"model_parameters_before", totals.model_before()},
                 {"model_parameters", totals.model_after()},
                 {"flops_per_token_before", totals.flops_before()},
                 {"flops_per_token", totals.flops_after()}}},
               {"matrices", Json::array()}};
  for (const FactoredMatrix& matrix : matrices) json["matrices"].push_back(to_json(matrix));
  json["provenance"] = std::move(record);
  return json;
}

Result<std::optional<std::int64_t>> blocks_of(const MonarchRequest& request) {
  if (request.blocks == "sqrt") return std::nullopt;
  SC_TRY_ASSIGN(const Json number, within("--blocks", parse_json(request.blocks)));
  return number.get<std::int64_t>();
}

/// Everything that decides what comes out, resolved.
struct MonarchJob {
  std::map<std::string, MonarchShape> shapes;
  std::optional<Calibration> calibration;
  Json record;  // provenance
};

Result<MonarchJob> make_monarch_job(const MonarchRequest& request, const OpenModel& model) {
  SC_TRY(require_dense(model.checkpoint->config(), "cannot be projected again"));
  MonarchJob job;
  SC_TRY_ASSIGN(const auto blocks, blocks_of(request));
  SC_TRY_ASSIGN(job.shapes, monarch_shapes(model.checkpoint->config(), blocks));
  Json options = options_of(request);
  options["blocks"] = request.blocks;
  auto inputs = model.checkpoint->files();
  if (!request.calibration.text.empty()) {
    SC_TRY_ASSIGN(const NamedCorpus text, open_corpus(request.calibration, kEnglishCalibration));
    SC_TRY_ASSIGN(job.calibration, calibrate(request.calibration, text, model));
    options["calibration"] = options_of(request.calibration, text.path, *job.calibration);
    inputs.push_back(text.path);
  }
  SC_TRY_ASSIGN(job.record, provenance("monarch", std::move(options), inputs, request.calibration.seed));
  return job;
}

}  // namespace

Result<void> run_monarch(const MonarchRequest& request) {
  SC_TRY_ASSIGN(OutputDirectory directory, OutputDirectory::create(request.output, request.force));
  SC_TRY_ASSIGN(const OpenModel model, open_requested(request));
  SC_TRY_ASSIGN(const MonarchJob job, make_monarch_job(request, model));
  SC_TRY_ASSIGN(PruneOutput output, PruneOutput::create(*model.checkpoint, directory.path(), {}, job.shapes));
  const Calibration* calibration = job.calibration ? &*job.calibration : nullptr;
  SC_TRY_ASSIGN(const auto matrices, project_model(model.llama, job.shapes, calibration, output));
  const ModelConfig& config = model.checkpoint->config();
  const Totals totals = totals_of(matrices, config);
  SC_TRY(write_json_file(directory.path() / "plan.json", plan_json(matrices, totals, job.record)));
  SC_TRY(directory.commit());
  fmt::print("{}\n{}", matrix_table(matrices, config, calibration != nullptr), totals_table(totals));
  return {};
}

}  // namespace sparsecim
