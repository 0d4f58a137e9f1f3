#pragma once

#include "base/result.hpp"

namespace sparsecim {

/// Makes SIGINT, SIGTERM and SIGHUP set a flag, so that temporary files are removed on the way out; a second one ends
/// at once. A reader that closes our output is an error of the write, not a signal that kills.
void catch_interrupts();

/// An error once the user has asked to stop. Long loops call it between steps.
Result<void> check_interrupt();

}  // namespace sparsecim
