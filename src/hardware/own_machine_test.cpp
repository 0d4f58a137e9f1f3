// The worked example of docs/formats/machines.md: a kind of machine of one's own. tests/tools/own_machine_test.py
// compares the two.

#include <gtest/gtest.h>

// example: a folder src/hardware/widemac with this file and nothing else
#include "hardware/components/arithmetic.hpp"
#include "hardware/components/gates.hpp"
#include "hardware/machine_kinds.hpp"
#include "hardware/simulate.hpp"
#include "hardware/tiling.hpp"

namespace sparsecim {
namespace {

struct WidemacParameters {
  double node_nm = 28;
  std::int64_t lanes = 0;
};

/// What the YAML file may say: reading, checking, defaults and the result's `parameters` follow.
const std::vector<Parameter<WidemacParameters>>& widemac_parameters() {
  using P = WidemacParameters;
  static const std::vector<Parameter<P>> kParameters = {
      number_parameter<P>({"node_nm", "technology node, nm"}, 7, 130, [](P& p) -> double& { return p.node_nm; }),
      integer_parameter<P>({"lanes", "products a cycle"}, 1, 1 << 20, [](P& p) -> std::int64_t& { return p.lanes; })};
  return kParameters;
}

/// A row of multipliers with an adder each, which skips nothing: every product of the dense matrix takes its turn.
class Widemac : public Machine {
 public:
  explicit Widemac(const WidemacParameters& parameters) : parameters_(parameters) {}

  std::string_view kind() const override { return "widemac"; }
  Json parameters() const override { return show_parameters(widemac_parameters(), parameters_); }

  /// Nothing is placed: any operation fits, and runs dense.
  Result<Mapping> map(const Workload& workload) const override {
    Mapping mapping;
    mapping.placements.resize(workload.operations.size());
    mapping.macros = 1;
    return mapping;
  }

  /// How long each operation takes, and what happens how often; prices are not this machine's business.
  Run run(const Workload& workload, const Mapping&, Fidelity) const override {
    Run run;
    for (const Operation& operation : workload.operations) {
      OperationRun one;
      one.start_cycle = run.cycles;
      one.cycles = divide_up(operation.dense_macs(), parameters_.lanes);
      one.bound = "multiply";
      const auto products = static_cast<double>(operation.dense_macs());
      one.useful_multiplies = products * static_cast<double>(operation.nonzero_weights()) /
                              static_cast<double>(operation.n_inputs * operation.n_outputs);
      one.events = {{"lanes", &kMultiplier8, products}, {"lanes", &kAdder32, products}};
      run.cycles += one.cycles;
      run.operations.push_back(std::move(one));
    }
    run.macro_use = {{0, 0, run.cycles, 0}};
    run.available_multiplies = static_cast<double>(run.cycles * parameters_.lanes);
    return run;
  }

  /// Area and leakage follow from the parts, the clock from the longest path.
  Inventory inventory(const Mapping&) const override {
    const auto lanes = static_cast<double>(parameters_.lanes);
    return {.node_nm = parameters_.node_nm,
            .macro_parts = {{"lanes", &kMultiplier8, lanes}, {"lanes", &kAdder32, lanes}},
            .macros = 1,
            .paths = {{"multiply", {{&kNorDelay, 1}, {&kSumDelay, 7}, {&kCarryDelay, 8}}}}};
  }

 private:
  WidemacParameters parameters_;
};

Result<std::unique_ptr<Machine>> make_widemac(const std::string& path, const std::vector<Setting>& settings) {
  SC_TRY_ASSIGN(const WidemacParameters parameters, read_parameters(widemac_parameters(), path, settings));
  return std::make_unique<Widemac>(parameters);
}

/// Makes `machine: widemac` known.
const RegisteredKind kWidemac{"widemac", make_widemac};

}  // namespace
}  // namespace sparsecim
// end of the example

namespace sparsecim {
namespace {

constexpr const char* kDescription =
    // example: a file of one's own
    R"(machine: widemac
node_nm: 28
lanes: 4096
)";
// end of the example

Simulation simulated_by_own(const Operation& operation) {
  const Workload workload{.name = "one", .n_tokens = operation.n_tokens, .operations = {operation}};
  return simulate(workload, parse_machine("widemac.yaml", kDescription).value()).value();
}

TEST(OwnMachine, OfTheDocumentedExampleRunsAndIsPriced) {
  const Simulation simulation = simulated_by_own({.name = "up", .n_tokens = 64, .n_inputs = 768, .n_outputs = 3072});
  EXPECT_EQ(simulation.kind, "widemac");
  EXPECT_EQ(simulation.cycles, 64 * 768 * 3072 / 4096);
  EXPECT_EQ(simulation.utilization, 1);
  EXPECT_GT(simulation.energy_pj.nominal, 0);
  EXPECT_GT(simulation.area_um2.nominal, 0);
  EXPECT_GT(simulation.clock_ns, 0);
  EXPECT_EQ(to_json(simulation)["parameters"]["lanes"], 4096);
  EXPECT_GT(to_trace(simulation)["traceEvents"].size(), 0u);
}

TEST(OwnMachine, OfTheDocumentedExampleRefusesWhatItsParametersDoNotAllow) {
  const auto none = parse_machine("widemac.yaml", "machine: widemac\nnode_nm: 28\nlanes: 0\n");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().line().rfind("widemac.yaml:3:", 0), 0u) << none.error().line();
  EXPECT_NE(none.error().line().find("1 .. 1048576"), std::string::npos) << none.error().line();
  EXPECT_FALSE(parse_machine("widemac.yaml", "machine: widemac\nnode_nm: 28\nlane: 8\n"));
}

}  // namespace
}  // namespace sparsecim
