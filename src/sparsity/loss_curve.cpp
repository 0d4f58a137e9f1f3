#include "sparsity/loss_curve.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <string>

namespace sparsecim {
namespace {

constexpr std::size_t kAnchors = LossScope::kAnchors.size();
constexpr double kLeastExponent = 0.5, kLargestExponent = 3;

/// "mlp.up_proj" of "model.layers.3.mlp.up_proj".
std::string kind_of(const std::string& name) {
  const std::size_t last = name.rfind('.');
  const std::size_t before = last == std::string::npos || last == 0 ? last : name.rfind('.', last - 1);
  return before == std::string::npos ? name : name.substr(before + 1);
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + std::ssize(values) / 2;
  std::ranges::nth_element(values, middle);
  return *middle;
}

bool trusted(const LossRise& rise) { return rise.nats > rise.standard_error; }

/// Median rise per error at one anchor, of the trusted matrices of one kind.
class Ratios {
 public:
  Ratios(const Statistics& statistics, const std::vector<std::vector<double>>& errors, std::size_t anchor) {
    for (std::size_t i = 0; i < errors.size(); ++i) {
      const MatrixStatistics& matrix = statistics.matrices[i];
      if (!trusted(matrix.rises[anchor]) || errors[i][anchor] == 0) continue;
      const double ratio = matrix.rises[anchor].nats / errors[i][anchor];
      by_kind_[kind_of(matrix.name)].push_back(ratio);
      all_.push_back(ratio);
    }
  }
  double of(const std::string& name) const {
    const auto found = by_kind_.find(kind_of(name));
    if (found != by_kind_.end()) return median(found->second);
    return all_.empty() ? 1 : median(all_);
  }

 private:
  std::map<std::string, std::vector<double>> by_kind_;
  std::vector<double> all_;
};

/// nats = level * (error / unit)^exponent.
struct Curve {
  double level = 0, unit = 1, exponent = 1;
  double operator()(double error) const { return error <= 0 ? 0 : level * std::pow(error / unit, exponent); }
};

Curve curve_through(const std::array<double, kAnchors>& errors, const std::array<double, kAnchors>& nats) {
  if (errors[0] <= 0 || errors[1] <= 0 || nats[0] <= 0 || nats[1] <= 0)
    return errors[1] > 0 ? Curve{.level = nats[1], .unit = errors[1]} : Curve{};
  Curve curve{.level = std::sqrt(nats[0]) * std::sqrt(nats[1]), .unit = std::sqrt(errors[0]) * std::sqrt(errors[1])};
  if (errors[0] != errors[1])
    curve.exponent =
        std::clamp(std::log(nats[1] / nats[0]) / std::log(errors[1] / errors[0]), kLeastExponent, kLargestExponent);
  return curve;
}

}  // namespace

Result<LossCosts> loss_costs(const Statistics& statistics, std::span<const Pattern> options) {
  if (!statistics.scope.losses)
    return fail(Remedy{"name another --statistics file, so that they are measured"}, "the statistics have no losses");
  SC_TRY_ASSIGN(const auto anchor_errors, statistics.errors(LossScope::kAnchors));
  SC_TRY_ASSIGN(const auto errors, statistics.errors(options));
  const std::array<Ratios, kAnchors> ratios = {Ratios(statistics, anchor_errors, 0),
                                               Ratios(statistics, anchor_errors, 1)};
  LossCosts costs;
  for (std::size_t i = 0; i < errors.size(); ++i) {
    const MatrixStatistics& matrix = statistics.matrices[i];
    std::array<double, kAnchors> nats;
    for (std::size_t a = 0; a < kAnchors; ++a)
      nats[a] = trusted(matrix.rises[a]) ? matrix.rises[a].nats : ratios[a].of(matrix.name) * anchor_errors[i][a];
    if (!std::ranges::all_of(matrix.rises, trusted)) ++costs.guessed;
    const Curve curve = curve_through({anchor_errors[i][0], anchor_errors[i][1]}, nats);
    auto& row = costs.nats.emplace_back();
    for (const double error : errors[i]) row.push_back(curve(error));
  }
  return costs;
}

}  // namespace sparsecim
