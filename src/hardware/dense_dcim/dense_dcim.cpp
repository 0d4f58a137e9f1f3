#include "hardware/dense_dcim/dense_dcim.hpp"

#include "hardware/dcim/activation_lines.hpp"
#include "hardware/dcim/parameters.hpp"
#include "hardware/machine_kinds.hpp"

namespace sparsecim {
namespace {

constexpr Pattern kDense[] = {Pattern{}};
/// One line per row, straight to the multipliers.
class DenseStage : public InputStage {
 public:
  explicit DenseStage(const DenseDcimParameters& parameters)
      : rows_(parameters.array.rows),
        lines_{parameters.array.rows, parameters.array.columns, parameters.array.activation_bits,
               parameters.system.activation_bandwidth_bits} {}

  std::span<const Pattern> patterns() const override { return kDense; }
  std::int64_t inputs_per_pass(Pattern) const override { return rows_; }
  std::int64_t position_bits(Pattern, std::int64_t) const override { return 0; }
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
  ActivationLines lines_;
};

std::vector<Parameter<DenseDcimParameters>> declare_dense_dcim() {
  std::vector<Parameter<DenseDcimParameters>> parameters;
  declare_array(parameters, [](DenseDcimParameters& p) -> MacroArray& { return p.array; });
  declare_system(parameters, [](DenseDcimParameters& p) -> SystemParameters& { return p.system; });
  return parameters;
}

}  // namespace

const std::vector<Parameter<DenseDcimParameters>>& dense_dcim_parameters() {
  static const auto kParameters = declare_dense_dcim();
  return kParameters;
}

namespace {
const RegisteredKind kDenseDcim{"dense-dcim", make_dense_dcim};
}

Result<std::unique_ptr<Machine>> make_dense_dcim(const std::string& path, const std::vector<Setting>& settings) {
  SC_TRY_ASSIGN(const DenseDcimParameters parameters, read_parameters(dense_dcim_parameters(), path, settings));
  SC_TRY(within_setting(path, settings, validate_array(parameters.array)));
  SC_TRY(within_setting(path, settings, validate_system(parameters.system, parameters.array.columns)));
  return std::make_unique<DcimMachine>("dense-dcim", std::make_unique<DcimArray>(parameters.array), parameters.system,
                                       std::make_unique<DenseStage>(parameters),
                                       show_parameters(dense_dcim_parameters(), parameters));
}

}  // namespace sparsecim
