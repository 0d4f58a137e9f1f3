#include "chip.hpp"

#include <algorithm>
#include <map>

#include "base/check.hpp"
#include "base/file.hpp"
#include "hardware/components/accumulator.hpp"
#include "hardware/components/adder_tree.hpp"
#include "hardware/components/clock.hpp"
#include "hardware/components/gates.hpp"
#include "hardware/components/memories.hpp"
#include "hardware/components/node.hpp"
#include "hardware/pricing.hpp"
#include "hardware/timing.hpp"

namespace sparsecim {
namespace {

using Parameters = std::vector<Parameter<DigitalChip>>;

void add_text(Parameters& parameters, const char* key, std::string DigitalChip::* member) {
  parameters.push_back({key, "text", key, std::nullopt,
                        [=](DigitalChip& chip, const Setting& setting) -> Result<void> {
                          chip.*member = setting.values.empty() ? "" : setting.values.front();
                          return {};
                        },
                        [=](const DigitalChip& chip) { return Json(chip.*member); }});
}

void add_integer(Parameters& parameters, const char* key, std::int64_t low, std::int64_t high,
                 std::int64_t DigitalChip::* member) {
  parameters.push_back(integer_parameter<DigitalChip>({key, key}, low, high,
                                                      [=](DigitalChip& c) -> std::int64_t& { return c.*member; }));
}

void add_number(Parameters& parameters, const char* key, double low, double high, double DigitalChip::* member) {
  parameters.push_back(
      number_parameter<DigitalChip>({key, key}, low, high, [=](DigitalChip& c) -> double& { return c.*member; }));
}

template <class Choice>
void add_choice(Parameters& parameters, const char* key, const std::vector<std::string>& names,
                Choice DigitalChip::* member) {
  parameters.push_back(
      choice_parameter<DigitalChip>({key, key}, names, [=](DigitalChip& c) -> Choice& { return c.*member; }));
}

Parameters declare_chip() {
  using C = DigitalChip;
  Parameters parameters;
  for (const auto& [key, member] : {std::pair{"name", &C::name}, {"source", &C::source}, {"reason", &C::reason}})
    add_text(parameters, key, member);
  for (const auto& [key, member] : {std::pair{"banks", &C::banks},
                                    {"inputs", &C::inputs},
                                    {"outputs", &C::outputs},
                                    {"activation_bits", &C::activation_bits},
                                    {"weight_bits", &C::weight_bits},
                                    {"bits_per_cycle", &C::bits_per_cycle},
                                    {"words_per_unit", &C::words_per_unit},
                                    {"multiplier_bits", &C::multiplier_bits},
                                    {"tree_bits", &C::tree_bits},
                                    {"accumulator_bits", &C::accumulator_bits}})
    add_integer(parameters, key, 1, 4096, member);
  for (const auto& [key, member] : {std::pair{"combine", &C::combine},
                                    {"combine_bits", &C::combine_bits},
                                    {"pipeline_bits", &C::pipeline_bits},
                                    {"float_adders", &C::float_adders},
                                    {"sram_bytes", &C::sram_bytes}})
    add_integer(parameters, key, 0, 4096, member);
  add_number(parameters, "node_nm", kSmallestNode_nm, kLargestNode_nm, &C::node_nm);
  for (const auto& [key, member] : {std::pair{"vdd_v", &C::vdd_v},
                                    {"area_mm2", &C::area_mm2},
                                    {"clock_ns", &C::clock_ns},
                                    {"tops_per_watt", &C::tops_per_watt}})
    add_number(parameters, key, 1e-6, 1e6, member);
  add_number(parameters, "toggle", 0, 1, &C::toggle);
  add_number(parameters, "weight_sparsity", 0, 1, &C::weight_sparsity);
  add_choice(parameters, "products", {"plain", "booth"}, &C::products);
  add_choice(parameters, "accumulators", {"output", "bank", "input"}, &C::accumulators);
  add_choice(parameters, "pipeline", {"none", "products", "tree"}, &C::pipeline);
  add_choice(parameters, "one_bit_operations", {"false", "true"}, &C::one_bit_operations);
  parameters.push_back({"asserted", "of area, clock, energy", "what the test holds", std::nullopt,
                        [](C& chip, const Setting& setting) -> Result<void> {
                          chip.asserted = setting.values;
                          return {};
                        },
                        [](const C& chip) { return Json(chip.asserted); }});
  return parameters;
}

/// What a chip is built of, and what happens in a cycle.
class ChipModel {
 public:
  explicit ChipModel(const DigitalChip& chip) : chip_(chip) {}

  Inventory inventory() {
    add_storage();
    part("multipliers", kNorMultiplier, columns() * inputs() * products_per_input() * bits(chip_.multiplier_bits));
    part("adder trees", kFullAdder, columns() * bits(tree().full_adders()));
    if (chip_.combine > 0) part("adder trees", kFullAdder, banks() * bits(combiner().full_adders()));
    for (const Cost* cost : {&kFullAdder, &kFlipFlop, &kXor2})
      part("accumulators", *cost, accumulators() * bits(chip_.accumulator_bits));
    part("pipeline", kFlipFlop, pipeline_flip_flops());
    part("floating point", kFullAdder, 2 * banks() * bits(chip_.float_adders) * 32);
    part("floating point", kFlipFlop, banks() * bits(chip_.float_adders) * 32);
    inventory_.node_nm = chip_.node_nm;
    inventory_.macros = 1;
    inventory_.paths = paths();
    return inventory_;
  }

  /// Of a cycle, every bank at work.
  std::vector<Event> events() const {
    const double first = chip_.toggle * (1 - chip_.weight_sparsity) / 2;  // half of the bits of kept weights are ones
    double last = tree_activity(tree(), first).back();
    std::vector<Event> events;
    events.push_back({"multipliers", &kNorMultiplier,
                      columns() * inputs() * products_per_input() * bits(chip_.multiplier_bits) * chip_.toggle});
    events.push_back({"adder trees", &kFullAdder, columns() * tree_full_adder_events(tree(), first)});
    if (chip_.combine > 0) {
      const double behind = activity_behind(last, tree().operand_bits(tree().levels()));
      events.push_back({"adder trees", &kFullAdder, banks() * tree_full_adder_events(combiner(), behind)});
      last = tree_activity(combiner(), behind).back();
    }
    const AccumulatorActivity activity = accumulator_activity(last);
    const double sum_bits = accumulators() * bits(chip_.accumulator_bits);
    events.push_back({"accumulators", &kFullAdder, sum_bits * activity.full_adder});
    events.push_back({"accumulators", &kFlipFlop, sum_bits * activity.register_bits});
    events.push_back({"accumulators", &kXor2, sum_bits * activity.invert});
    events.push_back({"pipeline", &kFlipFlop, pipeline_flip_flops() / 2});
    events.push_back({"clock", &kClockPin, sum_bits + pipeline_flip_flops()});
    return events;
  }

  /// 8-bit (or one-bit) operations that a cycle comes to.
  double operations_per_cycle() const {
    // Columns that hold a bit each make an output together.
    const double outputs = columns() / (chip_.combine > 0 ? static_cast<double>(chip_.combine) : 1);
    const double cycles = bits(chip_.activation_bits) / bits(chip_.bits_per_cycle);
    const double one_bit = chip_.one_bit_operations ? bits(chip_.activation_bits * chip_.weight_bits) : 1;
    return 2 * outputs * inputs() / cycles * one_bit;
  }

 private:
  static double bits(std::int64_t count) { return static_cast<double>(count); }
  double banks() const { return bits(chip_.banks); }
  double inputs() const { return bits(chip_.inputs); }
  double columns() const { return bits(chip_.banks * chip_.outputs); }
  double products_per_input() const {
    return bits(chip_.bits_per_cycle) / (chip_.products == DigitalChip::Products::kBooth ? 2 : 1);
  }
  AdderTree tree() const { return {chip_.inputs, chip_.tree_bits}; }
  AdderTree combiner() const { return {chip_.combine, chip_.combine_bits}; }
  double accumulators() const {
    if (chip_.accumulators == DigitalChip::Accumulators::kPerBank) return banks();
    return chip_.accumulators == DigitalChip::Accumulators::kPerInput ? columns() * inputs() : columns();
  }
  double pipeline_flip_flops() const {
    if (chip_.pipeline == DigitalChip::Pipeline::kNone) return 0;
    const bool products = chip_.pipeline == DigitalChip::Pipeline::kProducts;
    return columns() * (products ? inputs() : 1) * bits(chip_.pipeline_bits);
  }

  void part(std::string_view component, const Cost& cost, double instances) {
    inventory_.macro_parts.push_back({component, &cost, instances});
  }
  void add_storage() {
    const auto bank = std::ranges::find(kSramBanks, chip_.sram_bytes, &SramBank::bytes);
    if (bank != kSramBanks.end()) return part("SRAM", bank->read, banks() * bits(8 * chip_.sram_bytes));
    SC_CHECK(chip_.sram_bytes == 0);
    part("SRAM", kCimCell, columns() * inputs() * bits(chip_.weight_bits * chip_.words_per_unit));
  }

  static std::vector<Path::Step> tree_steps(const AdderTree& tree) {
    return {{&kSumDelay, tree.levels() - 1}, {&kCarryOutDelay, 1}, {&kCarryDelay, tree.carries_on_path()}};
  }
  /// Behind operands of `arrived_bits`, which the last carries have come through.
  std::vector<Path::Step> accumulator_steps(std::int64_t arrived_bits) const {
    return {{&kCarryOutDelay, 1}, {&kCarryDelay, std::max<std::int64_t>(0, chip_.accumulator_bits - arrived_bits)}};
  }

  std::vector<Path> paths() const {
    const auto join = [](std::string_view name, std::initializer_list<std::vector<Path::Step>> pieces) {
      Path path{name, {}};
      for (const auto& steps : pieces) path.steps.insert(path.steps.end(), steps.begin(), steps.end());
      return path;
    };
    const std::vector<Path::Step> multiply = {{&kNorDelay, 1}};
    std::vector<Path::Step> add = tree_steps(tree());
    // Columns that hold a bit of a weight each come together at their places: as many bits more as there are columns.
    const std::vector<Path::Step> accumulate = accumulator_steps(tree().result_bits() + chip_.combine);
    if (chip_.combine > 0)
      for (const Path::Step& step : tree_steps(combiner())) add.push_back(step);
    switch (chip_.pipeline) {
      case DigitalChip::Pipeline::kNone:
        return {join("multiply, add, accumulate", {multiply, add, accumulate})};
      case DigitalChip::Pipeline::kTree:
        return {join("multiply, add", {multiply, add}), join("accumulate", {accumulate})};
      case DigitalChip::Pipeline::kProducts:
        break;
    }
    // The tree's carries run after those of the accumulators before it, but for one sum.
    return {join("multiply", {multiply}), join("accumulate, add", {{{&kSumDelay, 1}}, add})};
  }

  const DigitalChip& chip_;
  Inventory inventory_;
};

template <class Priced>
void add_up(std::vector<std::pair<std::string, double>>& sums, const Priced& part, double amount) {
  const auto found = std::ranges::find(sums, part.component, [](const auto& sum) { return sum.first; });
  if (found != sums.end())
    found->second += amount;
  else
    sums.emplace_back(part.component, amount);
}

}  // namespace

bool DigitalChip::asserts(std::string_view figure) const {
  return std::ranges::find(asserted, figure) != asserted.end();
}

Result<std::vector<DigitalChip>> read_chips(const std::string& path) {
  SC_TRY_ASSIGN(const std::string text, read_text_file(path, 1 << 20));
  SC_TRY_ASSIGN(const auto settings, parse_settings(path, text));
  std::vector<std::string> order;
  std::map<std::string, std::vector<Setting>> by_chip;
  for (Setting setting : settings) {  // "chips.ID.KEY"
    const std::size_t id = setting.key.find('.') + 1, key = setting.key.find('.', id) + 1;
    if (id == 0 || key == 0) return fail("{}: '{}' is not a figure of a chip", setting.place, setting.key);
    const std::string chip = setting.key.substr(id, key - id - 1);
    if (!by_chip.contains(chip)) order.push_back(chip);
    setting.key.erase(0, key);
    by_chip[chip].push_back(std::move(setting));
  }
  std::vector<DigitalChip> chips;
  for (const std::string& id : order) {
    SC_TRY_ASSIGN(DigitalChip chip, read_parameters(declare_chip(), path + ": " + id, by_chip[id]));
    chip.id = id;
    chips.push_back(std::move(chip));
  }
  return chips;
}

ModelledChip model(const DigitalChip& chip) {
  ChipModel parts(chip);
  const PricedInventory priced = price(parts.inventory());
  ModelledChip modelled{.area_mm2 = priced.area_um2 * 1e-6,
                        .clock_ns = priced.clock_ns,
                        .tops_per_watt = {},
                        .area_um2 = {},
                        .energy_pj = {}};
  for (const PricedPart& part : priced.parts) add_up(modelled.area_um2, part, part.area_um2.nominal);
  if (chip.toggle == 0) return modelled;
  const double supply = chip.vdd_v / nominal_vdd_v(chip.node_nm);
  Band energy_pj;
  for (const PricedEvent& event : price(parts.events(), chip.node_nm)) {
    add_up(modelled.energy_pj, event, event.energy_pj.nominal * supply * supply);
    energy_pj += event.energy_pj * (supply * supply);
  }
  const double operations = parts.operations_per_cycle();
  modelled.tops_per_watt = {operations / energy_pj.high, operations / energy_pj.nominal, operations / energy_pj.low};
  return modelled;
}

}  // namespace sparsecim
