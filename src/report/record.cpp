#include "report/record.hpp"

#include <cmath>
#include <initializer_list>

namespace sparsecim::report {
namespace {

constexpr const char* kSchema = "sparsecim.record/1";

template <class T>
struct Field {
  const char* key;
  T* into;
};

Result<void> require_object(const Json& json) {
  if (!json.is_object()) return fail("is not an object");
  return {};
}

/// Absent: missing, null or not finite. Errors: something else than a number.
Result<Number> optional_number(const Json& object, const char* key) {
  if (!has(object, key)) return Number{};
  if (!object[key].is_number()) return fail("'{}' is not a number", key);
  const double value = object[key].get<double>();
  return std::isfinite(value) ? Number{value} : Number{};
}

Result<void> read_numbers(const Json& object, std::initializer_list<Field<Number>> fields) {
  SC_TRY(require_object(object));
  for (const auto& field : fields) {
    SC_TRY_ASSIGN(*field.into, optional_number(object, field.key));
  }
  return {};
}

Result<void> read_required_texts(const Json& object, std::initializer_list<Field<std::string>> fields) {
  for (const auto& field : fields) {
    SC_TRY_ASSIGN(*field.into, get_string(object, field.key));
  }
  return {};
}

Result<void> read_texts(const Json& object, std::initializer_list<Field<std::string>> fields) {
  SC_TRY(require_object(object));
  for (const auto& field : fields)
    if (has(object, field.key)) SC_TRY(read_required_texts(object, {field}));
  return {};
}

/// The elements of the list `key`, each by `read`; none if the key is absent.
template <class T>
Result<void> read_list(const Json& object, const char* key, std::vector<T>& into, Result<T> (*read)(const Json&)) {
  SC_TRY(require_object(object));
  if (!has(object, key)) return {};
  const Json& list = object[key];
  if (!list.is_array()) return fail("'{}' is not a list", key);
  into.reserve(list.size());
  for (std::size_t i = 0; i < list.size(); ++i) {
    SC_TRY_ASSIGN(T element, within(fmt::format("{}[{}]", key, i), read(list[i])));
    into.push_back(std::move(element));
  }
  return {};
}

/// The object `key` by `read`; left as it is if the key is absent.
template <class T>
Result<void> read_part(const Json& object, const char* key, T& into, Result<T> (*read)(const Json&)) {
  if (!has(object, key)) return {};
  SC_TRY_ASSIGN(into, within(key, read(object[key])));
  return {};
}

Result<std::string> read_text(const Json& json) {
  if (!json.is_string()) return fail("is not a string");
  return json.get<std::string>();
}

Result<Amounts> read_amounts(const Json& json) {
  SC_TRY(require_object(json));
  Amounts amounts;
  for (const auto& [key, value] : json.items()) {
    if (!value.is_number() && !value.is_null()) return fail("'{}' is not a number", key);
    const double amount = value.is_number() ? value.get<double>() : NAN;
    if (std::isfinite(amount) && amount > 0) amounts.emplace_back(key, amount);
  }
  return amounts;
}

Result<Quality> read_quality(const Json& json) {
  Quality quality;
  SC_TRY(read_numbers(json, {{"perplexity", &quality.perplexity},
                             {"nats_per_token", &quality.nats_per_token},
                             {"bits_per_byte", &quality.bits_per_byte},
                             {"tokens", &quality.tokens},
                             {"kl_divergence", &quality.kl_divergence},
                             {"top1_agreement", &quality.top1_agreement}}));
  return quality;
}

Result<HardwareRun> read_hardware_run(const Json& json) {
  HardwareRun run;
  SC_TRY(read_required_texts(json, {{"arch", &run.arch}, {"phase", &run.phase}}));
  SC_TRY(read_numbers(json, {{"latency_ns", &run.latency_ns},
                             {"cycles", &run.cycles},
                             {"energy_pj", &run.energy_pj},
                             {"energy_pj_low", &run.energy_pj_low},
                             {"energy_pj_high", &run.energy_pj_high},
                             {"area_um2", &run.area_um2},
                             {"area_um2_low", &run.area_um2_low},
                             {"area_um2_high", &run.area_um2_high},
                             {"utilization", &run.utilization},
                             {"tops_per_watt", &run.tops_per_watt}}));
  SC_TRY(read_part(json, "energy_by_component", run.energy_by_component, read_amounts));
  SC_TRY(read_part(json, "area_by_component", run.area_by_component, read_amounts));
  return run;
}

Result<Variant> read_variant(const Json& json) {
  Variant variant;
  SC_TRY(read_required_texts(json, {{"name", &variant.name}, {"label", &variant.label}}));
  SC_TRY(read_numbers(json, {{"sparsity", &variant.sparsity},
                             {"whole_model_sparsity", &variant.whole_model_sparsity},
                             {"stored_bytes", &variant.stored_bytes}}));
  SC_TRY(read_part(json, "quality", variant.quality, read_quality));
  SC_TRY(read_list(json, "hardware", variant.hardware, read_hardware_run));
  return variant;
}

Result<Baseline> read_baseline(const Json& json) {
  Baseline baseline;
  SC_TRY(read_required_texts(json, {{"name", &baseline.name}, {"label", &baseline.label}}));
  SC_TRY(read_numbers(json, {{"stored_bytes", &baseline.stored_bytes}}));
  SC_TRY(read_part(json, "quality", baseline.quality, read_quality));
  return baseline;
}

Result<ParetoPoint> read_pareto_point(const Json& json) {
  ParetoPoint point;
  SC_TRY(read_required_texts(json, {{"name", &point.name}, {"label", &point.label}}));
  SC_TRY(read_texts(json, {{"dominated_by", &point.dominated_by}}));
  SC_TRY(read_numbers(json, {{"sparsity", &point.sparsity},
                             {"stored_bytes", &point.stored_bytes},
                             {"perplexity", &point.perplexity},
                             {"latency_ns", &point.latency_ns},
                             {"energy_pj", &point.energy_pj}}));
  SC_TRY(read_list(json, "front", point.front, read_text));
  return point;
}

Result<EqualRival> read_equal_rival(const Json& json) {
  EqualRival rival;
  SC_TRY(read_required_texts(json, {{"name", &rival.name}}));
  SC_TRY(read_texts(json, {{"below", &rival.below}, {"above", &rival.above}}));
  SC_TRY(read_numbers(json, {{"perplexity", &rival.perplexity}}));
  return rival;
}

Result<EqualComparison> read_equal(const Json& json) {
  EqualComparison equal;
  SC_TRY(read_required_texts(json, {{"at", &equal.at}, {"label", &equal.label}}));
  SC_TRY(read_numbers(json, {{"value", &equal.value}, {"perplexity", &equal.perplexity}}));
  SC_TRY(read_list(json, "rivals", equal.rivals, read_equal_rival));
  return equal;
}

Result<Pareto> read_pareto(const Json& json) {
  Pareto pareto;
  SC_TRY(read_list(json, "points", pareto.points, read_pareto_point));
  SC_TRY(read_list(json, "equal", pareto.equal, read_equal));
  return pareto;
}

Result<Phase> read_phase(const Json& json) {
  Phase phase;
  SC_TRY(read_required_texts(json, {{"phase", &phase.name}}));
  SC_TRY(read_numbers(json, {{"tokens", &phase.tokens}, {"batch", &phase.batch}, {"context", &phase.context}}));
  return phase;
}

Result<Text> read_corpus(const Json& json) {
  Text text;
  SC_TRY(read_texts(json, {{"text", &text.text}}));
  SC_TRY(read_numbers(
      json,
      {{"samples", &text.samples}, {"length", &text.length}, {"tokens", &text.tokens}, {"context", &text.context}}));
  return text;
}

Result<Request> read_request(const Json& json) {
  Request request;
  SC_TRY(read_texts(json, {{"arch", &request.arch},
                           {"baseline_arch", &request.baseline_arch},
                           {"method", &request.method},
                           {"granularity", &request.granularity}}));
  SC_TRY(read_numbers(json, {{"sparsity", &request.sparsity}, {"tau", &request.tau}, {"macros", &request.macros}}));
  SC_TRY(read_list(json, "options", request.options, read_text));
  SC_TRY(read_part(json, "calibration", request.calibration, read_corpus));
  SC_TRY(read_part(json, "evaluation", request.evaluation, read_corpus));
  SC_TRY(read_list(json, "phases", request.phases, read_phase));
  return request;
}

Result<Model> read_model(const Json& json) {
  Model model;
  SC_TRY(read_required_texts(json, {{"name", &model.name}}));
  SC_TRY(read_texts(json, {{"architecture", &model.architecture}, {"source_storage", &model.source_storage}}));
  SC_TRY(read_numbers(json, {{"parameters", &model.parameters},
                             {"layers", &model.layers},
                             {"hidden_size", &model.hidden_size},
                             {"heads", &model.heads},
                             {"kv_heads", &model.kv_heads},
                             {"vocabulary", &model.vocabulary},
                             {"planned_weights", &model.planned_weights}}));
  return model;
}

Result<SelectedBlock> read_block(const Json& json) {
  SelectedBlock block;
  SC_TRY_ASSIGN(block.block, get_integer(json, "block", 0, INT64_MAX));
  SC_TRY(read_texts(json, {{"pattern", &block.pattern}}));
  SC_TRY(read_numbers(
      json, {{"outlier_share", &block.outlier_share}, {"outlier_distribution", &block.outlier_distribution}}));
  return block;
}

Result<SelectedMatrix> read_matrix(const Json& json) {
  SelectedMatrix matrix;
  SC_TRY(read_required_texts(json, {{"name", &matrix.name}, {"linear", &matrix.linear}, {"pattern", &matrix.pattern}}));
  SC_TRY_ASSIGN(matrix.block, get_integer(json, "block", 0, INT64_MAX));
  SC_TRY(read_numbers(json, {{"n_out", &matrix.n_out},
                             {"n_in", &matrix.n_in},
                             {"weights", &matrix.weights},
                             {"outlier_share", &matrix.outlier_share},
                             {"outlier_distribution", &matrix.outlier_distribution}}));
  return matrix;
}

Result<Selection> read_selection(const Json& json) {
  Selection selection;
  SC_TRY(read_numbers(json, {{"slack", &selection.slack}}));
  SC_TRY(read_list(json, "notes", selection.notes, read_text));
  SC_TRY(read_list(json, "blocks", selection.blocks, read_block));
  SC_TRY(read_list(json, "matrices", selection.matrices, read_matrix));
  return selection;
}

Result<Stage> read_stage(const Json& json) {
  Stage stage;
  SC_TRY(read_required_texts(json, {{"name", &stage.name}}));
  SC_TRY_ASSIGN(stage.seconds, get_number(json, "seconds"));
  return stage;
}

Result<Input> read_input(const Json& json) {
  Input input;
  SC_TRY(read_required_texts(json, {{"path", &input.path}}));
  SC_TRY(read_texts(json, {{"sha256", &input.sha256}}));
  return input;
}

Result<Provenance> read_provenance(const Json& json) {
  Provenance provenance;
  SC_TRY(read_texts(
      json, {{"sparsecim", &provenance.version}, {"verb", &provenance.verb}, {"command", &provenance.command}}));
  if (has(json, "options")) {
    SC_TRY(within("options", require_object(json["options"])));
    provenance.options = json["options"];
  }
  SC_TRY(read_list(json, "inputs", provenance.inputs, read_input));
  if (has(json, "seed")) {
    if (!json["seed"].is_number()) return fail("'seed' is not a number");
    provenance.seed = json["seed"].dump();
  }
  return provenance;
}

Result<Machine> read_machine(const Json& json) {
  Machine machine;
  SC_TRY(read_texts(json, {{"cpu", &machine.cpu}}));
  SC_TRY(read_numbers(json, {{"threads", &machine.threads}}));
  return machine;
}

Result<Record> read_record(const Json& json) {
  SC_TRY(require_object(json));
  SC_TRY_ASSIGN(const std::string schema, get_string(json, "schema"));
  if (schema != kSchema) return fail("'schema' is '{}', not '{}'", schema, kSchema);
  for (const char* key : {"model", "variants"})
    if (!has(json, key)) return fail("'{}' is missing", key);
  Record record;
  SC_TRY(read_part(json, "provenance", record.provenance, read_provenance));
  SC_TRY(read_part(json, "model", record.model, read_model));
  SC_TRY(read_part(json, "request", record.request, read_request));
  SC_TRY(read_list(json, "variants", record.variants, read_variant));
  SC_TRY(read_list(json, "baselines", record.baselines, read_baseline));
  SC_TRY(read_part(json, "pareto", record.pareto, read_pareto));
  SC_TRY(read_part(json, "selection", record.selection, read_selection));
  SC_TRY(read_list(json, "stages", record.stages, read_stage));
  SC_TRY(read_part(json, "machine", record.machine, read_machine));
  SC_TRY(read_list(json, "notes", record.notes, read_text));
  return record;
}

}  // namespace

Result<Record> record_from_json(const Json& json) { return within("record", read_record(json)); }

}  // namespace sparsecim::report
