#include <memory>

#include "cli/verb.hpp"

namespace sparsecim {
namespace {

Result<void> run_generate(const GenerateRequest& request) {
  SC_TRY(require_range("--tokens", static_cast<double>(request.tokens), 1, 1 << 20));
  SC_TRY(require_range("--temperature", request.temperature, 0, 100));
  return run_tensor_verb(&TensorVerbs::generate, request);
}

}  // namespace

void add_generate(CLI::App& app, const CommonOptions&, VerbAction& run) {
  auto request = std::make_shared<GenerateRequest>();
  CLI::App* verb = app.add_subcommand("generate", "Continue a prompt");
  add_model(*verb, request->model);
  verb->add_option("--prompt", request->prompt, "the text to continue")->required();
  verb->add_option("--tokens", request->tokens, "new tokens at most")->capture_default_str();
  verb->add_option("--temperature", request->temperature, "0: always the likeliest token")->capture_default_str();
  add_seed(*verb, "--seed", request->seed, "of the random draws")->capture_default_str();
  add_compute(*verb, *request);
  verb->footer(
      "Example:\n  sparsecim generate stories15M.bin --prompt 'Once upon a time' --tokens 100 --temperature 0.8");
  verb->callback([request, &run] { run = [request] { return run_generate(*request); }; });
}

}  // namespace sparsecim
