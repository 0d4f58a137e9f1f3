#include "model/open.hpp"

namespace sparsecim {
namespace {

Result<OpenModel> open_by(const std::string& model, const Compute& compute, decltype(&Llama::open) open_llama) {
  SC_TRY_ASSIGN(auto checkpoint, open_checkpoint(model));
  SC_TRY_ASSIGN(auto tokenizer, within(model, open_tokenizer(*checkpoint)));
  SC_TRY_ASSIGN(Llama llama, open_llama(*checkpoint, compute));
  return OpenModel{std::move(checkpoint), std::move(tokenizer), std::move(llama)};
}

}  // namespace

Result<OpenModel> open_model(const std::string& model, const Compute& compute) {
  return open_by(model, compute, &Llama::open);
}

Result<OpenModel> load_model(const std::string& model, const Compute& compute) {
  return open_by(model, compute, &Llama::load);
}

}  // namespace sparsecim
