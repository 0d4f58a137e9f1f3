// Prints what the component costs make of the chips of silicon.yaml, as JSON: for tools/results.

#include <fmt/format.h>

#include "chip.hpp"

namespace sparsecim {
namespace {

Json figure(double published, const Band& modelled, bool asserted) {
  Json json = {{"published", published}, {"asserted", asserted}};
  if (modelled.nominal == 0) return json;
  json["modelled"] = modelled.nominal;
  json["error"] = modelled.nominal / published - 1;
  return json;
}

Json chip_json(const DigitalChip& chip) {
  const ModelledChip modelled = model(chip);
  Json json = {{"name", chip.name},
               {"source", chip.source},
               {"reason", chip.reason},
               {"node_nm", chip.node_nm},
               {"one_bit_operations", chip.one_bit_operations}};
  json["area_mm2"] = figure(chip.area_mm2, modelled.area_mm2, chip.asserts("area"));
  json["clock_ns"] = figure(chip.clock_ns, modelled.clock_ns, chip.asserts("clock"));
  json["tops_per_watt"] = figure(chip.tops_per_watt, modelled.tops_per_watt, chip.asserts("energy"));
  // Energy's error is that of energy, not of its inverse.
  if (modelled.tops_per_watt.nominal > 0)
    json["tops_per_watt"]["error"] = chip.tops_per_watt / modelled.tops_per_watt.nominal - 1;
  for (const auto& [component, area] : modelled.area_um2) json["area_by_component_um2"][component] = area;
  for (const auto& [component, energy] : modelled.energy_pj) json["energy_of_a_cycle_pj"][component] = energy;
  return json;
}

int print_table(const std::string& path) {
  const auto chips = read_chips(path);
  if (!chips) {
    fmt::print(stderr, "error: {}\n", chips.error().line());
    return 1;
  }
  Json json = Json::array();
  for (const DigitalChip& chip : *chips) json.push_back(chip_json(chip));
  fmt::print("{}\n", json.dump(1));
  return 0;
}

}  // namespace
}  // namespace sparsecim

int main(int argc, char** argv) { return argc == 2 ? sparsecim::print_table(argv[1]) : 2; }
