// The command line. Exit status: 0 done; 1 the input or the run failed; 2 the command line itself is wrong.

#include <cstdio>

#include "base/interrupt.hpp"
#include "base/provenance.hpp"
#include "base/threads.hpp"
#include "cli/verb.hpp"

int main(int argc, char** argv) {
  using namespace sparsecim;
  CLI::App app("From a language-model checkpoint to sparse silicon.", "sparsecim");
  app.set_version_flag("--version", fmt::format("sparsecim {}", version()));
  app.require_subcommand(1);
  catch_interrupts();
  CLI11_PARSE(app, argc, argv);
  return 0;
}
