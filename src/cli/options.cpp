// Options that several verbs share, so that they are named, explained and checked in one place.

#include <charconv>

#include "cli/verb.hpp"

namespace sparsecim {

namespace {

/// Lets the parser refuse what it would take modulo 2^64.
std::string seed_complaint(const std::string& text) {
  std::uint64_t seed = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, seed);
  if (error == std::errc() && rest == end) return {};
  return fmt::format("'{}' is no whole number from 0 to {}", text, UINT64_MAX);
}

}  // namespace

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

CLI::Option* add_seed(CLI::App& verb, const std::string& name, std::uint64_t& seed, const std::string& help) {
  return verb.add_option(name, seed, help)->check(CLI::Validator(seed_complaint, ""));
}

void add_calibration(CLI::App& verb, CalibrationRequest& request) {
  verb.add_option("--text", request.text, "calibration text (default: what tools/fetch-text english got)");
  add_samples(verb, request);
}

void add_samples(CLI::App& verb, CalibrationRequest& request) {
  add_split(verb, request);
  verb.add_option("--samples", request.samples, "calibration samples")->capture_default_str();
  verb.add_option("--length", request.length, "tokens of each sample")->capture_default_str();
  add_seed(verb, "--seed", request.seed, "of everything that is drawn at random")->capture_default_str();
}

namespace {

/// What cannot be left out, depending on the method.
void require_what_the_method_needs(const SelectionOptions& request) {
  const bool shuffled = request.method == "shuffled";
  if (shuffled && request.plan.empty()) throw CLI::RequiredError("--plan");
  if (!shuffled && !request.sparsity && !request.has_ceiling()) throw CLI::RequiredError("--sparsity");
}

}  // namespace

void add_selection(CLI::App& verb, SelectionOptions& request) {
  verb.add_option("--method", request.method,
                  "flow (arXiv 2504.14365): by how many outliers a layer has and how they are spread; owl (arXiv "
                  "2310.05175): by how many; error-diag, error, loss: least sum of squared scores dropped, of output "
                  "errors, of rises of the loss as measured matrix by matrix; uniform: one pattern for "
                  "all; shuffled: the patterns of --plan at random places of equal shape, a control")
      ->capture_default_str();
  verb.add_option("--sparsity", request.sparsity, "share of the decoder blocks' weights to remove, in [0, 1)");
  verb.add_option("--max-bytes", request.max_bytes,
                  "most bytes that the model may take where it is stored with 8-bit weights and their places; beside "
                  "--sparsity or instead");
  verb.add_option("--max-decode-ns", request.max_decode_ns,
                  "most time that decoding one token may take on --arch, in ns; beside the others or instead");
  verb.add_option("--max-decode-nj", request.max_decode_nj, "most energy of the same, in nJ");
  verb.add_option("--options", request.options,
                  "patterns to choose from, \"2:4,4:8,dense\", and sets of them: hardware (all that FlexCiM runs "
                  "natively), n:8 (any N of 8), powers:16 (powers of two up to M = 16) (default: "
                  "dense,4:8,2:4,2:8; hardware for error-diag, error and loss, n:8 for owl)");
  verb.add_option("--keep", request.keep,
                  "a pattern that is given to matrices beforehand, by name: dense:model.layers.0.* or "
                  "2:4:*.down_proj; may be repeated, the last one counts; they count in the budget (but "
                  "uniform gives all others one pattern whatever they are)")
      ->allow_extra_args(false);
  verb.add_option("--budget", request.budget,
                  "what a layer weighs in it: its weights, or (layers) as much as any other")
      ->capture_default_str();
  verb.add_option("--granularity", request.granularity,
                  "one pattern per block or per matrix (default: block; matrix for error-diag, error and loss)");
  verb.add_option("--tau", request.tau,
                  "a score is an outlier above tau times the layer's mean (default: 3; 5 for owl)");
  verb.add_option("--nd", request.nd, "flow: how outlier distances are normalised, minmax or chance")
      ->capture_default_str();
  verb.add_option("--m-rule", request.m_rule,
                  "flow: M grows with how clustered outliers are; inverse: with how scattered, a control")
      ->capture_default_str();
  verb.add_option("--time-limit", request.time_limit_s,
                  "seconds for the integer solver, which several budgets need, and times and energies; without a proof "
                  "there is no plan")
      ->capture_default_str();
  verb.add_option("--loss-reference", request.loss_reference,
                  "loss: the pattern that all other matrices have while one is measured (default: 4:8)");
  verb.add_option("--loss-tokens", request.loss_tokens,
                  "loss: calibration tokens that losses are measured on, at most (default: 1024)");
  verb.add_option("--caution", request.caution,
                  "loss: how many times as much a rise of the loss above the reference's counts as a fall below it "
                  "(default: several, of whose plans the one nearest to the dense model is taken)");
  verb.add_option("--plan", request.plan, "shuffled: the plan whose patterns are shuffled, by --seed");
  verb.parse_complete_callback([&request] { require_what_the_method_needs(request); });
}

Result<void> require_range(const std::string& name, double value, double low, double high) {
  if (value >= low && value <= high) return {};
  return fail(Remedy{fmt::format("give a value from {} to {}", low, high)}, "{} {} is out of range", name, value);
}

}  // namespace sparsecim
