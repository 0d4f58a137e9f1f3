// dump_checkpoint MODEL OUT: what we make of a checkpoint, for the oracle tests. Writes every tensor's float32 values
// to OUT/NAME; prints the configuration and, for each tensor, its type and shape as JSON.

#include <cstdio>

#include "base/file.hpp"
#include "base/json.hpp"
#include "checkpoint/checkpoint.hpp"

namespace sparsecim {
namespace {

Result<Json> dump(const std::filesystem::path& model, const std::filesystem::path& out) {
  SC_TRY_ASSIGN(const auto checkpoint, open_checkpoint(model));
  Json tensors = Json::object();
  for (const TensorInfo& info : checkpoint->tensors()) {
    std::vector<float> values(static_cast<std::size_t>(info.elements()));
    SC_TRY(checkpoint->read(info, values));
    SC_TRY_ASSIGN(OutputFile file, OutputFile::create(out / info.name));
    SC_TRY(file.write(std::as_bytes(std::span(values))));
    SC_TRY(file.commit());
    tensors[info.name] = {{"storage", info.storage}, {"shape", info.shape}};
  }
  return Json{{"config", to_json(checkpoint->config())}, {"tensors", tensors}};
}

}  // namespace
}  // namespace sparsecim

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const auto dumped = sparsecim::dump(argv[1], argv[2]);
  if (!dumped) {
    std::fprintf(stderr, "error: %s\n", dumped.error().line().c_str());
    return 1;
  }
  std::puts(dumped->dump().c_str());
  return 0;
}
