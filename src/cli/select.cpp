#include <memory>

#include "cli/verb.hpp"

namespace sparsecim {

void add_select(CLI::App& app, const CommonOptions&, VerbAction& run) {
  auto request = std::make_shared<SelectRequest>();
  CLI::App* verb = app.add_subcommand("select", "Choose an N:M pattern for every layer of a model");
  add_model(*verb, request->model);
  add_selection(*verb, request->selection);
  add_calibration(*verb, request->calibration);
  verb->add_option("--statistics", request->statistics,
                   "statistics of the dense model: read if the file exists, written otherwise");
  verb->add_option("--arch", request->selection.arch, "machine of the decode bounds: a name or a YAML file")
      ->capture_default_str();
  verb->add_option("-o,--output", request->output, "the plan to write (JSON)")->required();
  add_compute(*verb, *request);
  verb->footer(
      "Examples:\n"
      "  sparsecim select smollm2-135m --sparsity 0.5 --text calibration.txt -o plan.json\n"
      "  sparsecim select smollm2-135m --sparsity 0.6 --options hardware --statistics dense.json -o plan.json\n"
      "  sparsecim select smollm2-135m --method loss --sparsity 0.5 --max-decode-ns 220000 --statistics losses.json "
      "-o plan.json\n"
      "  torchrun --no-python --nproc-per-node 2 sparsecim select smollm2-135m --sparsity 0.5 -o plan.json");
  verb->callback([request, &run] { run = [request] { return run_tensor_verb(&TensorVerbs::select, *request); }; });
}

}  // namespace sparsecim
