#include "prune/block_states.hpp"

#include "base/interrupt.hpp"

namespace sparsecim {

Result<void> observe_block(const Llama& model, const DecoderBlock& block, const std::vector<at::Tensor>& states,
                           const InputObserver& observe) {
  for (const at::Tensor& state : states) {
    SC_TRY(check_interrupt());
    model.forward_block(block, state, nullptr, observe);
  }
  return {};
}

Result<void> run_block(const Llama& model, const DecoderBlock& block, std::vector<at::Tensor>& states,
                       const InputObserver& observe, Progress* progress) {
  for (at::Tensor& state : states) {
    SC_TRY(check_interrupt());
    state = model.forward_block(block, state, nullptr, observe);
    if (progress) progress->advance(state.size(0) * state.size(1));
  }
  return {};
}

}  // namespace sparsecim
