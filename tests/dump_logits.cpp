// The logits after each id, as JSON rows, for the oracle tests.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <vector>

#include "base/json.hpp"
#include "model/llama.hpp"

namespace sparsecim {
namespace {

struct Options {
  std::string model, dtype = "float32";
  std::vector<std::int64_t> ids;
  std::int64_t piece = 0;  // 0: all at once, without a cache
};

/// [ids, vocabulary], of which each piece sees the earlier ones through the cache.
Result<at::Tensor> logits_in_pieces(const Llama& llama, const Options& options) {
  const at::Tensor ids = at::tensor(options.ids).unsqueeze(0);
  const std::int64_t piece = options.piece == 0 ? ids.size(1) : options.piece;
  auto caches = llama.make_caches(1, ids.size(1));
  std::vector<at::Tensor> parts;
  for (std::int64_t begin = 0; begin < ids.size(1); begin += piece) {
    const at::Tensor part = ids.narrow(1, begin, std::min(piece, ids.size(1) - begin));
    SC_TRY_ASSIGN(const at::Tensor hidden, llama.forward(part, options.piece == 0 ? nullptr : &caches));
    parts.push_back(llama.logits(hidden)[0]);
  }
  return at::cat(parts);
}

Result<Json> dump(const Options& options) {
  SC_TRY_ASSIGN(const auto checkpoint, open_checkpoint(options.model));
  SC_TRY_ASSIGN(const Compute compute, choose_compute("cpu", options.dtype));
  SC_TRY_ASSIGN(const Llama llama, Llama::open(*checkpoint, compute));
  return guarded([&]() -> Result<Json> {
    SC_TRY_ASSIGN(const at::Tensor logits, logits_in_pieces(llama, options));
    Json rows = Json::array();
    for (const at::Tensor& row : logits.contiguous().unbind(0)) {
      const float* values = row.const_data_ptr<float>();
      rows.push_back(std::vector<float>(values, values + row.numel()));
    }
    return rows;
  });
}

}  // namespace
}  // namespace sparsecim

int main(int argc, char** argv) {
  sparsecim::Options options;
  CLI::App app{"dump_logits MODEL --ids ID...: the logits after each id"};
  app.add_option("model", options.model)->required();
  app.add_option("--ids", options.ids)->required();
  app.add_option("--piece", options.piece, "ids that run at once, the rest through the cache")
      ->check(CLI::PositiveNumber);
  app.add_option("--dtype", options.dtype);
  CLI11_PARSE(app, argc, argv);
  const auto dumped = sparsecim::dump(options);
  if (!dumped) {
    std::fprintf(stderr, "error: %s\n", dumped.error().line().c_str());
    return 1;
  }
  std::puts(dumped->dump().c_str());
  return 0;
}
