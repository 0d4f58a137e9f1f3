#include "codesign/pareto.hpp"

#include <algorithm>
#include <cmath>

namespace sparsecim {
namespace {

/// The same sparsity or size, as far as a reader sees it.
constexpr double kSameWithin = 1e-4;

double coordinate(const DesignPoint& point, EqualAt equal) {
  return equal == EqualAt::kSparsity ? point.sparsity : static_cast<double>(point.stored_bytes);
}

bool dominates(const DesignPoint& a, const DesignPoint& b) {
  if (a.perplexity > b.perplexity) return false;
  bool less = a.perplexity < b.perplexity;
  for (const CostAxis axis : kCostAxes) {
    const auto ours = cost(a, axis), theirs = cost(b, axis);
    if (!theirs) continue;
    if (!ours || *ours > *theirs) return false;
    less = less || *ours < *theirs;
  }
  return less;
}

/// The kinds but for `subject`'s, in order of appearance.
std::vector<std::string> rival_names(std::span<const DesignPoint> points, const DesignPoint& subject) {
  std::vector<std::string> names;
  for (const DesignPoint& point : points)
    if (point.name != subject.name && std::ranges::find(names, point.name) == names.end()) names.push_back(point.name);
  return names;
}

Json equal_json(std::span<const DesignPoint> points, const DesignPoint& subject, EqualAt equal) {
  Json rivals = Json::array();
  for (const std::string& name : rival_names(points, subject)) {
    const auto rival = interpolate(points, name, equal, coordinate(subject, equal));
    if (!rival) continue;
    rivals.push_back(
        {{"name", name}, {"perplexity", rival->perplexity}, {"below", rival->below}, {"above", rival->above}});
  }
  return {{"at", equal == EqualAt::kSparsity ? "sparsity" : "stored_bytes"},
          {"value", coordinate(subject, equal)},
          {"label", subject.label},
          {"perplexity", subject.perplexity},
          {"rivals", std::move(rivals)}};
}

Json point_json(const DesignPoint& point) {
  Json json = {{"name", point.name},
               {"label", point.label},
               {"sparsity", point.sparsity},
               {"stored_bytes", point.stored_bytes},
               {"perplexity", point.perplexity}};
  if (point.latency_ns) json["latency_ns"] = *point.latency_ns;
  if (point.energy_pj) json["energy_pj"] = *point.energy_pj;
  return json;
}

}  // namespace

const char* key(CostAxis axis) {
  switch (axis) {
    case CostAxis::kStoredBytes:
      return "stored_bytes";
    case CostAxis::kLatency:
      return "latency_ns";
    case CostAxis::kEnergy:
      break;
  }
  return "energy_pj";
}

std::optional<double> cost(const DesignPoint& point, CostAxis axis) {
  if (axis == CostAxis::kStoredBytes) return static_cast<double>(point.stored_bytes);
  return axis == CostAxis::kLatency ? point.latency_ns : point.energy_pj;
}

std::vector<bool> on_front(std::span<const DesignPoint> points, CostAxis axis) {
  std::vector<bool> front(points.size());
  for (std::size_t i = 0; i < points.size(); ++i) {
    const auto ours = cost(points[i], axis);
    front[i] = ours && std::ranges::none_of(points, [&](const DesignPoint& other) {
                 const auto theirs = cost(other, axis);
                 return theirs && *theirs <= *ours && other.perplexity <= points[i].perplexity &&
                        (*theirs < *ours || other.perplexity < points[i].perplexity);
               });
  }
  return front;
}

std::optional<std::size_t> dominator(std::span<const DesignPoint> points, std::size_t index) {
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < points.size(); ++i)
    if (dominates(points[i], points[index]) && (!best || points[i].perplexity < points[*best].perplexity)) best = i;
  return best;
}

std::optional<Interpolated> interpolate(std::span<const DesignPoint> points, const std::string& name, EqualAt equal,
                                        double at) {
  const DesignPoint* below = nullptr;
  const DesignPoint* above = nullptr;
  for (const DesignPoint& point : points) {
    if (point.name != name || !point.on_scale) continue;
    const double x = coordinate(point, equal);
    if (std::abs(x - at) <= kSameWithin * at) return Interpolated{point.perplexity, point.label, point.label};
    if (x < at && (below == nullptr || x > coordinate(*below, equal))) below = &point;
    if (x > at && (above == nullptr || x < coordinate(*above, equal))) above = &point;
  }
  if (below == nullptr || above == nullptr) return {};
  const double low = coordinate(*below, equal), high = coordinate(*above, equal);
  const double share = (at - low) / (high - low);
  return Interpolated{std::exp((1 - share) * std::log(below->perplexity) + share * std::log(above->perplexity)),
                      below->label, above->label};
}

Json pareto_json(std::span<const DesignPoint> points, std::size_t subject) {
  Json list = Json::array();
  for (const DesignPoint& point : points) list.push_back(point_json(point));
  for (std::size_t i = 0; i < points.size(); ++i) {
    list[i]["front"] = Json::array();
    if (const auto by = dominator(points, i)) list[i]["dominated_by"] = points[*by].label;
  }
  for (const CostAxis axis : kCostAxes) {
    const std::vector<bool> front = on_front(points, axis);
    for (std::size_t i = 0; i < points.size(); ++i)
      if (front[i]) list[i]["front"].push_back(key(axis));
  }
  return {{"points", std::move(list)},
          {"equal",
           {equal_json(points, points[subject], EqualAt::kSparsity),
            equal_json(points, points[subject], EqualAt::kStoredBytes)}}};
}

}  // namespace sparsecim
