#include <memory>

#include "cli/verb.hpp"
#include "cli/workload_options.hpp"

namespace sparsecim {
namespace {

/// What is said of macros or of analog arrays must be meant for them.
Result<void> check_machine_options(const EvalRequest& request) {
  if (request.check_strips != 0)
    SC_TRY(require_range("--check-strips", static_cast<double>(request.check_strips), 1, 1 << 20));
  const bool macros = request.arithmetic == "flexcim", arrays = request.arithmetic == "analog";
  if (request.check_strips != 0 && !macros)
    return fail(Remedy{"add --arithmetic flexcim"}, "--check-strips is about macros, which {} has not",
                request.arithmetic);
  if ((!request.arch.empty() || !request.set.empty()) && !macros && !arrays)
    return fail(Remedy{"add --arithmetic flexcim or analog"}, "--arch and --set are about a machine, which {} has not",
                request.arithmetic);
  const bool said = request.noise_seed != 0 || !(request.mapping + request.adc_bits + request.programming_noise +
                                                 request.read_noise + request.drift_seconds)
                                                    .empty();
  if (!said || arrays) return {};
  return fail(Remedy{"add --arithmetic analog"},
              "--mapping, --adc-bits, --programming-noise, --read-noise, --drift-seconds and --noise-seed are about "
              "analog arrays, which {} has not",
              request.arithmetic);
}

Result<void> check_task(const EvalRequest& request) {
  if (!request.task.empty() && request.task_file.empty())
    return fail(Remedy{"give one by --task-file"}, "--task {} needs the file of its questions", request.task);
  return require_range("--limit", static_cast<double>(request.limit), 1, 1e19);
}

Result<void> run_eval(const EvalRequest& request) {
  SC_TRY(check_task(request));
  if (request.context) SC_TRY(require_range("--context", static_cast<double>(*request.context), 2, 1 << 20));
  SC_TRY(require_range("--max-tokens", static_cast<double>(request.max_tokens), 1, 1e19));
  if (!request.split && request.max_documents != INT64_MAX)
    return fail(Remedy{"say by --split what separates documents"}, "--max-documents needs documents");
  SC_TRY(require_range("--max-documents", static_cast<double>(request.max_documents), 1, 1e19));
  SC_TRY(check_machine_options(request));
  return run_tensor_verb(&TensorVerbs::eval, request);
}

/// What a text needs and a task does not.
void add_text(CLI::App& verb, EvalRequest& request, CLI::Option* task) {
  verb.add_option("--text", request.text, "the text, UTF-8")->excludes(task);
  add_split(verb, request);
  verb.add_option("--context", request.context,
                  "tokens per window; with --split, predicted tokens per document (default: 2048 or the model's most)")
      ->excludes(task);
  verb.add_option("--max-tokens", request.max_tokens, "use at most this much of the text")->excludes(task);
  verb.add_option("--max-documents", request.max_documents, "with --split: use at most this many")->excludes(task);
  verb.add_option("--compare", request.compare, "a model to compare with: KL divergence and top-1 agreement")
      ->excludes(task);
  verb.add_option("--activities", request.activities,
                  "write how the bits of activations change over the text's first 512 tokens, for simulate and sweep")
      ->excludes(task);
}

/// What --arithmetic analog takes.
void add_arrays(CLI::App& verb, EvalRequest& request) {
  verb.add_option(
      "--mapping", request.mapping,
      "with --arithmetic analog: where Monarch factors lie, sparsemap, densemap or densemap-b; whole matrices "
      "always lie by linear");
  verb.add_option("--adc-bits", request.adc_bits, "bits of the arrays' converters (default: by adc.rule)");
  verb.add_option("--programming-noise", request.programming_noise,
                  "deviation of a cell as written, as a share of the largest conductance");
  verb.add_option("--read-noise", request.read_noise, "deviation of a cell from read to read, likewise");
  verb.add_option("--drift-seconds", request.drift_seconds, "since the cells were written, whose conductance falls");
  add_seed(verb, "--noise-seed", request.noise_seed, "of programming and reads (default: 0)");
}

}  // namespace

void add_eval(CLI::App& app, const CommonOptions&, VerbAction& run) {
  auto request = std::make_shared<EvalRequest>();
  CLI::App* verb = app.add_subcommand(
      "eval", "Perplexity of a model on a text and its distance from another model, or its answers to a task");
  add_model(*verb, request->model);
  CLI::Option* task = verb->add_option("--task", request->task,
                                       "in place of a text: hellaswag (which of four endings) or lambada (the last "
                                       "word), as lm-evaluation-harness scores them");
  verb->add_option("--task-file", request->task_file, "the task's questions: docs/formats/tasks.md")->needs(task);
  verb->add_option("--limit", request->limit, "use at most this many questions, the first ones")->needs(task);
  add_text(*verb, *request, task);
  verb->add_option(
          "--arithmetic", request->arithmetic,
          "of products with weights: float; int8 as the digital macros compute (weights in 8 bits by output, "
          "activations by token, exact sums); flexcim: the same, with every matrix in FlexCiM's macros at its "
          "pattern and a sample of tiles computed bit by bit, which must agree; or analog: every matrix or Monarch "
          "factor in crossbars, column by column through converters, with noise")
      ->capture_default_str();
  verb->add_option("--arch", request->arch,
                   "with --arithmetic flexcim or analog: a machine of that kind (default: the one of that name)");
  add_set(*verb, request->set);
  verb->add_option("--check-strips", request->check_strips,
                   "with --arithmetic flexcim: of every matrix, strips of a macro's columns that are computed bit by "
                   "bit, over 4 tokens (default: 2)");
  add_arrays(*verb, *request);
  verb->add_option(
      "--round-weights", request->round_weights,
      "BITS:GROUP: the blocks' matrices as stored in BITS bits, every GROUP inputs of a row with a float16 "
      "scale, for instance 4:32 (as ggml's Q4_0); with --arithmetic float. Tells the stored bytes");
  add_compute(*verb, *request);
  verb->add_option("--json", request->json, "write the result to this file");
  verb->footer(
      "Examples:\n"
      "  sparsecim eval smollm2-135m --text wiki.txt --context 1024 --max-tokens 40000\n"
      "  sparsecim eval stories15M.bin --text stories.txt --split '<|endoftext|>' --context 256\n"
      "  sparsecim eval pruned/ --text wiki.txt --compare smollm2-135m --json result.json\n"
      "  sparsecim eval pruned/ --text wiki.txt --arithmetic int8 --compare pruned/\n"
      "  sparsecim eval pruned/ --text wiki.txt --arithmetic flexcim --set sub_macros=8 --set patterns=all\n"
      "  sparsecim eval stories15M.bin --text stories.txt --arithmetic analog --adc-bits 8 --read-noise 0.01\n"
      "  sparsecim eval factored/ --text wiki.txt --arithmetic analog --mapping densemap --set cell.bits=1\n"
      "  sparsecim eval smollm2-135m --text wiki.txt --round-weights 4:32\n"
      "  sparsecim eval pruned/ --task hellaswag --task-file hellaswag_val.jsonl --limit 1000\n"
      "  sparsecim eval pruned/ --task lambada --task-file lambada_test.jsonl");
  verb->parse_complete_callback([request] {
    if (request->task.empty() && request->text.empty()) throw CLI::RequiredError("--text or --task");
  });
  verb->callback([request, &run] { run = [request] { return run_eval(*request); }; });
}

}  // namespace sparsecim
