#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/file.hpp"
#include "base/progress.hpp"
#include "base/provenance.hpp"
#include "cli/tensor/common.hpp"
#include "evaluate/perplexity.hpp"
#include "evaluate/tasks.hpp"
#include "hardware/comparison.hpp"
#include "hardware/simulate.hpp"
#include "model/analog_arithmetic.hpp"
#include "model/flexcim_arithmetic.hpp"
#include "model/weight_rounding.hpp"
#include "prune/activities.hpp"
#include "report/table.hpp"
#include "text/corpus.hpp"

namespace sparsecim {
namespace {

Protocol protocol_of(const EvalRequest& request, const ModelConfig& config) {
  return {.context = request.context.value_or(default_context(config)),
          .max_tokens = request.max_tokens,
          .max_documents = request.max_documents};
}

/// The machine that the arithmetic is named after, or another of its kind.
Result<DescriptionSettings> machine_of(const EvalRequest& request, std::vector<Setting> more = {}) {
  std::vector<Setting> set;
  for (const std::string& text : request.set) {
    SC_TRY_ASSIGN(set.emplace_back(), setting_from_text("--set", text));
  }
  std::ranges::move(more, std::back_inserter(set));
  return read_description(request.arch.empty() ? request.arithmetic : request.arch, set);
}

/// The macros of flexcim arithmetic.
Result<std::shared_ptr<FlexcimArithmetic>> open_macros(const EvalRequest& request) {
  SC_TRY_ASSIGN(const auto description, machine_of(request));
  SC_TRY_ASSIGN(FlexcimParameters parameters, read_flexcim(description.path, description.settings));
  FlexcimSampleSize size;
  if (request.check_strips > 0) size.strips = request.check_strips;
  return std::make_shared<FlexcimArithmetic>(std::move(parameters), size);
}

/// The crossbars of analog arithmetic.
Result<std::shared_ptr<AnalogArithmetic>> open_arrays(const EvalRequest& request) {
  std::vector<Setting> more;
  for (const auto& [option, key, value] : {std::tuple{"--mapping", "mapping", request.mapping},
                                           {"--adc-bits", "adc.bits", request.adc_bits},
                                           {"--programming-noise", "noise.programming", request.programming_noise},
                                           {"--read-noise", "noise.read", request.read_noise},
                                           {"--drift-seconds", "noise.seconds", request.drift_seconds}})
    if (!value.empty()) more.push_back({.key = key, .values = {value}, .list = false, .place = option});
  SC_TRY_ASSIGN(const auto description, machine_of(request, std::move(more)));
  SC_TRY_ASSIGN(const AnalogParameters parameters, read_analog_parameters(description.path, description.settings));
  return std::make_shared<AnalogArithmetic>(parameters, show_parameters(analog_parameters(), parameters),
                                            request.noise_seed);
}

/// "126 x 2:4, 85 x dense".
std::string tally(const FlexcimArithmetic& macros) {
  std::map<Pattern, int> counts;
  for (const auto& matrix : macros.matrices()) ++counts[matrix.pattern];
  std::string words;
  for (const auto& [pattern, count] : counts)
    words += fmt::format("{}{} x {}", words.empty() ? "" : ", ", count, pattern.name());
  return words;
}

void add_rows(Table& table, const FlexcimArithmetic& macros) {
  std::int64_t bits = 0;
  for (const auto& matrix : macros.matrices()) bits = std::max(bits, matrix.partial_sum_bits);
  table.row({"macros run", tally(macros)});
  table.row({"partial sums", fmt::format("{} bits at most, of {}", bits, kPartialSumBits)});
  table.row({"checked bit by bit",
             fmt::format("{} of {} tiles, up to {} tokens each: equal", format_count(macros.checked_tiles()),
                         format_count(macros.tiles()), FlexcimSampleSize{}.tokens)});
}

/// "5 and 6 bits".
std::string bits_of_converters(const AnalogArithmetic& arrays) {
  std::set<std::int64_t> bits;
  for (const auto& [name, matrix] : arrays.matrices())
    for (const ConverterCode& code : matrix.codes) bits.insert(code.bits);
  return fmt::format("{} bits", fmt::join(bits, ", "));
}

std::string noise_of(const CellNoise& noise) {
  std::vector<std::string> words;
  if (noise.programming > 0) words.push_back(fmt::format("programming {:g}", noise.programming));
  if (noise.read > 0) words.push_back(fmt::format("read {:g}", noise.read));
  if (noise.seconds != 1) words.push_back(fmt::format("{:g} s of drift", noise.seconds));
  return words.empty() ? "none" : fmt::format("{}", fmt::join(words, ", "));
}

void add_rows(Table& table, const AnalogArithmetic& arrays) {
  std::map<std::string, int> mappings;
  for (const auto& [name, matrix] : arrays.matrices()) ++mappings[matrix.mapping];
  std::vector<std::string> words;
  for (const auto& [mapping, count] : mappings) words.push_back(fmt::format("{} x {}", count, mapping));
  const ConversionCount count = arrays.count();
  table.row({"arrays hold", fmt::format("{}", fmt::join(words, ", "))});
  table.row({"converters", bits_of_converters(arrays)});
  table.row({"conversions", format_count(count.conversions)});
  table.row({"clipped", fmt::format("{} ({:.4f} %)", format_count(count.clipped),
                                    100 * static_cast<double>(count.clipped) /
                                        static_cast<double>(std::max<std::int64_t>(1, count.conversions)))});
  table.row({"noise", fmt::format("{}; seed {}", noise_of(arrays.parameters().noise), arrays.seed())});
}

/// What there is to say of the weights and of what computed with them.
struct Numerics {
  const FlexcimArithmetic* macros;   // or null
  const AnalogArithmetic* arrays;    // or null
  std::optional<StoredSize> stored;  // of rounded weights
};

/// Mappings of factors are about factors.
Result<void> check_mapping(const EvalRequest& request, const ModelConfig& config) {
  if (request.mapping.empty() || request.mapping == "linear" || !config.monarch.empty()) return {};
  return fail(Remedy{"project it by sparsecim monarch, or leave --mapping out"},
              "--mapping {} is for Monarch factors, which {} has not", request.mapping, request.model);
}

Result<Numerics> numerics_of(const OpenModel& model) {
  const Compute& compute = model.llama.compute();
  Numerics numerics{compute.flexcim.get(), compute.analog.get(), {}};
  if (compute.rounding) {
    SC_TRY_ASSIGN(numerics.stored, stored_size(*model.checkpoint, *compute.rounding));
  }
  return numerics;
}

void add_rows(Table& table, const Numerics& numerics) {
  if (numerics.macros) add_rows(table, *numerics.macros);
  if (numerics.arrays) add_rows(table, *numerics.arrays);
  if (!numerics.stored) return;
  table.row({"bits per weight", fmt::format("{:.3f} of the blocks' matrices", numerics.stored->bits_per_weight())});
  table.row({"stored bytes", fmt::format("{}, other weights at 8 bits", format_count(numerics.stored->bytes()))});
}

void print(const Evaluation& result, const Numerics& numerics) {
  Table table({"measure", "value"});
  table.row({"perplexity", fmt::format("{:.4f}", result.perplexity())});
  table.row({"nats/token", fmt::format("{:.4f}", result.nats_per_token)});
  table.row({"bits/byte", fmt::format("{:.4f}", result.bits_per_byte)});
  if (result.divergence) {
    table.row({"KL divergence, nats", fmt::format("{:.5f}", result.divergence->kl_nats)});
    table.row({"top-1 agreement", fmt::format("{:.2f} %", 100 * result.divergence->top1_agreement)});
  }
  add_rows(table, numerics);
  table.row({"tokens", format_count(result.tokens)});
  table.row({"tokens/s", fmt::format("{:.0f}", result.tokens_per_second())});
  fmt::print("{}", table.text());
}

/// The arithmetic that was asked for.
Result<Compute> compute_of(const EvalRequest& request) {
  SC_TRY_ASSIGN(Compute compute, prepare_compute(request));
  SC_TRY_ASSIGN(compute.arithmetic, choose_arithmetic(request.arithmetic, compute));
  if (request.arithmetic == "flexcim") {
    SC_TRY_ASSIGN(compute.flexcim, open_macros(request));
  }
  if (request.arithmetic == "analog") {
    SC_TRY_ASSIGN(compute.analog, open_arrays(request));
  }
  if (!request.round_weights.empty()) {
    SC_TRY_ASSIGN(compute.rounding, parse_weight_rounding(request.round_weights));
    if (compute.arithmetic != Arithmetic::kFloat)
      return fail(Remedy{"use --arithmetic float"}, "--arithmetic {} rounds weights by itself", request.arithmetic);
  }
  return compute;
}

Json arithmetic_options(const EvalRequest& request) {
  Json options = options_of(request);
  options["arithmetic"] = request.arithmetic;
  if (!request.arch.empty()) options["arch"] = request.arch;
  if (!request.set.empty()) options["set"] = request.set;
  if (request.check_strips > 0) options["check_strips"] = request.check_strips;
  for (const auto& [key, value] : {std::pair{"mapping", request.mapping},
                                   {"adc_bits", request.adc_bits},
                                   {"programming_noise", request.programming_noise},
                                   {"read_noise", request.read_noise},
                                   {"drift_seconds", request.drift_seconds}})
    if (!value.empty()) options[key] = value;
  if (request.arithmetic == "analog") options["noise_seed"] = request.noise_seed;
  if (!request.round_weights.empty()) options["round_weights"] = request.round_weights;
  return options;
}

/// A result with what it was made from.
Result<void> write(const EvalRequest& request, const Numerics& numerics, Json json, Json options,
                   std::vector<std::filesystem::path> inputs) {
  if (std::filesystem::exists(request.arch)) inputs.emplace_back(request.arch);
  if (numerics.macros) json["flexcim"] = to_json(*numerics.macros);
  if (numerics.arrays) json["analog"] = to_json(*numerics.arrays);
  if (numerics.stored) {
    json["stored_bytes"] = numerics.stored->bytes();
    json["stored_bits_per_weight"] = numerics.stored->bits_per_weight();
  }
  SC_TRY_ASSIGN(json["provenance"], provenance("eval", std::move(options), inputs));
  return write_json_file(request.json, json);
}

Result<void> write(const EvalRequest& request, const OpenModel& model, const OpenModel* reference,
                   const Protocol& protocol, const Numerics& numerics, const Evaluation& result) {
  Json options = arithmetic_options(request);
  options["text"] = request.text.string();
  options["context"] = protocol.context;
  if (request.split) options["split"] = *request.split;
  if (protocol.max_tokens != INT64_MAX) options["max_tokens"] = protocol.max_tokens;
  if (protocol.max_documents != INT64_MAX) options["max_documents"] = protocol.max_documents;
  if (!request.compare.empty()) options["compare"] = request.compare;
  auto inputs = model.checkpoint->files();
  if (reference) std::ranges::copy(reference->checkpoint->files(), std::back_inserter(inputs));
  inputs.push_back(request.text);
  return write(request, numerics, to_json(result), std::move(options), std::move(inputs));
}

/// Only models that mean the same by a token can be compared token by token.
Result<void> check_same_vocabulary(const OpenModel& model, const OpenModel& reference, const std::string& name) {
  const auto& ours = model.tokenizer->vocabulary().tokens;
  const auto& theirs = reference.tokenizer->vocabulary().tokens;
  if (std::ranges::equal(ours, theirs, {}, &Vocabulary::Token::text, &Vocabulary::Token::text)) return {};
  return fail(Remedy{"compare with the model that this one was made from"},
              "{}: its vocabulary is another one, so token probabilities cannot be compared", name);
}

std::string with_error(const Estimate& estimate, double scale, std::string_view unit) {
  if (!estimate.standard_error) return fmt::format("{:.2f}{}", scale * estimate.value, unit);
  return fmt::format("{:.2f} +- {:.2f}{}", scale * estimate.value, scale * *estimate.standard_error, unit);
}

void print(const TaskResult& result, const Numerics& numerics) {
  Table table({"measure", "value"});
  table.row({"accuracy", with_error(result.accuracy, 100, " %")});
  if (result.by_length) table.row({"accuracy by length", with_error(*result.by_length, 100, " %")});
  if (result.perplexity) table.row({"perplexity of the last word", with_error(*result.perplexity, 1, "")});
  table.row({"questions", format_count(std::ssize(result.answers))});
  if (result.cut > 0) table.row({"contexts cut to fit", format_count(result.cut)});
  add_rows(table, numerics);
  table.row({"tokens", format_count(result.tokens)});
  table.row({"tokens/s", fmt::format("{:.0f}", static_cast<double>(result.tokens) / std::max(1e-9, result.seconds))});
  fmt::print("{}", table.text());
}

Result<void> write(const EvalRequest& request, const OpenModel& model, const Numerics& numerics,
                   const TaskResult& result) {
  Json options = arithmetic_options(request);
  options["task"] = request.task;
  options["task_file"] = request.task_file.string();
  if (request.limit != INT64_MAX) options["limit"] = request.limit;
  auto inputs = model.checkpoint->files();
  inputs.push_back(request.task_file);
  return write(request, numerics, to_json(result), std::move(options), std::move(inputs));
}

Result<void> answer_task(const EvalRequest& request) {
  SC_TRY_ASSIGN(const Task task, parse_task(request.task));
  SC_TRY_ASSIGN(std::vector<Question> questions, read_questions(task, request.task_file));
  if (std::ssize(questions) > request.limit) questions.resize(static_cast<std::size_t>(request.limit));
  SC_TRY_ASSIGN(const Compute compute, compute_of(request));
  SC_TRY_ASSIGN(const OpenModel model, open_model(request.model, compute));
  SC_TRY(check_mapping(request, model.checkpoint->config()));
  SC_TRY_ASSIGN(const TaskResult result,
                within(request.task_file.string(), evaluate_task(model.llama, *model.tokenizer, task, questions)));
  SC_TRY_ASSIGN(const Numerics numerics, numerics_of(model));
  print(result, numerics);
  return request.json.empty() ? Result<void>() : write(request, model, numerics, result);
}

/// What simulate and sweep read. Windows and documents as they were evaluated.
Result<void> write_activities(const EvalRequest& request, const OpenModel& model,
                              const std::vector<Sequence>& sequences) {
  Calibration text;
  for (const Sequence& sequence : sequences) {
    text.batches.push_back(at::tensor(std::vector<std::int64_t>(sequence.begin(), sequence.end())).unsqueeze(0));
    text.tokens += std::ssize(sequence);
    if (text.tokens >= kActivityTokens) break;
  }
  SC_TRY_ASSIGN(const Activities activities, measure_activities(model.llama, text));
  Json json = to_json(activities);
  auto inputs = model.checkpoint->files();
  inputs.push_back(request.text);
  Json options = arithmetic_options(request);
  options["text"] = request.text.string();
  if (request.split) options["split"] = *request.split;
  SC_TRY_ASSIGN(json["provenance"], provenance("eval", std::move(options), inputs));
  return write_json_file(request.activities, json);
}

Result<void> evaluate_text(const EvalRequest& request) {
  SC_TRY_ASSIGN(const Corpus corpus, read_corpus(request.text, request.split));
  SC_TRY_ASSIGN(Compute compute, compute_of(request));
  SC_TRY_ASSIGN(const OpenModel model, open_model(request.model, compute));
  SC_TRY(check_mapping(request, model.checkpoint->config()));
  if (!request.split) SC_TRY(check_positions("--context", request.context.value_or(0), model.checkpoint->config()));
  const Protocol protocol = protocol_of(request, model.checkpoint->config());
  SC_TRY_ASSIGN(const auto sequences,
                within(request.text.string(), make_sequences(*model.tokenizer, corpus, protocol)));
  std::optional<OpenModel> reference;
  if (!request.compare.empty()) {
    compute.arithmetic = Arithmetic::kFloat;  // what it is compared with is the original
    compute.flexcim = nullptr;
    compute.analog = nullptr;
    compute.rounding = std::nullopt;
    SC_TRY_ASSIGN(reference, open_model(request.compare, compute));
    SC_TRY(check_same_vocabulary(model, *reference, request.compare));
  }
  const Llama* const models[] = {&model.llama};
  SC_TRY_ASSIGN(const auto results,
                evaluate(models, sequences, *model.tokenizer, reference ? &reference->llama : nullptr));
  const Evaluation& result = results[0];
  SC_TRY_ASSIGN(const Numerics numerics, numerics_of(model));
  print(result, numerics);
  if (!request.json.empty())
    SC_TRY(write(request, model, reference ? &*reference : nullptr, protocol, numerics, result));
  return request.activities.empty() ? Result<void>() : write_activities(request, model, sequences);
}

}  // namespace

Result<void> run_eval(const EvalRequest& request) {
  if (!request.json.empty()) SC_TRY(OutputFile::create(request.json));  // whether it can be written, before the work
  if (!request.activities.empty()) SC_TRY(OutputFile::create(request.activities));  // likewise
  return request.task.empty() ? evaluate_text(request) : answer_task(request);
}

}  // namespace sparsecim
