#include "prune/activities.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "base/progress.hpp"
#include "hardware/activity.hpp"
#include "kernels/quantise.hpp"
#include "prune/block_states.hpp"

namespace sparsecim {
namespace {

/// One input's tokens, as 8-bit numbers, counted.
class QuantisedCounter {
 public:
  /// activations [tokens, n_inputs]. Errors: a value that is not finite.
  Result<void> add(const at::Tensor& activations) {
    const at::Tensor x = activations.to(at::kCPU, at::kFloat).contiguous();
    if (!counter_) counter_.emplace(x.size(1));
    std::vector<std::int8_t> integers(static_cast<std::size_t>(x.numel()));
    std::vector<float> scales(static_cast<std::size_t>(x.size(0)));
    SC_TRY(quantise_rows({x.const_data_ptr<float>(), integers.size()}, x.size(1), integers, scales));
    counter_->add(integers);
    return {};
  }
  Activity activity() const { return counter_->activity(); }

 private:
  std::optional<ActivityCounter> counter_;  // none before the first token
};

/// The hidden states of the first batches.
std::vector<at::Tensor> first_states(const Llama& model, const Calibration& calibration) {
  std::vector<at::Tensor> states;
  std::int64_t tokens = 0;
  for (const at::Tensor& batch : calibration.batches) {
    if (tokens >= kActivityTokens) break;
    const std::int64_t sequences = (kActivityTokens - tokens + batch.size(1) - 1) / batch.size(1);
    states.push_back(model.embed(batch.narrow(0, 0, std::min(sequences, batch.size(0)))));
    tokens += states.back().size(0) * states.back().size(1);
  }
  return states;
}

/// Takes the states through a block: the activities of its inputs.
Result<std::array<Activity, kLinearInputs>> activities_of_block(const Llama& model, std::int64_t index,
                                                                std::vector<at::Tensor>& states) {
  SC_TRY_ASSIGN(const DecoderBlock block, model.block(index));
  std::array<QuantisedCounter, kLinearInputs> counters;
  Result<void> counted;
  SC_TRY(run_block(model, block, states, [&](LinearInput input, const at::Tensor& x) {
    if (counted) counted = counters[static_cast<std::size_t>(input)].add(x);
  }));
  SC_TRY(counted);
  std::array<Activity, kLinearInputs> activities;
  for (std::size_t i = 0; i < activities.size(); ++i) activities[i] = counters[i].activity();
  return activities;
}

}  // namespace

Result<Activities> measure_activities(const Llama& model, const Calibration& calibration) {
  return guarded([&]() -> Result<Activities> {
    Activities activities;
    std::vector<at::Tensor> states = first_states(model, calibration);
    const auto linears = block_linears(model.config());
    Progress progress("measuring activations", model.n_blocks(), "blocks");
    for (std::int64_t i = 0; i < model.n_blocks(); ++i) {
      SC_TRY_ASSIGN(const auto inputs,
                    within(fmt::format("model.layers.{}", i), activities_of_block(model, i, states)));
      for (std::size_t m = 0; m < linears.size(); ++m)
        activities[matrix_name(i, linears[m].name)] = inputs[static_cast<std::size_t>(kInputOfLinear[m])];
      progress.advance(1);
    }
    QuantisedCounter head;
    for (const at::Tensor& state : states) SC_TRY(head.add(model.head_input(state).flatten(0, 1)));
    activities["lm_head"] = head.activity();
    return activities;
  });
}

}  // namespace sparsecim
