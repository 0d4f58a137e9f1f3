// export_checkpoint MODEL DIR: a checkpoint exported with nothing changed, for the oracle tests. DIR exists.

#include <cstdio>

#include "checkpoint/export.hpp"

namespace {

sparsecim::Result<void> export_unchanged(const char* model, const char* directory) {
  SC_TRY_ASSIGN(const auto checkpoint, sparsecim::open_checkpoint(model));
  SC_TRY_ASSIGN(auto writer, sparsecim::CheckpointWriter::create(*checkpoint, directory, {}));
  return writer.commit();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const auto exported = export_unchanged(argv[1], argv[2]);
  if (!exported) std::fprintf(stderr, "error: %s\n", exported.error().line().c_str());
  return exported ? 0 : 1;
}
