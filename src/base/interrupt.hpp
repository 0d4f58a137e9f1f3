#pragma once

#include "base/result.hpp"

namespace sparsecim {

/// Makes SIGINT and SIGTERM set a flag, so that temporary files are removed on the way out; a second one ends at once.
void catch_interrupts();

/// An error once the user has asked to stop. Long loops call it between steps.
Result<void> check_interrupt();

}  // namespace sparsecim
