#include "report/explanation.hpp"

#include <filesystem>
#include <memory>

#include "cli/verb.hpp"

namespace sparsecim {
namespace {

struct ExplainRequest {
  std::filesystem::path result;
  std::string key;
};

Result<void> run_explain(const ExplainRequest& request) {
  SC_TRY_ASSIGN(const Json result, read_json_file(request.result));
  SC_TRY_ASSIGN(const std::string text, within(request.result.string(), report::explain(result, request.key)));
  fmt::print("{}", text);
  return {};
}

}  // namespace

void add_explain(CLI::App& app, const CommonOptions&, VerbAction& run) {
  auto request = std::make_shared<ExplainRequest>();
  CLI::App* verb = app.add_subcommand("explain", "How a figure of a simulation comes about, down to the sources");
  verb->add_option("RESULT", request->result, "what `simulate --json` wrote")->required();
  verb->add_option("KEY", request->key,
                   "latency_ns, cycles, clock_ns, energy_pj, area_um2, utilization, tops_per_watt, "
                   "dense_equivalent_tops_per_watt, energy.COMPONENT, area.COMPONENT, operations.NAME (its energy), or "
                   "operations.NAME.COMPONENT")
      ->required();
  verb->footer(
      "Examples:\n"
      "  sparsecim simulate llama-3-8b --pattern 4:8 --json result.json\n"
      "  sparsecim explain result.json energy_pj\n"
      "  sparsecim explain result.json \"energy.adder trees\"\n"
      "  sparsecim explain result.json \"operations.model.layers.0.mlp.up_proj.activation lines\"");
  verb->callback([request, &run] { run = [request] { return run_explain(*request); }; });
}

}  // namespace sparsecim
