#include "prune/block_states.hpp"

#include "base/interrupt.hpp"

namespace sparsecim {

Result<void> observe_block(const Llama& model, const DecoderBlock& block, const std::vector<at::Tensor>& states,
                           const InputObserver& observe, const BatchSeen& seen) {
  for (std::size_t i = 0; i < states.size(); ++i) {
    SC_TRY(check_interrupt());
    model.forward_block(block, states[i], nullptr, observe);
    if (seen) SC_TRY(seen(i));
  }
  return {};
}

Result<void> run_block(const Llama& model, const DecoderBlock& block, std::vector<at::Tensor>& states,
                       const InputObserver& observe, Progress* progress, const BatchSeen& seen) {
  for (std::size_t i = 0; i < states.size(); ++i) {
    SC_TRY(check_interrupt());
    at::Tensor& state = states[i];
    state = model.forward_block(block, state, nullptr, observe);
    if (seen) SC_TRY(seen(i));
    if (progress) progress->advance(state.size(0) * state.size(1));
  }
  return {};
}

}  // namespace sparsecim
