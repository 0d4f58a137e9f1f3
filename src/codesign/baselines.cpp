#include "codesign/baselines.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "prune/measure.hpp"

namespace sparsecim {
namespace {

constexpr int kUsualBits = 4;                  // of weights where models are made small without pruning
constexpr int kFewestBits = 2, kMostBits = 8;  // of WeightRounding

/// 4 bits, and those between which the dense model takes `equal_bytes`.
std::set<int> widths(const Plan& dense, std::optional<std::int64_t> equal_bytes) {
  std::set<int> bits = {kUsualBits};
  if (!equal_bytes) return bits;
  const double matrix_bytes = static_cast<double>(*equal_bytes - dense.other_weights);  // the others at 8 bits
  const double per_weight = 8 * matrix_bytes / static_cast<double>(dense.weights());
  const WeightRounding rounding;
  const double exact = per_weight - static_cast<double>(kScaleBits) / static_cast<double>(rounding.group);
  for (const double width : {std::floor(exact + 1e-3), std::ceil(exact - 1e-3)})
    bits.insert(static_cast<int>(std::clamp<double>(width, kFewestBits, kMostBits)));
  return bits;
}

Result<BaselineModel> rounded_to(int bits, const OpenModel& dense) {
  Compute compute = dense.llama.compute();
  compute.rounding = WeightRounding{.bits = bits};
  SC_TRY_ASSIGN(const StoredSize size, stored_size(*dense.checkpoint, *compute.rounding));
  SC_TRY_ASSIGN(Llama model, Llama::open(*dense.checkpoint, compute));
  return BaselineModel{{.name = fmt::format("dense-{}bit", bits),
                        .label = fmt::format("Dense {}-bit weights", bits),
                        .bits = bits,
                        .stored_bytes = size.bytes(),
                        .quality = {}},
                       std::move(model)};
}

}  // namespace

Result<std::vector<BaselineModel>> open_baselines(const OpenModel& dense, std::optional<std::int64_t> equal_bytes) {
  std::vector<BaselineModel> models;
  const Plan plan = dense_plan_of(dense.checkpoint->config());
  Compute compute = dense.llama.compute();
  if (const auto int8 = choose_arithmetic("int8", compute)) {
    compute.arithmetic = *int8;
    SC_TRY_ASSIGN(Llama model, Llama::open(*dense.checkpoint, compute));
    models.push_back(
        {{.name = "dense-int8", .label = "Dense int8", .bits = {}, .stored_bytes = plan.stored_bytes(), .quality = {}},
         std::move(model)});
  }
  for (const int bits : widths(plan, equal_bytes)) {
    SC_TRY_ASSIGN(BaselineModel model, rounded_to(bits, dense));
    models.push_back(std::move(model));
  }
  return models;
}

}  // namespace sparsecim
