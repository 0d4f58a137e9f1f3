// What it costs: latency, energy and area of every model on every machine.
#include <algorithm>
#include <map>

#include "report/parts.hpp"
#include "report/sections.hpp"
#include "report/svg.hpp"
#include "report/units.hpp"

namespace sparsecim::report {
namespace {

/// One model on one machine, in the order in which every chart shows them.
struct Contender {
  const Variant* variant;
  std::string arch;
};

std::vector<Contender> contenders_of(const Record& record) {
  std::vector<Contender> contenders;
  for (const auto& variant : record.variants)
    for (const auto& run : variant.hardware) {
      const bool known = std::ranges::any_of(
          contenders, [&](const Contender& other) { return other.variant == &variant && other.arch == run.arch; });
      if (!known) contenders.push_back({&variant, run.arch});
    }
  return contenders;
}

/// A quantity that is charted: where it stands in a run and how it is written.
struct Quantity {
  const char* title;
  Number HardwareRun::* nominal;
  Number HardwareRun::* low;  // null: no band
  Number HardwareRun::* high;
  Amounts HardwareRun::* by_component;  // null: not known by component
  std::string (*format)(double);
};
constexpr Quantity kLatency = {"Latency", &HardwareRun::latency_ns, nullptr, nullptr, nullptr, format_time};
constexpr Quantity kEnergy = {"Energy",
                              &HardwareRun::energy_pj,
                              &HardwareRun::energy_pj_low,
                              &HardwareRun::energy_pj_high,
                              &HardwareRun::energy_by_component,
                              format_energy};
constexpr Quantity kArea = {"Area",
                            &HardwareRun::area_um2,
                            &HardwareRun::area_um2_low,
                            &HardwareRun::area_um2_high,
                            &HardwareRun::area_by_component,
                            format_area};

std::string band_of(const HardwareRun& run, const Quantity& quantity) {
  if (quantity.low == nullptr || !(run.*quantity.low) || !(run.*quantity.high)) return {};
  return quantity.format(*(run.*quantity.low)) + " .. " + quantity.format(*(run.*quantity.high));
}

bool is_subject(const Contender& contender, const Record& record, const Cast& cast) {
  return contender.variant == cast.subject && contender.arch == record.request.arch;
}

Bar empty_bar(const Contender& contender, const Record& record, const Cast& cast) {
  Bar bar;
  bar.label = name_of_run(*contender.variant, contender.arch);
  bar.strong = is_subject(contender, record, cast);
  return bar;
}

Bar quantity_bar(const Contender& contender, const HardwareRun* run, const Quantity& quantity, const Record& record,
                 const Cast& cast) {
  Bar bar = empty_bar(contender, record, cast);
  if (run == nullptr || !(run->*quantity.nominal)) return bar;
  const double value = *(run->*quantity.nominal);
  bar.shown = quantity.format(value);
  const auto band = band_of(*run, quantity);
  bar.segments = {{value, fill_of(*contender.variant, cast),
                   bar.label + ": " + bar.shown + (band.empty() ? "" : " (" + band + ")")}};
  if (quantity.low != nullptr) bar.low = run->*quantity.low, bar.high = run->*quantity.high;
  return bar;
}

/// The runs of all contenders in one phase; null where there is none.
struct PhaseRuns {
  std::vector<Contender> contenders;
  std::vector<const HardwareRun*> runs;
};

PhaseRuns runs_in(const Record& record, const std::string& phase) {
  PhaseRuns result{contenders_of(record), {}};
  for (const auto& contender : result.contenders)
    result.runs.push_back(find_run(*contender.variant, contender.arch, phase));
  return result;
}

/// Area belongs to no phase: the first run of every contender that has it.
PhaseRuns runs_with_area(const Record& record) {
  PhaseRuns result{contenders_of(record), {}};
  for (const auto& contender : result.contenders) {
    const auto& hardware = contender.variant->hardware;
    const auto found = std::ranges::find_if(
        hardware, [&](const HardwareRun& run) { return run.arch == contender.arch && run.area_um2; });
    result.runs.push_back(found == hardware.end() ? nullptr : &*found);
  }
  return result;
}

bool any_run(const PhaseRuns& runs, const Quantity& quantity) {
  return std::ranges::any_of(runs.runs,
                             [&](const HardwareRun* run) { return run != nullptr && run->*quantity.nominal; });
}

void add_quantity_card(std::vector<Html>& into, const Record& record, const PhaseRuns& runs, const Quantity& quantity,
                       const Html& note) {
  if (!any_run(runs, quantity)) return;
  std::vector<Bar> bars;
  for (std::size_t i = 0; i < runs.runs.size(); ++i)
    bars.push_back(quantity_bar(runs.contenders[i], runs.runs[i], quantity, record, cast_of(record)));
  into.push_back(card(quantity.title, note, bar_chart(quantity.title, bars)));
}

constexpr std::size_t kColors = 8;  // --c0 .. --c7 of the page

/// Components by their total over all runs, the largest first.
std::vector<std::string> components_of(const PhaseRuns& runs, const Quantity& quantity) {
  std::map<std::string, double> totals;
  for (const auto* run : runs.runs)
    if (run != nullptr)
      for (const auto& [name, amount] : run->*quantity.by_component) totals[name] += amount;
  std::vector<std::string> names;
  for (const auto& [name, total] : totals) names.push_back(name);
  std::ranges::stable_sort(names, std::greater{}, [&](const std::string& name) { return totals[name]; });
  return names;
}

std::string component_fill(std::size_t rank) {
  return rank < kColors ? fmt::format("var(--c{})", rank) : "var(--rest)";
}

std::string spaced(std::string name) {
  std::ranges::replace(name, '_', ' ');
  return name;
}

double amount_of(const Amounts& amounts, const std::string& component) {
  double sum = 0;
  for (const auto& [name, amount] : amounts)
    if (name == component) sum += amount;
  return sum;
}

Bar component_bar(const Contender& contender, const HardwareRun* run, const Quantity& quantity,
                  const std::vector<std::string>& components, const Record& record) {
  Bar bar = empty_bar(contender, record, cast_of(record));
  if (run == nullptr) return bar;
  const auto& amounts = run->*quantity.by_component;
  double total = 0;
  for (const auto& [name, amount] : amounts) total += amount;
  for (std::size_t rank = 0; rank < components.size(); ++rank)
    if (const double amount = amount_of(amounts, components[rank]); amount > 0)
      bar.segments.push_back({amount, component_fill(rank),
                              fmt::format("{}: {} ({})", spaced(components[rank]), quantity.format(amount),
                                          format_percent(amount / total))});
  bar.shown = quantity.format(total);
  return bar;
}

Html component_legend(const std::vector<std::string>& components) {
  std::vector<LegendEntry> entries;
  for (std::size_t rank = 0; rank < std::min(components.size(), kColors); ++rank)
    entries.push_back({component_fill(rank), spaced(components[rank])});
  if (components.size() > kColors)
    entries.push_back({component_fill(kColors), fmt::format("{} more", components.size() - kColors)});
  return legend(entries);
}

/// Everything behind the stacked bars as numbers, for those who cannot hover.
Html component_table(const PhaseRuns& runs, const Quantity& quantity) {
  const auto components = components_of(runs, quantity);
  if (components.empty()) return {};
  std::vector<Html> titles = {"Component"};
  std::vector<TableRow> rows;
  for (const auto& contender : runs.contenders) titles.emplace_back(name_of_run(*contender.variant, contender.arch));
  for (const auto& component : components) {
    TableRow row{{spaced(component)}};
    for (const auto* run : runs.runs) {
      const double amount = run == nullptr ? 0 : amount_of(run->*quantity.by_component, component);
      row.cells.emplace_back(amount > 0 ? quantity.format(amount) : kNothing);
    }
    rows.push_back(std::move(row));
  }
  const auto title = fmt::format("{} by component, as numbers", quantity.title);
  return element("details", {}, element("summary", {}, title), table("", titles, rows));
}

void add_component_card(std::vector<Html>& into, const Record& record, const PhaseRuns& runs,
                        const Quantity& quantity) {
  const auto components = components_of(runs, quantity);
  if (components.empty()) return;
  std::vector<Bar> bars;
  for (std::size_t i = 0; i < runs.runs.size(); ++i)
    bars.push_back(component_bar(runs.contenders[i], runs.runs[i], quantity, components, record));
  const auto title = std::string(quantity.title) + " by component";
  into.push_back(
      card(title, "Nominal costs; hover or tap for shares.", bar_chart(title, bars) += component_legend(components)));
}

std::string describe_phase(const Record& record, const std::string& name) {
  const auto phase = std::ranges::find(record.request.phases, name, &Phase::name);
  std::string words = name;
  if (!words.empty() && words[0] >= 'a' && words[0] <= 'z') words[0] = static_cast<char>(words[0] - 'a' + 'A');
  if (phase == record.request.phases.end()) return words;
  if (phase->tokens)
    words += fmt::format(", {} token{}", format_number(*phase->tokens), *phase->tokens == 1 ? "" : "s");
  if (phase->batch && *phase->batch != 1) words += fmt::format(", batch of {}", format_number(*phase->batch));
  if (phase->context) words += fmt::format(", context {}", format_number(*phase->context));
  return words;
}

std::string tokens_per_second(const Record& record, const HardwareRun& run) {
  const auto phase = std::ranges::find(record.request.phases, run.phase, &Phase::name);
  if (phase == record.request.phases.end() || !phase->tokens || !run.latency_ns || *run.latency_ns <= 0)
    return kNothing;
  return format_significant(*phase->tokens * phase->batch.value_or(1) / (*run.latency_ns * 1e-9));
}

TableRow run_row(const Record& record, const Contender& contender, const HardwareRun& run, const Cast& cast) {
  return {
      {name_of_run(*contender.variant, contender.arch), format_or_nothing(run.latency_ns, format_time),
       format_or_nothing(run.cycles, format_number), tokens_per_second(record, run),
       with_remark(format_or_nothing(run.energy_pj, format_energy), band_of(run, kEnergy)),
       with_remark(format_or_nothing(run.area_um2, format_area), band_of(run, kArea)),
       format_or_nothing(run.utilization, format_percent), format_or_nothing(run.tops_per_watt, format_significant)},
      is_subject(contender, record, cast)};
}

Html runs_table(const Record& record, const PhaseRuns& runs) {
  std::vector<TableRow> rows;
  for (std::size_t i = 0; i < runs.runs.size(); ++i)
    if (runs.runs[i] != nullptr) rows.push_back(run_row(record, runs.contenders[i], *runs.runs[i], cast_of(record)));
  return table("",
               {"Model on machine", "Latency", "Cycles", "Tokens/s", term("band", "Energy"), term("band", "Area"),
                term("utilization", "Utilization"), term("tops", "TOPS/W")},
               rows);
}

Html phase_part(const Record& record, const std::string& phase) {
  const auto runs = runs_in(record, phase);
  std::vector<Html> charts;
  add_quantity_card(charts, record, runs, kLatency, "For the whole run; lower is better.");
  add_quantity_card(charts, record, runs, kEnergy, "Thin lines: the band of published costs.");
  add_component_card(charts, record, runs, kEnergy);
  return element("h3", {{"class", "part"}}, describe_phase(record, phase)) += cards(charts) +=
         runs_table(record, runs) += component_table(runs, kEnergy);
}

Html reading_guide() {
  return card(
      "How to read the hardware numbers", {},
      element("p", {}, "All machines have the same number of ", term("macro", "macros"),
              " of the same size, and run the same work.") +=
      element("p", {},
              "Thin lines over a bar are the band from the lowest to the highest published cost of the components (",
              term("band", "low .. high"),
              "); the bar is the nominal value. A band says how well the absolute number is known: the machines share "
              "most of their components, so that ratios are known better than totals."));
}

Html area_part(const Record& record) {
  const auto runs = runs_with_area(record);
  if (!any_run(runs, kArea)) return {};
  std::vector<Html> charts;
  add_quantity_card(charts, record, runs, kArea, "Thin lines: the band of published costs.");
  add_component_card(charts, record, runs, kArea);
  charts.push_back(reading_guide());
  return element("h3", {{"class", "part"}}, "Area of the whole system") += cards(charts) +=
         component_table(runs, kArea);
}

}  // namespace

Html hardware_section(const Record& record) {
  const auto phases = phases_of(record);
  if (contenders_of(record).empty())
    return section("hardware", "On the hardware", {}, element("p", {{"class", "none"}}, "No machine was simulated."));
  Html content;
  for (const auto& phase : phases) content += phase_part(record, phase);
  content += area_part(record);
  const Html lede = record.request.macros
                        ? Html(fmt::format("Every machine has {} macros.", format_number(*record.request.macros)))
                        : Html();
  return section("hardware", "On the hardware", lede, content);
}

}  // namespace sparsecim::report
