// dump_logits MODEL ID...: the logits after each id, as JSON rows, for the oracle tests.

#include <cstdio>
#include <cstdlib>
#include <vector>

#include "base/json.hpp"
#include "model/llama.hpp"

namespace sparsecim {
namespace {

Result<Json> dump(const char* model, const std::vector<std::int64_t>& ids) {
  SC_TRY_ASSIGN(const auto checkpoint, open_checkpoint(model));
  SC_TRY_ASSIGN(const Llama llama, Llama::open(*checkpoint, Compute{}));
  return guarded([&]() -> Result<Json> {
    SC_TRY_ASSIGN(const at::Tensor hidden, llama.forward(at::tensor(ids).unsqueeze(0)));
    const at::Tensor logits = llama.logits(hidden)[0].contiguous();  // [ids, vocabulary]
    Json rows = Json::array();
    for (const at::Tensor& row : logits.unbind(0)) {
      const float* values = row.const_data_ptr<float>();
      rows.push_back(std::vector<float>(values, values + row.numel()));
    }
    return rows;
  });
}

}  // namespace
}  // namespace sparsecim

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  std::vector<std::int64_t> ids;
  for (int i = 2; i < argc; ++i) ids.push_back(std::atoll(argv[i]));
  const auto dumped = sparsecim::dump(argv[1], ids);
  if (!dumped) {
    std::fprintf(stderr, "error: %s\n", dumped.error().line().c_str());
    return 1;
  }
  std::puts(dumped->dump().c_str());
  return 0;
}
