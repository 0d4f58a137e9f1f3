#pragma once

#include <cstdint>
#include <string_view>

namespace sparsecim::bench {

/// Runs a kernel's multiply instruction on registers alone, `rounds` times on enough independent sums to hide its
/// latency, and returns the multiply-accumulates done; 0 for a kernel without such an instruction (portable).
std::int64_t multiply_in_registers(std::string_view kernel, std::int64_t rounds);

}  // namespace sparsecim::bench
