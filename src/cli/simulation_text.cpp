#include "cli/simulation_text.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <vector>

#include "report/table.hpp"
#include "report/units.hpp"

namespace sparsecim {
namespace {

using report::format_area;
using report::format_energy;
using report::format_number;
using report::format_percent;
using report::format_significant;
using report::format_time;

constexpr int kWidth = 100;

using Format = std::string (*)(double);

std::string band_text(const Band& band, Format format) {
  return fmt::format("{} .. {}", format(band.low), format(band.high));
}

std::string share_text(double part, double whole) {
  return whole > 0 ? format_percent(part / whole) : report::kNothing;
}

Table totals(const Simulation& simulation) {
  const auto cycles = static_cast<double>(simulation.cycles), tokens = static_cast<double>(simulation.n_tokens);
  Table table({"", "", "low .. high", "per token"});
  table.row({"latency", format_time(simulation.latency_ns),
             band_text({simulation.latency_ns_low, simulation.latency_ns, simulation.latency_ns_high}, format_time),
             format_time(simulation.latency_ns / tokens)});
  table.row({"cycles", format_number(cycles), "", format_number(cycles / tokens)});
  table.row({"energy", format_energy(simulation.energy_pj.nominal), band_text(simulation.energy_pj, format_energy),
             format_energy(simulation.energy_pj.nominal / tokens)});
  table.row({"area", format_area(simulation.area_um2.nominal), band_text(simulation.area_um2, format_area), ""});
  table.row({"one macro", format_area(simulation.macro_area_um2.nominal),
             band_text(simulation.macro_area_um2, format_area), ""});
  table.row({"utilization", format_percent(simulation.utilization), "", ""});
  table.row({"TOPS/W", format_significant(simulation.tops_per_watt), "", ""});
  table.row({"TOPS/W, zeros counted", format_significant(simulation.dense_equivalent_tops_per_watt), "", ""});
  return table;
}

/// Energy and area of every component that has either, those of most energy first.
Table components(const Simulation& simulation) {
  std::vector<std::string> order;
  std::map<std::string, Band> energy, area;
  for (const ComponentEnergy& component : simulation.energy) {
    order.push_back(component.component);
    energy[component.component] = component.energy_pj;
  }
  for (const PricedPart& part : simulation.parts) {
    if (!energy.contains(part.component) && !area.contains(part.component)) order.push_back(part.component);
    area[part.component] += part.area_um2;
  }
  Table table({"component", "energy", "", "low .. high", "area", ""});
  for (const std::string& name : order) {
    const Band &e = energy[name], &a = area[name];
    table.row({name, e.nominal > 0 ? format_energy(e.nominal) : "",
               e.nominal > 0 ? share_text(e.nominal, simulation.energy_pj.nominal) : "",
               e.nominal > 0 ? band_text(e, format_energy) : "", a.nominal > 0 ? format_area(a.nominal) : "",
               a.nominal > 0 ? share_text(a.nominal, simulation.area_um2.nominal) : ""});
  }
  return table;
}

/// "model.layers.*.mlp.up_proj" of "model.layers.3.mlp.up_proj".
std::string kind_of(const std::string& operation) {
  std::string kind;
  for (std::size_t begin = 0; begin <= operation.size();) {
    const std::size_t end = std::min(operation.find('.', begin), operation.size());
    const std::string_view word = std::string_view(operation).substr(begin, end - begin);
    const bool number = !word.empty() && word.find_first_not_of("0123456789") == word.npos;
    kind.append(kind.empty() ? "" : ".").append(number ? std::string_view("*") : word);
    begin = end + 1;
  }
  return kind;
}

struct LayerKind {
  std::string name;
  std::vector<std::string> patterns;  // that its operations run as
  std::int64_t operations = 0;
  double latency_ns = 0, energy_pj = 0, useful = 0;
  bool attention = false;
};

/// In the order of computing.
std::vector<LayerKind> layer_kinds(const Simulation& simulation) {
  std::vector<LayerKind> kinds;
  for (const SimulatedOperation& operation : simulation.operations) {
    const std::string name = kind_of(operation.name);
    auto kind = std::ranges::find(kinds, name, &LayerKind::name);
    if (kind == kinds.end())
      kind = kinds.insert(kind, {.name = name, .patterns = {}, .attention = operation.attention});
    kind->operations += 1;
    kind->latency_ns += operation.latency_ns;
    kind->energy_pj += operation.energy_pj.nominal;
    kind->useful += operation.utilization * operation.latency_ns;
    const std::string runs_as = operation.by_rows ? "rows" : operation.runs_as.name();
    if (std::ranges::find(kind->patterns, runs_as) == kind->patterns.end()) kind->patterns.push_back(runs_as);
  }
  return kinds;
}

/// What the names of all kinds of layers (not of a head) begin with, up to a dot.
std::string common_prefix(const std::vector<LayerKind>& kinds) {
  std::string prefix;
  bool first = true;
  for (const LayerKind& kind : kinds) {
    if (kind.name.find('*') == std::string::npos) continue;
    if (first) prefix = kind.name;
    first = false;
    prefix.resize(static_cast<std::size_t>(std::ranges::mismatch(prefix, kind.name).in1 - prefix.begin()));
  }
  return prefix.substr(0, prefix.rfind('.') + 1);  // npos + 1 is 0
}

std::string patterns_text(const LayerKind& kind) {
  if (kind.attention) return "vector unit";
  return fmt::format("{}", fmt::join(kind.patterns, " "));
}

Table layers(const Simulation& simulation) {
  const std::vector<LayerKind> kinds = layer_kinds(simulation);
  const std::string prefix = common_prefix(kinds);
  Table table({"layer", "count", "runs as", "time", "", "energy", "", "utilization"});
  for (const LayerKind& kind : kinds) {
    const bool in_layer = !prefix.empty() && kind.name.starts_with(prefix);
    table.row({in_layer ? kind.name.substr(prefix.size()) : kind.name, std::to_string(kind.operations),
               patterns_text(kind), format_time(kind.latency_ns), share_text(kind.latency_ns, simulation.latency_ns),
               format_energy(kind.energy_pj), share_text(kind.energy_pj, simulation.energy_pj.nominal),
               kind.attention ? "" : share_text(kind.useful, kind.latency_ns)});
  }
  return table;
}

/// Eight heights, as the share of a whole.
std::string_view bar(double share) {
  constexpr std::string_view kBars[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  return kBars[std::clamp<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(share * 8), 0, 7)];
}

std::string shares_text(double least, double most) {
  const std::string low = format_percent(least), high = format_percent(most);
  return low == high ? low : fmt::format("{} .. {}", low, high);
}

/// How busy the macros are, in at most 32 bars: "macros 0 .. 63 ▇▇▇▇▇▇▃ multiply 78 % .. 81 %, load 3 %".
std::string macro_use_line(const Simulation& simulation) {
  constexpr std::int64_t kMostBars = 32;
  const std::int64_t bars = std::min(simulation.macros, kMostBars);
  const auto cycles = static_cast<double>(simulation.cycles);
  const auto multiply = [](const MacroUse& use) { return use.multiply_cycles; };
  const auto load = [](const MacroUse& use) { return use.load_cycles; };
  const auto [least, most] = std::ranges::minmax(simulation.macro_use, {}, multiply);
  const auto [fewest, longest] = std::ranges::minmax(simulation.macro_use, {}, load);
  std::string line = fmt::format("macros 0 .. {} ", simulation.macros - 1);
  auto use = simulation.macro_use.begin();
  for (std::int64_t i = 0; i < bars; ++i) {
    const std::int64_t macro = i * simulation.macros / bars;
    while (use->last_macro < macro) ++use;
    line += bar(static_cast<double>(use->multiply_cycles) / cycles);
  }
  return line + fmt::format(" multiply {}, load {}\n",
                            shares_text(static_cast<double>(least.multiply_cycles) / cycles,
                                        static_cast<double>(most.multiply_cycles) / cycles),
                            shares_text(static_cast<double>(fewest.load_cycles) / cycles,
                                        static_cast<double>(longest.load_cycles) / cycles));
}

/// `text` in lines of at most kWidth columns, broken at spaces, the further ones indented.
std::string wrapped(const std::string& text) {
  std::string out;
  std::size_t line = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    const bool breaks = line > 0 && line + 1 + (end - begin) > kWidth;
    if (breaks) out += "\n  ";
    if (!breaks && line > 0) out += ' ';
    line = (breaks ? 2 : line + (line > 0)) + (end - begin);
    out += text.substr(begin, end - begin);
    begin = end + 1;
  }
  return out + "\n";
}

}  // namespace

std::string simulation_text(const Simulation& simulation) {
  const int width = std::min(kWidth, output_width());
  std::string text = wrapped(fmt::format("{} on {}", simulation.workload, simulation.machine));
  text += wrapped(fmt::format("{} macros, {} nm, clock {} ({})",
                              report::format_number(static_cast<double>(simulation.macros)), simulation.node_nm,
                              format_time(simulation.clock_ns), simulation.critical_path.name));
  if (!simulation.macro_use.empty()) text += macro_use_line(simulation);
  for (const Table& table : {totals(simulation), components(simulation), layers(simulation)})
    text.append("\n").append(table.text(width));
  if (!simulation.notes.empty()) text += "\n";
  for (const std::string& note : simulation.notes) text += wrapped(fmt::format("note: {}", note));
  return text;
}

}  // namespace sparsecim
