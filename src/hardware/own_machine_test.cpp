// The machine that docs/formats/machines.md adds, built and run as its reader would: tests/tools/own_machine_test.py
// holds the page and the lines between the marks together.

// [example]
#include "hardware/dcim/activation_lines.hpp"
#include "hardware/dcim/parameters.hpp"
#include "hardware/machine_kinds.hpp"

namespace sparsecim {
namespace {

/// One line per row: a macro that computes dense layers only.
class PlainStage : public InputStage {
 public:
  PlainStage(const MacroArray& array, const SystemParameters& system)
      : rows_(array.rows), lines_{array.rows, array.columns, array.activation_bits, system.activation_bandwidth_bits} {}

  std::span<const Pattern> patterns() const override { return patterns_; }
  std::int64_t inputs_per_pass(Pattern) const override { return rows_; }
  std::int64_t position_bits(Pattern) const override { return 0; }
  std::int64_t cell_position_bits() const override { return 0; }
  PassPath path(Pattern, std::int64_t inputs) const override { return lines_.path(inputs, kEntryRegister); }
  void add_parts(std::vector<Part>& parts) const override { lines_.add_parts(parts); }
  std::vector<Path::Step> steps_to_multiplier() const override { return {}; }
  void add_paths(std::vector<Path>&) const override {}
  void add_events(Pattern, const ArrayWork& work, std::vector<Event>& events) const override {
    lines_.add_events(work.input_deliveries, work.line_toggle, events);
  }

 private:
  std::int64_t rows_;
  std::vector<Pattern> patterns_ = {Pattern{}};
  ActivationLines lines_;
};

struct PlainParameters {
  MacroArray array;
  SystemParameters system;
};

std::vector<Parameter<PlainParameters>> declare_plain() {
  std::vector<Parameter<PlainParameters>> parameters;
  declare_array(parameters, [](PlainParameters& p) -> MacroArray& { return p.array; });
  declare_system(parameters, [](PlainParameters& p) -> SystemParameters& { return p.system; });
  return parameters;
}

Result<std::unique_ptr<Machine>> make_plain(const std::string& path, const std::vector<Setting>& settings) {
  const auto declared = declare_plain();
  SC_TRY_ASSIGN(const PlainParameters plain, read_parameters(declared, path, settings));
  SC_TRY(within_setting(path, settings, validate_array(plain.array)));
  SC_TRY(within_setting(path, settings, validate_system(plain.system, plain.array.columns)));
  return std::make_unique<DcimMachine>("plain", std::make_unique<DcimArray>(plain.array), plain.system,
                                       std::make_unique<PlainStage>(plain.array, plain.system),
                                       show_parameters(declared, plain));
}

const RegisteredKind kPlain{"plain", make_plain};

}  // namespace
}  // namespace sparsecim
// [example]

#include <gtest/gtest.h>

#include "hardware/machine_fixture.hpp"

namespace sparsecim {
namespace {

TEST(OwnMachine, OfTheDocumentationIsKnownByItsNameAndRunsAsTheDenseMacroDoes) {
  const std::string text = shipped_description("dense-dcim", {{"machine: dense-dcim", "machine: plain"}});
  const auto own = parse_machine("plain.yaml", text);
  ASSERT_TRUE(own) << own.error().line();
  const Operation operation = matrix({}, 512, 4096, 4096);
  const Simulation ours = simulated(*own, operation), dense = simulated(machine_with("dense-dcim"), operation);
  EXPECT_EQ(ours.kind, "plain");
  EXPECT_EQ(ours.cycles, dense.cycles);
  EXPECT_DOUBLE_EQ(ours.energy_pj.nominal, dense.energy_pj.nominal);
  EXPECT_DOUBLE_EQ(ours.area_um2.nominal, dense.area_um2.nominal);
}

TEST(OwnMachine, RefusesUnknownKeysAsAllMachinesDo) {
  const auto refused = parse_machine(
      "plain.yaml",
      shipped_description("dense-dcim", {{"machine: dense-dcim", "machine: plain"}, {"rows: 128", "row: 128"}}));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().line().find("unknown key 'macro.row'; the nearest is 'macro.rows'"), std::string::npos);
}

}  // namespace
}  // namespace sparsecim
