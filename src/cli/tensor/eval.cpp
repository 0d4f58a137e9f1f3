#include <algorithm>
#include <map>

#include "base/file.hpp"
#include "base/progress.hpp"
#include "base/provenance.hpp"
#include "cli/tensor/common.hpp"
#include "evaluate/perplexity.hpp"
#include "hardware/comparison.hpp"
#include "hardware/simulate.hpp"
#include "model/flexcim_arithmetic.hpp"
#include "report/table.hpp"
#include "text/corpus.hpp"

namespace sparsecim {
namespace {

Protocol protocol_of(const EvalRequest& request, const ModelConfig& config) {
  return {.context = request.context > 0 ? request.context : default_context(config),
          .max_tokens = request.max_tokens,
          .max_documents = request.max_documents};
}

/// The macros of flexcim arithmetic.
Result<std::shared_ptr<FlexcimArithmetic>> open_macros(const EvalRequest& request) {
  std::vector<Setting> set;
  for (const std::string& text : request.set) {
    SC_TRY_ASSIGN(set.emplace_back(), setting_from_text("--set", text));
  }
  SC_TRY_ASSIGN(const auto description, read_description(request.arch.empty() ? "flexcim" : request.arch, set));
  SC_TRY_ASSIGN(FlexcimParameters parameters, read_flexcim(description.path, description.settings));
  FlexcimSampleSize size;
  if (request.check_strips > 0) size.strips = request.check_strips;
  return std::make_shared<FlexcimArithmetic>(std::move(parameters), size);
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

void print(const Evaluation& result, const FlexcimArithmetic* macros) {
  Table table({"measure", "value"});
  table.row({"perplexity", fmt::format("{:.4f}", result.perplexity())});
  table.row({"nats/token", fmt::format("{:.4f}", result.nats_per_token)});
  table.row({"bits/byte", fmt::format("{:.4f}", result.bits_per_byte)});
  if (result.divergence) {
    table.row({"KL divergence, nats", fmt::format("{:.5f}", result.divergence->kl_nats)});
    table.row({"top-1 agreement", fmt::format("{:.2f} %", 100 * result.divergence->top1_agreement)});
  }
  if (macros) add_rows(table, *macros);
  table.row({"tokens", format_count(result.tokens)});
  table.row({"tokens/s", fmt::format("{:.0f}", result.tokens_per_second())});
  fmt::print("{}", table.text());
}

Result<void> write(const EvalRequest& request, const OpenModel& model, const OpenModel* reference,
                   const Protocol& protocol, const Evaluation& result) {
  Json options = options_of(request);
  options["text"] = request.text.string();
  options["arithmetic"] = request.arithmetic;
  if (!request.arch.empty()) options["arch"] = request.arch;
  if (!request.set.empty()) options["set"] = request.set;
  if (request.check_strips > 0) options["check_strips"] = request.check_strips;
  options["context"] = protocol.context;
  if (request.split) options["split"] = *request.split;
  if (protocol.max_tokens != INT64_MAX) options["max_tokens"] = protocol.max_tokens;
  if (protocol.max_documents != INT64_MAX) options["max_documents"] = protocol.max_documents;
  if (!request.compare.empty()) options["compare"] = request.compare;
  auto inputs = model.checkpoint->files();
  if (reference) std::ranges::copy(reference->checkpoint->files(), std::back_inserter(inputs));
  inputs.push_back(request.text);
  if (std::filesystem::exists(request.arch)) inputs.emplace_back(request.arch);
  Json json = to_json(result);
  if (const auto& macros = model.llama.compute().flexcim) json["flexcim"] = to_json(*macros);
  SC_TRY_ASSIGN(json["provenance"], provenance("eval", std::move(options), inputs));
  return write_json_file(request.json, json);
}

/// Only models that mean the same by a token can be compared token by token.
Result<void> check_same_vocabulary(const OpenModel& model, const OpenModel& reference, const std::string& name) {
  const auto& ours = model.tokenizer->vocabulary().tokens;
  const auto& theirs = reference.tokenizer->vocabulary().tokens;
  if (std::ranges::equal(ours, theirs, {}, &Vocabulary::Token::text, &Vocabulary::Token::text)) return {};
  return fail(Remedy{"compare with the model that this one was made from"},
              "{}: its vocabulary is another one, so token probabilities cannot be compared", name);
}

}  // namespace

Result<void> run_eval(const EvalRequest& request) {
  if (!request.json.empty()) SC_TRY(OutputFile::create(request.json));  // whether it can be written, before the work
  SC_TRY_ASSIGN(const Corpus corpus, read_corpus(request.text, request.split));
  SC_TRY_ASSIGN(Compute compute, prepare_compute(request));
  SC_TRY_ASSIGN(compute.arithmetic, choose_arithmetic(request.arithmetic, compute));
  if (request.arithmetic == "flexcim") {
    SC_TRY_ASSIGN(compute.flexcim, open_macros(request));
  }
  SC_TRY_ASSIGN(const OpenModel model, open_model(request.model, compute));
  const Protocol protocol = protocol_of(request, model.checkpoint->config());
  SC_TRY_ASSIGN(const auto sequences,
                within(request.text.string(), make_sequences(*model.tokenizer, corpus, protocol)));
  std::optional<OpenModel> reference;
  if (!request.compare.empty()) {
    compute.arithmetic = Arithmetic::kFloat;  // what it is compared with is the original
    compute.flexcim = nullptr;
    SC_TRY_ASSIGN(reference, open_model(request.compare, compute));
    SC_TRY(check_same_vocabulary(model, *reference, request.compare));
  }
  const Llama* const models[] = {&model.llama};
  SC_TRY_ASSIGN(const auto results,
                evaluate(models, sequences, *model.tokenizer, reference ? &reference->llama : nullptr));
  const Evaluation& result = results[0];
  print(result, model.llama.compute().flexcim.get());
  if (!request.json.empty()) SC_TRY(write(request, model, reference ? &*reference : nullptr, protocol, result));
  return {};
}

}  // namespace sparsecim
