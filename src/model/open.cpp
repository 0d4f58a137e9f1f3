#include "model/open.hpp"

namespace sparsecim {

Result<OpenModel> open_model(const std::string& model, const Compute& compute) {
  SC_TRY_ASSIGN(auto checkpoint, open_checkpoint(model));
  SC_TRY_ASSIGN(auto tokenizer, within(model, open_tokenizer(*checkpoint)));
  SC_TRY_ASSIGN(Llama llama, Llama::load(*checkpoint, compute));
  return OpenModel{std::move(checkpoint), std::move(tokenizer), std::move(llama)};
}

}  // namespace sparsecim
