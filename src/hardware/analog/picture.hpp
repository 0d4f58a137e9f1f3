#pragma once

#include <string>
#include <string_view>

#include "hardware/analog/machine.hpp"

// What the pictures of one workload's arrays have in common.

namespace sparsecim {

/// Errors: another kind of machine.
Result<const AnalogMachine*> analog_of(const Machine& machine);

/// "layer.0.query, right factor".
std::string stage_title(const AnalogWork& work, const Workload& workload, std::size_t matrix, std::size_t stage);
/// Its own, as CSS has it.
std::string stage_color(const AnalogWork& work, std::size_t matrix, std::size_t stage);
/// As content or attribute of an element.
std::string xml_text(std::string_view text);

}  // namespace sparsecim
