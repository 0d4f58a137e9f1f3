#include <algorithm>
#include <map>
#include <span>
#include <tuple>

#include "hardware/simulate.hpp"

// Chrome's trace event format, which Perfetto reads too: complete events ("X") with a start and a duration in us, and
// metadata ("M") that names and orders the lanes, which are the threads of one process.

namespace sparsecim {
namespace {

constexpr int kProcess = 1;

std::string lane_name(const Span& span) {
  if (span.resource != kMacros) return std::string(span.resource);
  return span.first_unit == span.last_unit ? fmt::format("macro {}", span.first_unit)
                                           : fmt::format("macros {} to {}", span.first_unit, span.last_unit);
}

/// From top to bottom: where weights come from, macros by number, and what follows them.
using LaneOrder = std::tuple<int, std::int64_t, std::int64_t>;

LaneOrder order_of(const Span& span) {
  constexpr std::string_view kOrder[] = {"dram", "weight SRAM", "activation SRAM", kMacros, "link", "vector unit"};
  const auto place = std::ranges::find(kOrder, span.resource) - std::begin(kOrder);
  return {static_cast<int>(place), span.first_unit, span.last_unit};
}

Json metadata(const char* name, int lane, Json args) {
  return {{"name", name}, {"ph", "M"}, {"pid", kProcess}, {"tid", lane}, {"args", std::move(args)}};
}

/// One for each group of equal macros, and for everything else.
class Lanes {
 public:
  explicit Lanes(std::span<const Span> spans) {
    for (const Span& span : spans) lanes_.try_emplace(order_of(span), Lane{0, lane_name(span)});
    int number = 0;
    for (auto& [order, lane] : lanes_) lane.number = ++number;
  }
  int of(const Span& span) const { return lanes_.at(order_of(span)).number; }
  void announce(Json& events) const {
    for (const auto& [order, lane] : lanes_) {
      events.push_back(metadata("thread_name", lane.number, {{"name", lane.name}}));
      events.push_back(metadata("thread_sort_index", lane.number, {{"sort_index", lane.number}}));
    }
  }

 private:
  struct Lane {
    int number;
    std::string name;
  };
  std::map<LaneOrder, Lane> lanes_;
};

Json span_json(const Span& span, const SimulatedOperation& operation, int lane, double clock_ns) {
  const double us_per_cycle = clock_ns / 1000;
  Json args = {{"first_cycle", span.start_cycle}, {"cycles", span.cycles}, {"bound", operation.bound}};
  if (!span.detail.empty()) args["repeats"] = span.detail;
  if (!operation.attention) {
    args["runs_as"] = operation.runs_as.name();
    args["tiles_of_operation"] = operation.tiles;
    args["utilization_of_operation"] = operation.utilization;
    args["energy_pj_of_operation"] = operation.energy_pj.nominal;
  }
  return {{"name", operation.name},
          {"cat", std::string(span.activity)},
          {"ph", "X"},
          {"pid", kProcess},
          {"tid", lane},
          {"ts", static_cast<double>(span.start_cycle) * us_per_cycle},
          {"dur", static_cast<double>(span.cycles) * us_per_cycle},
          {"args", std::move(args)}};
}

}  // namespace

Json to_trace(const Simulation& simulation, std::size_t most_spans) {
  const std::size_t shown = std::min(most_spans, simulation.timeline.size());
  const std::span<const Span> spans(simulation.timeline.data(), shown);
  const Lanes lanes(spans);
  Json events = Json::array();
  events.push_back(metadata("process_name", 0, {{"name", simulation.machine}}));
  lanes.announce(events);
  for (std::size_t i = 0; i < shown; ++i) {
    const auto& operation = simulation.operations[static_cast<std::size_t>(simulation.span_operation[i])];
    events.push_back(span_json(spans[i], operation, lanes.of(spans[i]), simulation.clock_ns));
  }
  return {{"displayTimeUnit", "ns"},
          {"otherData",
           {{"machine", simulation.machine},
            {"workload", simulation.workload},
            {"fidelity", std::string(kFidelityNames[static_cast<std::size_t>(simulation.fidelity)])},
            {"spans_left_out", simulation.timeline.size() - shown}}},
          {"traceEvents", std::move(events)}};
}

}  // namespace sparsecim
