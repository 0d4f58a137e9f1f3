#include "report/explanation.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

#include "base/nearest.hpp"

namespace sparsecim::report {
namespace {

constexpr const char* kSimulationSchema = "sparsecim.simulation/1";
constexpr double kTolerance = 1e-9;  // sums of thousands of terms, in another order
constexpr std::size_t kMostListed = 16;

struct Range {
  double low = 0, nominal = 0, high = 0;
  Range operator*(double factor) const { return {low * factor, nominal * factor, high * factor}; }
  Range& operator+=(const Range& other) {
    low += other.low;
    nominal += other.nominal;
    high += other.high;
    return *this;
  }
};

Range range_of(const Json& json) {
  return {json.at("low").get<double>(), json.at("nominal").get<double>(), json.at("high").get<double>()};
}

/// "3.402 (1.701 .. 4.0824)", or the one value.
std::string text_of(const Range& range) {
  if (range.low == range.high) return fmt::format("{:.6g}", range.nominal);
  return fmt::format("{:.6g} ({:.6g} .. {:.6g})", range.nominal, range.low, range.high);
}

/// Something that is counted, and what one of it costs: `count` x `each` x `scale`.
struct Counted {
  double count;
  std::string what;
  const Json* constant;
  Range each;
};

/// One figure: a formula over terms of one unit, or over other figures.
struct Figure {
  std::string formula, unit, each_unit;
  double scale = 1;  // from each_unit to unit
  std::vector<Counted> terms;
  std::vector<std::pair<std::string, Range>> parts;  // other figures, by key
  Range value() const {
    Range sum;
    for (const Counted& term : terms) sum += term.each * (term.count * scale);
    for (const auto& [key, range] : parts) sum += range;
    return sum;
  }
};

class SimulationResult {
 public:
  explicit SimulationResult(const Json& json) : json_(json) {}

  std::vector<std::string> keys() const {
    std::vector<std::string> keys = {"latency_ns", "cycles",        "clock_ns",    "energy_pj",
                                     "area_um2",   "tops_per_watt", "utilization", "dense_equivalent_tops_per_watt"};
    for (const auto& [component, value] : json_.at("energy_by_component_pj").items())
      keys.push_back("energy." + component);
    for (const auto& [component, value] : json_.at("area_by_component_um2").items())
      keys.push_back("area." + component);
    for (const Json& operation : json_.at("operations")) {
      const std::string key = "operations." + operation.at("name").get<std::string>();
      keys.push_back(key);
      for (const auto& [component, value] : operation.at("energy_by_component_pj").items())
        keys.push_back(key + "." + component);
    }
    return keys;
  }

  Figure energy(const std::string& component) const {
    if (component == "leakage") return leakage(number("latency_ns"));
    return events(json_.at("events"), component);
  }
  Figure energy() const {
    Figure figure{.formula = "the sum of its components", .unit = "pJ"};
    for (const auto& [component, value] : json_.at("energy_by_component_pj").items())
      figure.parts.emplace_back("energy." + component, range_of(value));
    return figure;
  }
  Figure operation_energy(const Json& operation, const std::string& component) const {
    if (component == "leakage") return leakage(operation.at("latency_ns").get<double>());
    return events(operation.at("events"), component);
  }
  Figure operation_energy(const Json& operation) const {
    Figure figure{.formula = "the sum of its components", .unit = "pJ"};
    const std::string key = "operations." + operation.at("name").get<std::string>() + ".";
    for (const auto& [component, value] : operation.at("energy_by_component_pj").items())
      figure.parts.emplace_back(key + component, operation_energy(operation, component).value());
    return figure;
  }
  Figure area(const std::string& component) const {
    Figure figure{.formula = "instances x area of one", .unit = "um2", .each_unit = "um2"};
    for (const Json& part : json_.at("parts")) {
      if (part.at("component") != component) continue;
      const Json& constant = constant_of(part.at("constant"));
      const Range each = constant.contains("area_um2")
                             ? range_of(constant.at("area_um2")) * constant.at("area_factor").get<double>()
                             : Range{};
      figure.terms.push_back({part.at("instances").get<double>(), name_of(constant), &constant, each});
    }
    return figure;
  }
  Figure area() const {
    Figure figure{.formula = "the sum of its components", .unit = "um2"};
    for (const auto& [component, value] : json_.at("area_by_component_um2").items())
      figure.parts.emplace_back("area." + component, range_of(value));
    return figure;
  }
  Figure clock() const {
    Figure figure{
        .formula = fmt::format("the longest path between registers: {}", json_.at("critical_path").get<std::string>()),
        .unit = "ns",
        .each_unit = "ps",
        .scale = 1e-3};
    for (const Json& step : json_.at("clock_steps"))
      figure.terms.push_back({step.at("count").get<double>(), step.at("name").get<std::string>(), &step,
                              range_of(step.at("delay_ps")) * step.at("delay_factor").get<double>()});
    return figure;
  }

  /// Errors: the figure that does not follow from the file's own counts and constants.
  Result<void> check() const {
    SC_TRY(same("clock_ns", number("clock_ns"), clock().value().nominal));
    SC_TRY(same("latency_ns", number("latency_ns"), number("cycles") * number("clock_ns")));
    for (const auto& [component, value] : json_.at("energy_by_component_pj").items())
      SC_TRY(same("energy_by_component_pj." + component, range_of(value), energy(component).value()));
    SC_TRY(same("energy_pj", band("energy_pj"), energy().value()));
    for (const auto& [component, value] : json_.at("area_by_component_um2").items())
      SC_TRY(same("area_by_component_um2." + component, range_of(value), area(component).value()));
    SC_TRY(same("area_um2", band("area_um2"), area().value()));
    for (const Json& operation : json_.at("operations")) SC_TRY(check_operation(operation));
    for (const auto& [key, useful, all] : {std::tuple{"utilization", "useful_multiplies", "available_multiplies"},
                                           {"tops_per_watt", "useful_operations", "energy_pj"},
                                           {"dense_equivalent_tops_per_watt", "dense_operations", "energy_pj"}})
      SC_TRY(same(key, number(key), number(useful) / number(all)));
    return {};
  }

  double number(const std::string& key) const { return json_.at(key).get<double>(); }
  const Json& json() const { return json_; }

 private:
  Range band(const std::string& key) const { return {number(key + "_low"), number(key), number(key + "_high")}; }
  const Json& constant_of(const Json& index) const { return json_.at("constants").at(index.get<std::size_t>()); }
  static std::string name_of(const Json& constant) { return constant.at("name").get<std::string>(); }

  Figure leakage(double latency_ns) const {
    Figure figure{.formula = fmt::format("leakage of all parts x {:.9g} ns", latency_ns),
                  .unit = "pJ",
                  .each_unit = "pW",
                  .scale = latency_ns * 1e-9};
    for (const Json& part : json_.at("parts")) {
      const Json& constant = constant_of(part.at("constant"));
      figure.terms.push_back({part.at("instances").get<double>(),
                              fmt::format("{}, in {}", name_of(constant), part.at("component").get<std::string>()),
                              &constant, range_of(constant.at("leakage_pw"))});
    }
    return figure;
  }

  Figure events(const Json& events, const std::string& component) const {
    Figure figure{.formula = "events x energy of one", .unit = "pJ", .each_unit = "fJ", .scale = 1e-3};
    for (const Json& event : events) {
      if (event.at("component") != component) continue;
      const Json& constant = constant_of(event.at("constant"));
      figure.terms.push_back({event.at("count").get<double>(),
                              fmt::format("{}: {}", name_of(constant), constant.at("event").get<std::string>()),
                              &constant,
                              range_of(constant.at("energy_fj")) * constant.at("energy_factor").get<double>()});
    }
    return figure;
  }

  Result<void> check_operation(const Json& operation) const {
    const std::string name = "operations." + operation.at("name").get<std::string>();
    for (const auto& [component, value] : operation.at("energy_by_component_pj").items())
      SC_TRY(same(name + "." + component, value.get<double>(), operation_energy(operation, component).value().nominal));
    SC_TRY(same(name + ".energy_pj", operation.at("energy_pj").get<double>(),
                operation_energy(operation).value().nominal));
    return same(name + ".latency_ns", operation.at("latency_ns").get<double>(),
                operation.at("cycles").get<double>() * number("clock_ns"));
  }

  static Result<void> same(const std::string& what, double written, double found) {
    if (std::abs(written - found) <= kTolerance * std::max(std::abs(written), std::abs(found))) return {};
    return fail(Remedy{"simulate again"}, "'{}' is {:.9g}, but what the file counts comes to {:.9g}: it was edited",
                what, written, found);
  }
  static Result<void> same(const std::string& what, const Range& written, const Range& found) {
    SC_TRY(same(what + " (low)", written.low, found.low));
    SC_TRY(same(what, written.nominal, found.nominal));
    return same(what + " (high)", written.high, found.high);
  }

  const Json& json_;
};

std::string terms_text(const Figure& figure) {
  std::string text;
  std::vector<const Counted*> terms;
  for (const Counted& term : figure.terms) terms.push_back(&term);
  std::ranges::stable_sort(terms, std::ranges::greater{}, [](const Counted* t) { return t->count * t->each.nominal; });
  for (const Counted* term : terms)
    text += fmt::format("  {:.9g} {} x {} {} = {:.6g} {}\n", term->count, term->what, text_of(term->each),
                        figure.each_unit, term->count * term->each.nominal * figure.scale, figure.unit);
  return text;
}

std::string parts_text(const Figure& figure) {
  const double whole = figure.value().nominal;
  auto parts = figure.parts;
  std::ranges::stable_sort(parts, std::ranges::greater{}, [](const auto& part) { return part.second.nominal; });
  std::string text;
  for (const auto& [key, range] : parts)
    text += fmt::format("  {} {}  {:.1f} %  {}\n", text_of(range), figure.unit,
                        whole > 0 ? 100 * range.nominal / whole : 0, key);
  return text;
}

/// As published, and what brings it to the machine's node.
std::string constant_text(const Json& constant, const std::string& each_unit) {
  const auto name = constant.at("name").get<std::string>(), source = constant.at("source").get<std::string>();
  const double node_nm = constant.at("node_nm").get<double>();
  std::string value;
  if (each_unit == "fJ")
    value = fmt::format("{} fJ at {:g} nm and {:g} V, x {:.6g} at the machine's node",
                        text_of(range_of(constant.at("energy_fj"))), node_nm, constant.at("vdd_v").get<double>(),
                        constant.at("energy_factor").get<double>());
  else if (each_unit == "um2" && constant.contains("area_um2"))
    value = fmt::format("{} um2 at {:g} nm, x {:.6g} at the machine's node", text_of(range_of(constant.at("area_um2"))),
                        node_nm, constant.at("area_factor").get<double>());
  else if (each_unit == "ps")
    value = fmt::format("{} ps at {:g} nm, x {:.6g} at the machine's node", text_of(range_of(constant.at("delay_ps"))),
                        node_nm, constant.at("delay_factor").get<double>());
  else if (each_unit == "pW")
    value = fmt::format("{} pW at the machine's node", text_of(range_of(constant.at("leakage_pw"))));
  else
    value = "no published area";
  return fmt::format("  {}: {}\n    source: {}\n", name, value, source);
}

std::string constants_text(const Figure& figure) {
  std::set<std::string> told;
  std::string text;
  for (const Counted& term : figure.terms) {
    const std::string constant = constant_text(*term.constant, figure.each_unit);
    if (told.insert(constant).second) text += constant;
  }
  return text.empty() ? text : "constants\n" + text;
}

std::string figure_text(const std::string& key, const Figure& figure) {
  return fmt::format("{} = {} {}\n= {}\n{}{}{}", key, text_of(figure.value()), figure.unit, figure.formula,
                     terms_text(figure), parts_text(figure), constants_text(figure));
}

std::string latency_text(const SimulationResult& result) {
  return fmt::format(
      "latency_ns = {:.9g} ns ({:.6g} .. {:.6g})\n= cycles x clock_ns = {:.0f} x {:.9g} ns\n"
      "low and high: the same cycles at the clock's band; a DRAM streams at its own pace\n",
      result.number("latency_ns"), result.number("latency_ns_low"), result.number("latency_ns_high"),
      result.number("cycles"), result.number("clock_ns"));
}

std::string cycles_text(const SimulationResult& result) {
  std::vector<std::pair<double, std::string>> operations;
  double sum = 0;
  for (const Json& operation : result.json().at("operations")) {
    operations.emplace_back(
        operation.at("cycles").get<double>(),
        fmt::format("{} ({})", operation.at("name").get<std::string>(), operation.at("bound").get<std::string>()));
    sum += operations.back().first;
  }
  std::ranges::stable_sort(operations, std::ranges::greater{}, &std::pair<double, std::string>::first);
  std::string text = fmt::format(
      "cycles = {:.0f}\n= those of the operations, one after the other, and {:.0f} in which "
      "the macros wait for weights to be loaded\n",
      result.number("cycles"), result.number("cycles") - sum);
  const std::size_t listed = std::min(operations.size(), kMostListed);
  for (std::size_t i = 0; i < listed; ++i) {
    text += fmt::format("  {:.0f}  {}\n", operations[i].first, operations[i].second);
    sum -= operations[i].first;
  }
  if (listed < operations.size()) text += fmt::format("  {:.0f}  in {} more\n", sum, operations.size() - listed);
  return text;
}

std::string ratio_text(const SimulationResult& result, const std::string& key, const char* formula, const char* above,
                       const char* below) {
  return fmt::format("{} = {:.6g}\n= {} = {:.9g} / {:.9g}\n", key, result.number(key), formula, result.number(above),
                     result.number(below));
}

std::optional<std::string> operation_text(const SimulationResult& result, const std::string& key) {
  for (const Json& operation : result.json().at("operations")) {
    const std::string prefix = "operations." + operation.at("name").get<std::string>();
    if (key == prefix) return figure_text(key, result.operation_energy(operation));
    if (!key.starts_with(prefix + ".")) continue;
    const std::string component = key.substr(prefix.size() + 1);
    if (operation.at("energy_by_component_pj").contains(component))
      return figure_text(key, result.operation_energy(operation, component));
  }
  return std::nullopt;
}

std::optional<std::string> text_for(const SimulationResult& result, const std::string& key) {
  const auto has_component = [&](const char* table, std::size_t prefix) {
    return result.json().at(table).contains(key.substr(prefix));
  };
  if (key == "latency_ns") return latency_text(result);
  if (key == "cycles") return cycles_text(result);
  if (key == "clock_ns") return figure_text(key, result.clock());
  if (key == "energy_pj") return figure_text(key, result.energy());
  if (key == "area_um2") return figure_text(key, result.area());
  if (key == "utilization")
    return ratio_text(result, key, "multiplies by weights that are not zero / slots of all multipliers in all cycles",
                      "useful_multiplies", "available_multiplies");
  if (key == "tops_per_watt")
    return ratio_text(result, key, "2 operations for each product of a weight that is not zero, or of attention / pJ",
                      "useful_operations", "energy_pj");
  if (key == "dense_equivalent_tops_per_watt")
    return ratio_text(result, key, "2 operations for each product, zeros included / pJ", "dense_operations",
                      "energy_pj");
  if (key.starts_with("energy.") && has_component("energy_by_component_pj", 7))
    return figure_text(key, result.energy(key.substr(7)));
  if (key.starts_with("area.") && has_component("area_by_component_um2", 5))
    return figure_text(key, result.area(key.substr(5)));
  return operation_text(result, key);
}

Result<std::string> explained(const Json& json, const std::string& key) {
  const SimulationResult result(json);
  SC_TRY(result.check());
  if (const auto text = text_for(result, key)) return *text;
  return fail(Remedy{fmt::format("the nearest are '{}'", fmt::join(nearest(key, result.keys(), 3), "', '"))},
              "there is no '{}' to explain", key);
}

Result<void> check_schema(const Json& json) {
  const Json* schema = json.is_object() && json.contains("schema") ? &json["schema"] : nullptr;
  if (schema && *schema == kSimulationSchema) return {};
  return fail(Remedy{"make one with sparsecim simulate ... --json FILE"}, "no result of this program's simulate ('{}')",
              kSimulationSchema);
}

}  // namespace

std::vector<std::string> explainable_keys(const Json& json) { return SimulationResult(json).keys(); }

Result<std::string> explain(const Json& json, const std::string& key) {
  SC_TRY(check_schema(json));
  try {
    return explained(json, key);
  } catch (const Json::exception& error) {  // a key that is missing, or of another type
    return fail(Remedy{"simulate again"}, "it was edited, or cut: {}", error.what());
  }
}

}  // namespace sparsecim::report
