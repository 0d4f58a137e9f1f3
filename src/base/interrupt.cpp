#include "base/interrupt.hpp"

#include <unistd.h>

#include <csignal>

namespace sparsecim {
namespace {

volatile std::sig_atomic_t g_interrupted = 0;

void on_signal(int) {
  if (g_interrupted) ::_exit(1);
  g_interrupted = 1;
}

}  // namespace

void catch_interrupts() {
  struct sigaction action{};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(signal, &action, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
}

Result<void> check_interrupt() {
  if (g_interrupted) return fail("interrupted");
  return {};
}

}  // namespace sparsecim
