#include <memory>

#include "cli/verb.hpp"

namespace sparsecim {
namespace {

Result<void> run_monarch(MonarchRequest request, const CommonOptions& common) {
  request.force = common.force;
  return run_tensor_verb(&TensorVerbs::monarch, request);
}

/// Lets the parser refuse what is neither a number nor "sqrt".
std::string blocks_complaint(const std::string& text) {
  const bool number = !text.empty() && text.size() < 10 && text.find_first_not_of("0123456789") == std::string::npos;
  return number || text == "sqrt" ? "" : "'" + text + "' is neither a number of blocks nor sqrt";
}

}  // namespace

void add_monarch(CLI::App& app, const CommonOptions& common, VerbAction& run) {
  auto request = std::make_shared<MonarchRequest>();
  CLI::App* verb =
      app.add_subcommand("monarch", "Replace every matrix by two block-diagonal factors (arXiv 2204.00595)");
  add_model(*verb, request->model);
  verb->add_option("--blocks", request->blocks,
                   "blocks in each factor; or sqrt: as many as each has rows, matrices padded to squares of squares "
                   "(arXiv 2510.11192)")
      ->check(CLI::Validator(blocks_complaint, "N|sqrt"))
      ->required();
  verb->add_option("--calibrate", request->calibration.text,
                   "a text: fit the outputs on it by alternating least squares, not the weights alone");
  add_samples(*verb, request->calibration);
  verb->add_option("-o,--output", request->output, "directory to write, in Hugging Face layout")->required();
  add_compute(*verb, *request);
  verb->footer(
      "Examples:\n"
      "  sparsecim monarch smollm2-135m --blocks 4 -o factored\n"
      "  sparsecim monarch smollm2-135m --blocks sqrt --calibrate calibration.txt -o factored\n"
      "  sparsecim eval factored --text evaluation.txt");
  verb->callback([request, &common, &run] { run = [request, &common] { return run_monarch(*request, common); }; });
}

}  // namespace sparsecim
