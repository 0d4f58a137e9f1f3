#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/json.hpp"

namespace sparsecim {

/// One way to shrink a model: what it takes, and what it is worth.
struct DesignPoint {
  std::string name;     // of its kind: "dense" at any width, "uniform", "flow"
  std::string label;    // "Uniform 4:8"
  double sparsity = 0;  // of the decoder blocks' matrices
  std::int64_t stored_bytes = 0;
  double perplexity = 0;
  std::optional<double> latency_ns, energy_pj;  // of decoding a token; none: no machine runs it
  bool on_scale = false;  // of those of its kind that lie on one scale (N:8, bits), between which can be interpolated
};

/// What a point costs beside perplexity.
enum class CostAxis { kStoredBytes, kLatency, kEnergy };
inline constexpr CostAxis kCostAxes[] = {CostAxis::kStoredBytes, CostAxis::kLatency, CostAxis::kEnergy};
/// As the record's keys are called: "stored_bytes", "latency_ns", "energy_pj".
const char* key(CostAxis axis);
std::optional<double> cost(const DesignPoint& point, CostAxis axis);

/// Whether each point is on the Pareto front of perplexity against `axis`: no other is at most as costly and at most as
/// perplexed, and less in one of the two. Points without that cost are not.
std::vector<bool> on_front(std::span<const DesignPoint> points, CostAxis axis);

/// The point that makes point `index` pointless: at most its perplexity and at most each of its costs that are known,
/// less in one of these; of several the least perplexed. None: every other point is worse somewhere.
std::optional<std::size_t> dominator(std::span<const DesignPoint> points, std::size_t index);

/// A perplexity between two points of one kind.
struct Interpolated {
  double perplexity = 0;
  std::string below, above;  // the labels of the points with the next smaller and larger `at`; equal: exactly there
};
/// What points of kind `name` that are on their scale have at `at` of sparsity or of stored bytes: the logarithm of the
/// perplexity, straight between neighbours. None: `at` is not between any two.
enum class EqualAt { kSparsity, kStoredBytes };
std::optional<Interpolated> interpolate(std::span<const DesignPoint> points, const std::string& name, EqualAt equal,
                                        double at);

/// The record's "pareto" (docs/formats/record.md): points, the fronts, and the kinds held against point `subject` at
/// equal sparsity and at equal stored bytes.
Json pareto_json(std::span<const DesignPoint> points, std::size_t subject);

}  // namespace sparsecim
