#include <algorithm>

#include "base/file.hpp"
#include "base/progress.hpp"
#include "base/provenance.hpp"
#include "cli/tensor/common.hpp"
#include "codesign/record.hpp"
#include "report/report.hpp"

namespace sparsecim {
namespace {

/// What calibration and evaluation read: two files, or the two ends of one, so that no token serves both.
struct Texts {
  NamedCorpus calibration, evaluation;
  bool cut = false;  // one file serves both
};

/// Cuts the last fifth off: whole documents, or else from a white space on. Errors: a single document.
Result<Corpus> take_last_fifth(Corpus& corpus) {
  Corpus last{.split = corpus.split};
  if (corpus.split) {
    if (corpus.documents.size() < 2)
      return fail(Remedy{"give a second text by --eval-text"}, "one document cannot calibrate and evaluate");
    const auto cut = corpus.documents.begin() + std::max<std::int64_t>(1, std::ssize(corpus.documents) * 4 / 5);
    last.documents.assign(cut, corpus.documents.end());
    corpus.documents.erase(cut, corpus.documents.end());
    return last;
  }
  std::string& text = corpus.documents[0];
  const std::size_t fifth = text.size() * 4 / 5;
  std::size_t at = text.find('\n', fifth);
  if (at == std::string::npos) at = text.find(' ', fifth);
  at = std::min(at, text.size());
  last.documents.push_back(text.substr(at));
  text.resize(at);
  return last;
}

Result<Texts> open_texts(const CodesignRequest& request) {
  Texts texts;
  SC_TRY_ASSIGN(texts.calibration, open_corpus(request.calibration, kEnglishCalibration));
  if (request.calibration.text.empty() || !request.evaluation_text.empty()) {
    const TextRequest evaluation{request.evaluation_text, request.calibration.split};
    SC_TRY_ASSIGN(texts.evaluation, open_corpus(evaluation, kEnglishEvaluation));
    return texts;
  }
  texts.evaluation.path = texts.calibration.path;
  SC_TRY_ASSIGN(texts.evaluation.corpus,
                within(texts.calibration.path.string(), take_last_fifth(texts.calibration.corpus)));
  texts.cut = true;
  return texts;
}

Protocol protocol_of(const CodesignRequest& request, const ModelConfig& config) {
  const std::int64_t widest = std::min(default_context(config), request.evaluation_tokens);
  return {.context = request.context.value_or(widest),
          .max_tokens = request.evaluation_tokens,
          .max_tokens_option = "--eval-tokens"};
}

/// What is evaluated and simulated fits into the model's positions; decoding takes one more than was there before.
Result<void> check_lengths(const CodesignRequest& request, const ModelConfig& config) {
  if (!request.calibration.split) SC_TRY(check_positions("--context", request.context.value_or(0), config));
  SC_TRY(check_positions("--prefill", request.prefill_tokens.value_or(0), config));
  return check_positions("--decode-context", request.decode_context.value_or(0), config, 1);
}

Result<std::vector<MachineDescription>> open_machines(const CodesignRequest& request) {
  std::vector<MachineDescription> machines;
  for (const std::string& name : {request.arch, request.baseline}) {
    if (!machines.empty() && machines[0].name == name) continue;
    SC_TRY_ASSIGN(MachineDescription machine, open_machine(name));
    machines.push_back(std::move(machine));
  }
  return machines;
}

/// Each method at each sparsity: what bounds the requested plan otherwise does not hold there.
Result<std::optional<ParetoRequest>> pareto_of(const CodesignRequest& request) {
  if (!request.pareto) return std::nullopt;
  ParetoRequest pareto{.sparsities = request.pareto_sparsities, .methods = {}};
  for (const double sparsity : pareto.sparsities)
    if (!(sparsity > 0 && sparsity < 1))
      return fail(Remedy{"give shares between 0 and 1, for instance 0.375,0.5"},
                  "--pareto-sparsities: {} is out of range", sparsity);
  SC_TRY_ASSIGN(SelectionRequest own, selection_of(request.selection));
  own.ceilings.clear();
  if (own.method == Method::kShuffled)
    return fail(Remedy{"use another --method"}, "--pareto: a shuffled plan has the sparsity of its --plan only");
  if (needs_statistics(own.method)) pareto.methods.push_back(own);
  for (const std::string& name : request.pareto_methods) {
    SC_TRY_ASSIGN(const Method method, within("--pareto-methods", parse_method(name)));
    if (method == own.method || method == Method::kUniform) continue;  // which are there
    if (!needs_statistics(method)) return fail("--pareto-methods: {} chooses no patterns", name);
    SelectionOptions options = request.selection;
    options.method = name;
    options.options.clear();
    options.granularity.clear();
    options.tau.reset();
    SC_TRY_ASSIGN(SelectionRequest other, selection_of(options));
    other.ceilings.clear();
    pareto.methods.push_back(std::move(other));
  }
  return pareto;
}

Result<CodesignJob> make_job(const CodesignRequest& request, const OpenModel& model, const Texts& texts,
                             const Calibration& calibration) {
  CodesignJob job{.model = display_name(request.model), .seed = request.calibration.seed, .calibration = &calibration};
  SC_TRY_ASSIGN(job.selection, selection_of(request.selection));
  if (job.selection.method == Method::kShuffled) {
    SC_TRY_ASSIGN(job.shuffled, read_plan(request.selection.plan));
  }
  SelectionOptions options = request.selection;
  options.arch = request.arch;
  SC_TRY(add_decode_ceilings(options, model.checkpoint->config(), request.decode_context, job.selection));
  job.decode = {.most_ns = options.max_decode_ns, .most_nj = options.max_decode_nj, .context = request.decode_context};
  SC_TRY_ASSIGN(job.pareto, pareto_of(request));
  SC_TRY_ASSIGN(job.importance, parse_importance(request.importance));
  SC_TRY_ASSIGN(job.machines, open_machines(request));
  const Protocol protocol = protocol_of(request, model.checkpoint->config());
  SC_TRY_ASSIGN(job.evaluation, within(texts.evaluation.path.string(),
                                       make_sequences(*model.tokenizer, texts.evaluation.corpus, protocol)));
  job.phases = {{.phase = Phase::kPrefill, .tokens = request.prefill_tokens},
                {.phase = Phase::kDecode, .context = request.decode_context}};
  return job;
}

Result<Json> provenance_of(const CodesignRequest& request, const OpenModel& model, const Texts& texts,
                           const Calibration& calibration) {
  Json options = options_of(request);
  options.update(options_of(request.selection));
  options.update(options_of(request.calibration, texts.calibration.path, calibration));
  if (!request.evaluation_text.empty()) options["eval_text"] = request.evaluation_text.string();
  options["eval_tokens"] = request.evaluation_tokens;
  if (request.context) options["context"] = *request.context;
  options["importance"] = request.importance;
  if (request.prefill_tokens) options["prefill"] = *request.prefill_tokens;
  if (request.decode_context) options["decode_context"] = *request.decode_context;
  if (request.pareto) {
    options["pareto"] = true;
    options["pareto_sparsities"] = request.pareto_sparsities;
    if (!request.pareto_methods.empty()) options["pareto_methods"] = request.pareto_methods;
  }
  options["arch"] = request.arch;
  options["baseline"] = request.baseline;
  options["output"] = request.output.string();
  auto inputs = model.checkpoint->files();
  inputs.push_back(texts.calibration.path);
  if (!request.selection.plan.empty()) inputs.push_back(request.selection.plan);
  if (!texts.cut) inputs.push_back(texts.evaluation.path);
  for (const std::string& machine : {request.arch, request.baseline})
    if (std::error_code error; std::filesystem::is_regular_file(machine, error)) inputs.emplace_back(machine);
  return provenance("codesign", std::move(options), inputs, request.calibration.seed);
}

/// For the report, which must not look as if the same tokens had served both.
std::string evaluation_label(const Texts& texts) {
  return texts.evaluation.path.string() + (texts.cut ? " (its last fifth, kept out of calibration)" : "");
}

/// What the run leaves beside the sparse checkpoint: its plan, the record and the page.
Result<void> write_results(const std::filesystem::path& directory, const CodesignResult& result, const Json& record) {
  SC_TRY(write_plan(directory / "plan.json", result.plan));
  SC_TRY(write_json_file(directory / "record.json", record));
  SC_TRY_ASSIGN(const std::string page, render_report(record));
  return write_text_file(directory / "report.html", page);
}

}  // namespace

Result<void> run_codesign(const CodesignRequest& request) {
  SC_TRY_ASSIGN(OutputDirectory output, OutputDirectory::create(request.output, request.force));
  // Mistakes that cost nothing to find come before anything that takes time.
  SC_TRY(selection_of(request.selection));
  SC_TRY(pareto_of(request));
  SC_TRY(parse_importance(request.importance));
  SC_TRY(open_machines(request));
  SC_TRY_ASSIGN(const Texts texts, open_texts(request));
  SC_TRY_ASSIGN(const OpenModel model, open_requested(request));
  SC_TRY(require_dense(model.checkpoint->config(), "have no N:M patterns"));
  SC_TRY(check_lengths(request, model.checkpoint->config()));
  SC_TRY_ASSIGN(const Calibration calibration, calibrate(request.calibration, texts.calibration, model));
  SC_TRY_ASSIGN(CodesignJob job, make_job(request, model, texts, calibration));
  SC_TRY_ASSIGN(job.provenance, provenance_of(request, model, texts, calibration));
  SC_TRY_ASSIGN(const CodesignResult result, codesign(model, job, output.path()));
  const RecordContext context{.calibration_text = texts.calibration.path.string(),
                              .evaluation_text = evaluation_label(texts),
                              .calibration_samples = calibration.samples,
                              .calibration_length = request.calibration.length,
                              .evaluation_context = protocol_of(request, model.checkpoint->config()).context};
  const Json record = make_record(model, job, result, context);
  SC_TRY_ASSIGN(const std::string summary, render_report_text(record));
  SC_TRY(write_results(output.path(), result, record));
  SC_TRY(output.commit());
  fmt::print("{}\nreport: {}\n", summary, (request.output / "report.html").string());
  return {};
}

}  // namespace sparsecim
