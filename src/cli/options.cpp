// Options that several verbs share, so that they are named, explained and checked in one place.

#include "cli/verb.hpp"

namespace sparsecim {

void add_model(CLI::App& verb, std::string& model) {
  verb.add_option("MODEL", model,
                  "directory in Hugging Face layout, .gguf, llama2.c .bin, or a name that tools/fetch-model knows")
      ->required();
}

void add_compute(CLI::App& verb, TensorRequest& request) {
  verb.add_option("--dtype", request.dtype, "float32 or bfloat16")->capture_default_str();
  verb.add_option("--device", request.device, "cpu, cuda, or auto: cuda where there is a GPU")->capture_default_str();
}

void add_split(CLI::App& verb, TextRequest& request) {
  verb.add_option("--split", request.split,
                  "what separates documents in the text; each is then read alone, behind the BOS token");
}

void add_calibration(CLI::App& verb, CalibrationRequest& request) {
  verb.add_option("--text", request.text, "calibration text (default: what tools/fetch-text english got)");
  add_split(verb, request);
  verb.add_option("--samples", request.samples, "calibration samples")->capture_default_str();
  verb.add_option("--length", request.length, "tokens of each sample")->capture_default_str();
  verb.add_option("--seed", request.seed, "of everything that is drawn at random")->capture_default_str();
}

void add_selection(CLI::App& verb, SelectionOptions& request) {
  verb.add_option("--method", request.method, "uniform or flow (arXiv 2504.14365)")->capture_default_str();
  verb.add_option("--sparsity", request.sparsity, "share of the decoder blocks' weights to remove, in [0, 1)")
      ->required();
  verb.add_option("--options", request.options,
                  "patterns to choose from, \"2:4,4:8,dense\", or \"hardware\" for all that FlexCiM runs natively "
                  "(default: dense,4:8,2:4,2:8)");
  verb.add_option("--tau", request.tau, "a score is an outlier above tau times the layer's mean")
      ->capture_default_str();
  verb.add_option("--granularity", request.granularity, "one pattern per block or per matrix")->capture_default_str();
  verb.add_option("--nd", request.nd, "how outlier distances are normalised: minmax or chance")->capture_default_str();
}

Result<void> require_range(const std::string& name, double value, double low, double high) {
  if (value >= low && value <= high) return {};
  return fail(Remedy{fmt::format("give a value from {} to {}", low, high)}, "{} {} is out of range", name, value);
}

}  // namespace sparsecim
